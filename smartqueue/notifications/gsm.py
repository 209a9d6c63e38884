"""Text messages as octets: the 7-bit alphabet, and texts divided into several messages (3GPP 23.038)."""

from typing import Final

_TABLE: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE: Final = 0x1B
_SECOND: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_OCTETS: Final = {
    letter: bytes([code]) for code, letter in enumerate(_TABLE) if code != _ESCAPE
} | {letter: bytes([_ESCAPE, code]) for code, letter in _SECOND.items()}

EXTENSION: Final = frozenset(_SECOND.values())
"""Letters that take two septets."""
BASIC: Final = frozenset(_OCTETS) - EXTENSION
"""Letters that take one."""
ALONE: Final = {True: 160, False: 140}
"""Octets of `pieces` that a text of a single message has room for; whether it fits GSM or not."""
TOGETHER: Final = {True: 153, False: 134}
"""The same of each of several, which have a header."""


def fits(text: str) -> bool:
    """Whether each letter is in the GSM 7-bit alphabet; one that is not makes the whole text UCS-2."""
    return all(letter in _OCTETS for letter in text)


def pieces(text: str) -> list[bytes]:
    """
    Return the text as the octets of its messages, without headers: one, or several that belong together.

    One octet stands for each septet of the alphabet, two for each unit of UCS-2. No letter is
    divided between two messages.
    """
    is_gsm = fits(text)
    letters = [
        _OCTETS[letter] if is_gsm else letter.encode("utf-16-be", "surrogatepass")
        for letter in text
    ]
    if sum(map(len, letters)) <= ALONE[is_gsm]:
        return [b"".join(letters)]
    found = [b""]
    for letter in letters:
        if len(found[-1]) + len(letter) > TOGETHER[is_gsm]:
            found.append(b"")
        found[-1] += letter
    return found


def decoded(data: bytes) -> str:
    """
    Read one octet for each septet of the 7-bit alphabet.

    :raises ValueError: an octet above 7F
    """
    octets = iter(data)
    found = []
    for octet in octets:
        if octet > 0x7F:
            raise ValueError("an octet above 7F")
        is_escape = octet == _ESCAPE
        found.append(_SECOND.get(next(octets, 0), " ") if is_escape else _TABLE[octet])
    return "".join(found)

"""The alphabets of text messages, and how many segments a text takes (section 2.1)."""

import math
from collections.abc import Iterator
from typing import Final

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE: Final = 0x1B
_EXTENSION: Final = {
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
    letter: bytes([code]) for code, letter in enumerate(_BASIC) if code != _ESCAPE
} | {letter: bytes([_ESCAPE, code]) for code, letter in _EXTENSION.items()}


def fits(text: str) -> bool:
    """Whether each letter is in the GSM 7-bit alphabet; one that is not makes the whole text UCS-2."""
    return all(letter in _OCTETS for letter in text)


def encoded(text: str) -> bytes:
    """Return one octet for each septet; every letter has to fit."""
    return b"".join(_OCTETS[letter] for letter in text)


def decoded(data: bytes) -> str:
    """
    Read one octet for each septet.

    :raises ValueError: an octet above 7F
    """
    return "".join(_letters(data))


def _letters(data: bytes) -> Iterator[str]:
    octets = iter(data)
    for octet in octets:
        if octet > 0x7F:
            raise ValueError(f"{octet:#x} is in no GSM alphabet")
        yield _EXTENSION.get(next(octets, 0), " ") if octet == _ESCAPE else _BASIC[octet]


def segments(text: str) -> int:
    """Return the messages that a text is charged as: 160 or 153 septets each, 70 or 67 of UCS-2."""
    if fits(text):
        length, alone, together = len(encoded(text)), 160, 153
    else:
        length, alone, together = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= alone else math.ceil(length / together)

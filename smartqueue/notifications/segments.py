"""
How long a text message is to the network, which is what it costs.

A text is sent in GSM-7 (3GPP 23.038) when it has no other letter, otherwise all of it in UCS-2. One
that does not fit into a single segment gives up seven septets, or three units, of each for a header.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = frozenset("\f^{}\\[~]|€")


class Alphabet(StrEnum):
    """What a text is written in on the air."""

    GSM_7 = "gsm_7"
    UCS_2 = "ucs_2"


SINGLE: Final = {Alphabet.GSM_7: 160, Alphabet.UCS_2: 70}
PART: Final = {Alphabet.GSM_7: 153, Alphabet.UCS_2: 67}


@dataclass(frozen=True, slots=True)
class Length:
    """
    The length of a text: `units` are septets or UTF-16 units, `left` how many still fit into the last
    segment, `widening` the letters that make it UCS-2, each once.
    """

    alphabet: Alphabet
    units: int
    segments: int
    left: int
    widening: str = ""


def measure(text: str) -> Length:
    """Return how long a text is; the empty one is one segment with nothing in it."""
    widening = "".join(dict.fromkeys(c for c in text if c not in BASIC and c not in EXTENSION))
    alphabet = Alphabet.UCS_2 if widening else Alphabet.GSM_7
    sizes = [_size(letter, alphabet) for letter in text]
    units = sum(sizes)
    if units <= SINGLE[alphabet]:
        return Length(alphabet, units, 1, SINGLE[alphabet] - units, widening)
    segments, used = 1, 0
    for size in sizes:
        # A letter of two units is never cut in two.
        if used + size > PART[alphabet]:
            segments, used = segments + 1, 0
        used += size
    return Length(alphabet, units, segments, PART[alphabet] - used, widening)


def _size(letter: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM_7:
        return 2 if letter in EXTENSION else 1
    return 2 if ord(letter) > 0xFFFF else 1

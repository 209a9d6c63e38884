"""
How long a text message is to the network, which is what it costs: counted in what `gsm` makes of it.
"""

from dataclasses import dataclass
from enum import StrEnum

from smartqueue.notifications import gsm


class Alphabet(StrEnum):
    """What a text is written in on the air."""

    GSM_7 = "gsm_7"
    UCS_2 = "ucs_2"


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
    widening = "".join(dict.fromkeys(letter for letter in text if not gsm.fits(letter)))
    is_gsm = not widening
    pieces = gsm.pieces(text)
    room = gsm.ALONE if len(pieces) == 1 else gsm.TOGETHER
    octets = 1 if is_gsm else 2
    return Length(
        alphabet=Alphabet.GSM_7 if is_gsm else Alphabet.UCS_2,
        units=sum(map(len, pieces)) // octets,
        segments=len(pieces),
        left=(room[is_gsm] - len(pieces[-1])) // octets,
        widening=widening,
    )

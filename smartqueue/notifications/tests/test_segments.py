import re

from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.notifications.gsm import BASIC, EXTENSION
from smartqueue.notifications.segments import Alphabet, measure

SINGLE = {Alphabet.GSM_7: 160, Alphabet.UCS_2: 70}
PART = {Alphabet.GSM_7: 153, Alphabet.UCS_2: 67}

GSM = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=400)


def test_lengths_of_the_standard() -> None:
    cases = {
        "": (Alphabet.GSM_7, 0, 1),
        "a" * 160: (Alphabet.GSM_7, 160, 1),
        "a" * 161: (Alphabet.GSM_7, 161, 2),
        "a" * 306: (Alphabet.GSM_7, 306, 2),
        "a" * 307: (Alphabet.GSM_7, 307, 3),
        "é" * 160: (Alphabet.GSM_7, 160, 1),
        "€" * 80: (Alphabet.GSM_7, 160, 1),
        # 76 pairs fill 152 of 153 septets: the pair that does not fit goes on whole.
        "€" * 153: (Alphabet.GSM_7, 306, 3),
        "ê" * 70: (Alphabet.UCS_2, 70, 1),
        "ê" * 71: (Alphabet.UCS_2, 71, 2),
        "ç": (Alphabet.UCS_2, 1, 1),
        "Ç": (Alphabet.GSM_7, 1, 1),
        "😀" * 35: (Alphabet.UCS_2, 70, 1),
        # 33 of them fill 66 of 67 units.
        "😀" * 67: (Alphabet.UCS_2, 134, 3),
        "دورك" * 17: (Alphabet.UCS_2, 68, 1),
    }
    for text, expected in cases.items():
        found = measure(text)
        assert (found.alphabet, found.units, found.segments) == expected, text[:4]


def test_the_letters_that_make_a_text_longer_are_named() -> None:
    assert measure("Reçu à la forêt, reçu").widening == "çê"
    assert measure("A" * 100 + "ê").left == 67 * 2 - 101


@settings(max_examples=40)
@given(GSM)
def test_gsm_letters_stay_gsm(text: str) -> None:
    found = measure(text)
    assert found.alphabet is Alphabet.GSM_7
    assert found.units == len(text) + len(re.findall(r"[\f^{}\\\[~\]|€]", text))


@settings(max_examples=40)
@given(st.text(max_size=400))
def test_segments_hold_what_they_count(text: str) -> None:
    found = measure(text)
    if found.alphabet is Alphabet.UCS_2:
        assert found.units == len(text.encode("utf-16-be", "surrogatepass")) // 2
    room = SINGLE[found.alphabet] if found.segments == 1 else PART[found.alphabet] * found.segments
    assert found.units <= room
    assert 0 <= found.left <= SINGLE[found.alphabet]
    assert found.segments == 1 or found.units > SINGLE[found.alphabet]
    # At most one unit of each segment stays empty for a letter of two.
    least = found.units + found.segments - 1
    assert found.segments == 1 or found.segments <= -(-least // (PART[found.alphabet] - 1))


@settings(max_examples=40)
@given(st.text(max_size=200), st.text(max_size=50))
def test_more_text_is_never_shorter(text: str, more: str) -> None:
    assert measure(text + more).segments >= measure(text).segments

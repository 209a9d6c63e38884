"""
What phones are told, from one table per language in `catalog/`.

Another language is another file there: what it leaves out is said in French. Texts go out in the
7-bit alphabet where the language can be written in it, since one other letter halves what fits.
"""

import functools
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import translation

from smartqueue.common.errors import Problem
from smartqueue.notifications import gsm
from smartqueue.notifications.segments import measure
from smartqueue.notifications.texts import clean

CATALOG: Final = Path(__file__).parent / "catalog"
FALLBACK: Final = "fr"
MOST_SEGMENTS: Final = 2
USSD_LETTERS: Final = 160
USSD_LETTERS_UCS_2: Final = 80
NAME_LETTERS: Final = 30

Table = Mapping[str, Any]


@functools.cache
def tables() -> Mapping[str, Table]:
    """Return every language's table, the fallback's first."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in CATALOG.glob("*.json")}
    return {code: found[code] for code in sorted(found, key=lambda code: (code != FALLBACK, code))}


def languages(*, ussd: bool = False) -> list[str]:
    """Return the languages that can be written, or those that USSD menus come in."""
    return [code for code, table in tables().items() if table.get("ussd") or not ussd]


def name_of(language: str) -> str:
    """Return what a language calls itself."""
    return str(tables()[language]["name"])


def known(language: str, *, ussd: bool = False) -> str:
    """Return a language that has a table, the fallback for others."""
    return language if language in languages(ussd=ussd) else FALLBACK


def say(language: str, key: str, **values: object) -> str:
    """Return one text; names in it are cut to what a phone's screen bears."""
    table = tables().get(language, {})
    template: str = table.get(key) or tables()[FALLBACK][key]
    return template.format_map({name: _value(value) for name, value in values.items()})


def _value(value: object) -> str:
    return value if isinstance(value, Whole) else cut(str(value))


class Whole(str):
    """A value that is a text of ours already, and is not cut."""

    __slots__ = ()


def cut(text: str, most: int = NAME_LETTERS) -> str:
    """Return the text on one line, at most so many letters of it, without what is not seen."""
    line = " ".join(clean(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}."


def refusal(language: str, problem: Problem) -> str:
    """Return why something cannot be done, as the pages say it."""
    with translation.override(language if language in dict(settings.LANGUAGES) else FALLBACK):
        if problem.errors:
            return str(problem.errors[0].message)
        text = str(problem.detail or problem.title)
        return text if problem.status != 404 else say(language, "failed")  # not found


def fitted(text: str, *, ussd: bool = False) -> str:
    """
    Return a text in the letters of phones, cut to two messages or to one screen; a screen loses the
    ends of its longest lines, so that its choices stay.
    """
    written = text if _is_arabic(text) else _plain(text)
    while not _fits(written, ussd=ussd):
        written = _with_longest_line_cut(written) if ussd else written[:-1]
    return written


def _with_longest_line_cut(text: str) -> str:
    lines = text.split("\n")
    longest = max(range(len(lines)), key=lambda number: len(lines[number]))
    lines[longest] = lines[longest][:-1]
    return "\n".join(lines)


def _fits(text: str, *, ussd: bool) -> bool:
    length = measure(text)
    if not ussd:
        return length.segments <= MOST_SEGMENTS
    return length.units <= (USSD_LETTERS_UCS_2 if length.widening else USSD_LETTERS)


def _is_arabic(text: str) -> bool:
    return any("\u0600" <= letter <= "\u06ff" for letter in text)


def _plain(text: str) -> str:
    return "".join(_letter(letter) for letter in text)


# What keyboards and the pages write that the alphabet lacks.
_SIGNS: Final = {
    "\u2019": "'",
    "\u2018": "'",
    "\u2013": "-",
    "\u2014": "-",
    "…": "...",
    "œ": "oe",
    "Œ": "OE",
    "ŋ": "ng",
    "Ŋ": "NG",
} | {
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "\u00a0": " ",
    "\u202f": " ",
}


def _letter(letter: str) -> str:
    if gsm.fits(letter):
        return letter
    if letter in _SIGNS:
        return _SIGNS[letter]
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if c in gsm.BASIC)
    return bare or ("" if unicodedata.category(letter)[0] in "CMS" else "?")


def told_in(language: str) -> str:
    """Return the language in which the product's other messages can be had."""
    return language if language in dict(settings.LANGUAGES) else FALLBACK

"""What somebody means by a text message: a command and what stands after it."""

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple

from smartqueue.dialogues.texts import tables

CODE: Final = re.compile(r"[A-Z0-9]{3,12}")
_CLOSE: Final = 0.8
_SHORTEST_GUESSED: Final = 5


class Meant(NamedTuple):
    """A command, empty where none was said; the other words; and the language that the command is of."""

    command: str
    rest: tuple[str, ...]
    language: str


def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words in capitals, without accents and signs."""
    spread = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in spread if not unicodedata.combining(c) and c != "\u0640")
    return tuple(re.findall(r"[^\W_]+", bare.upper()))


@functools.cache
def _commands() -> dict[str, tuple[str, str]]:
    """Return each word's command and language; the first language that has a word keeps it."""
    found: dict[str, tuple[str, str]] = {}
    for language, table in tables().items():
        for command, synonyms in table.get("words", {}).items():
            for synonym in synonyms:
                found.setdefault("".join(words_of(synonym)), (command, language))
    return found


def is_command(word: str) -> bool:
    """Whether a word is taken by a command, and so no place's code."""
    return word in _commands()


def meant_by(text: str) -> Meant:
    """Return what a text asks for. A word that is nearly a command's is taken for it."""
    words = words_of(text)
    for place, word in enumerate(words[:1]):
        known = _commands().get(word)
        if known:
            return Meant(known[0], words[place + 1 :], known[1])
    return Meant("", words, "")


def guessed(words: tuple[str, ...]) -> Meant:
    """Return the command that the first word is nearly, for who mistyped."""
    first = words[0] if words else ""
    if len(first) >= _SHORTEST_GUESSED:
        close = difflib.get_close_matches(first, _commands(), n=1, cutoff=_CLOSE)
        if close:
            command, language = _commands()[close[0]]
            return Meant(command, words[1:], language)
    return Meant("", words, "")


def codes_in(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """
    Return the ways to read words as a place's code and the letter of a queue, longest code first:
    `MAIRIE B`, `mairieb` and `Mai rie-b` are the same.
    """
    whole = "".join(words)
    pairs = [(whole[:end], whole[end:]) for end in range(len(whole), len(whole) - 4, -1)]
    return [(code, letter) for code, letter in pairs if CODE.fullmatch(code)]


def suggested(name: str) -> str:
    """Return a code for a place's name: its longest telling word, in capitals."""
    words = [word for word in words_of(name) if word.isascii() and not is_command(word)]
    telling = max(words, key=len, default="")[:10]
    return telling if len(telling) >= 3 else "PLACE1"  # the shortest code


def nearest(word: str, codes: Iterable[str]) -> str | None:
    """Return the code that a word is nearly, if any."""
    close = difflib.get_close_matches(word, list(codes), n=1, cutoff=_CLOSE - 0.1)
    return close[0] if close else None

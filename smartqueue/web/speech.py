"""
Spoken calls, put together from clips: "Ticket", "A", "42", "counter", "3".

A display fetches the clips once and needs no network to speak. Each clip is a recording, where one
was given (SPEECH_RECORDINGS, `<language>/<name>.wav`), and else made by espeak-ng, once, and kept. A
language without a voice there, as Wolof, speaks as soon as it is recorded.
"""

import io
import os
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from django.conf import settings
from django.utils.text import slugify

WORDS_PER_MINUTE: Final = 140
TIMEOUT_SECONDS: Final = 10
QUIET: Final = 300
"""What counts as silence at both ends of a clip, of 32,768."""
MARGIN_SECONDS: Final = 0.03

_USUAL_COUNTER: Final = re.compile(
    r"^(?:(?:guichet|counter|comptoir|desk)\b.*?)?(\d{1,5})\s*$", re.IGNORECASE
)
_LANGUAGE: Final = re.compile(r"^[a-z]{2,3}\Z")


@dataclass(frozen=True, slots=True)
class Voice:
    """How espeak-ng speaks a language. `joint` stands between hundreds and the rest, where one does."""

    name: str
    ticket: str
    counter: str
    joint: str = ""


VOICES: Final = {
    "fr": Voice("fr-fr", "Ticket", "guichet"),
    "en": Voice("en-gb", "Ticket", "counter", joint="and"),
    "ar": Voice("ar", "التذكرة", "الشباك", joint="و"),
}


@cache
def program() -> str | None:
    """Return where espeak-ng is; None when it is not installed."""
    return shutil.which("espeak-ng")


def languages() -> list[str]:
    """Return the languages that can be spoken here."""
    made = set(VOICES) if program() else set()
    recorded = {path.parent.name for path in _recordings().glob("*/ticket.wav")}
    return sorted(made | {name for name in recorded if is_language(name)})


def is_language(code: str) -> bool:
    """Whether this can be the code of a language, and so the name of a directory."""
    return bool(_LANGUAGE.match(code))


def vocabulary(language: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each clip that numbers need, and what it says (in French if nobody knows)."""
    voice = VOICES.get(language, VOICES["fr"])
    yield "ticket", voice.ticket
    yield "counter", voice.counter
    for letter in "abcdefghijklmnopqrstuvwxyz":
        yield f"letter-{letter}", letter.upper()
    for number in range(100):
        yield f"number-{number}", str(number)
    for number in range(1, 10):
        yield f"hundred-{number}", str(number * 100)
    for number in range(1, 100):
        yield f"thousand-{number}", str(number * 1000)
    if has_joint(language):
        for number in range(1, 100):
            yield f"and-{number}", f"{voice.joint} {number}"


def has_joint(language: str) -> bool:
    """Whether "three hundred" and "42" need a word between them."""
    if language in VOICES:
        return bool(VOICES[language].joint)
    return (_recordings() / language / "and-1.wav").exists()


def counter_pieces(counter: str) -> list[str | int]:
    """Return what says a counter: "Guichet 3" and "3" are a clip and a number, "Salle Bleue" its own clip."""
    usual = _USUAL_COUNTER.match(counter)
    return ["counter", int(usual[1])] if usual else [place_name(counter)]


def place_name(counter: str) -> str:
    """Return the name of the clip that says a counter's own name."""
    readable = slugify(counter)
    return f"place-{readable or sha256(counter.encode()).hexdigest()[:12]}"


def clip(language: str, name: str, text: str) -> bytes | None:
    """
    Return a WAV (mono, without silence around it): recorded, kept from before, or made now.

    None for a language that neither speaks.
    """
    recorded = _recordings() / language / f"{name}.wav"
    if recorded.is_file():
        return recorded.read_bytes()
    voice = VOICES.get(language)
    if voice is None:
        return None
    said = sha256(f"{voice.name} {WORDS_PER_MINUTE} {text}".encode()).hexdigest()[:32]
    path = Path(settings.SPEECH_DIR) / f"{said}.wav"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return _make(path, voice.name, text)


def _recordings() -> Path:
    return Path(settings.SPEECH_RECORDINGS)


def _make(path: Path, voice: str, text: str) -> bytes | None:
    speaker = program()
    if speaker is None:
        return None
    command = [speaker, "-v", voice, "-s", str(WORDS_PER_MINUTE), "--stdin", "--stdout"]
    try:
        made = subprocess.run(  # noqa: S603 - no shell, the words come on standard input
            command,
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    wav = _trimmed(made.stdout)
    _keep(path, wav)
    return wav


def _trimmed(wav: bytes) -> bytes:
    """Cut the silence at both ends, so that clips follow each other as words do."""
    with wave.open(io.BytesIO(wav)) as source:
        rate = source.getframerate()
        # The header of a stream names no length: the frames are what is there.
        samples = np.frombuffer(source.readframes(10**9), dtype="<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
    if loud.size:
        margin = int(MARGIN_SECONDS * rate)
        samples = samples[max(0, loud[0] - margin) : loud[-1] + margin]
    target = io.BytesIO()
    with wave.open(target, "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(rate)
        sink.writeframes(samples.tobytes())
    return target.getvalue()


def _keep(path: Path, wav: bytes) -> None:
    """Put the clip in place in one step: two processes may make the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(wav)
    Path(temporary).replace(path)

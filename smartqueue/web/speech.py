"""Spoken calls: espeak-ng makes a clip once for each sentence, and it is kept."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import translation

from smartqueue.web.wording import announcement

VOICES: Final = {"fr": "fr-fr", "en": "en-gb", "ar": "ar"}
WORDS_PER_MINUTE: Final = 140
TIMEOUT_SECONDS: Final = 10
CLIPS_KEPT: Final = 5000


@cache
def program() -> str | None:
    """Return where espeak-ng is; None when it is not installed."""
    return shutil.which("espeak-ng")


def _directory() -> Path:
    directory = Path(settings.SPEECH_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def clip(language: str, number: str, counter: str) -> bytes | None:
    """
    Return a WAV of "Ticket A 42, counter 3." in a language, made now or kept from before.

    None when espeak-ng is absent or fails: a display then rings only.
    """
    with translation.override(language):
        sentence = announcement(number, counter)
    directory = _directory()
    name = sha256(f"{VOICES[language]} {WORDS_PER_MINUTE} {sentence}".encode()).hexdigest()[:32]
    path = directory / f"{name}.wav"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return _make(path, VOICES[language], sentence)


def _make(path: Path, voice: str, sentence: str) -> bytes | None:
    speaker = program()
    if speaker is None:
        return None
    command = [speaker, "-v", voice, "-s", str(WORDS_PER_MINUTE), "-g", "4", "--stdin", "--stdout"]
    try:
        made = subprocess.run(  # noqa: S603 - no shell, the sentence comes on standard input
            command,
            input=sentence.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    _keep(path, made.stdout)
    return made.stdout


def _keep(path: Path, wav: bytes) -> None:
    """Put the clip in place in one step; past the limit the oldest half goes."""
    clips = sorted(path.parent.glob("*.wav"), key=lambda p: p.stat().st_mtime)
    if len(clips) >= CLIPS_KEPT:
        for old in clips[: CLIPS_KEPT // 2]:
            old.unlink(missing_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(wav)
    Path(temporary).replace(path)

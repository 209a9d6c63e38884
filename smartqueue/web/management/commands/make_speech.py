"""Make the clips of spoken calls before the first call, and say what is left to record."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smartqueue.web import speech


class Command(BaseCommand):
    help = (
        "Make the clips that displays speak with, or list those that a language lacks: each line is "
        "the name of a file below SPEECH_RECORDINGS and what it says."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("languages", nargs="*", default=list(speech.VOICES), metavar="LANGUAGE")

    def handle(self, *args: Any, languages: list[str], **options: Any) -> None:
        missing = [line for language in languages for line in self._make(language)]
        if missing:
            self.stdout.write("\n".join(missing))
            raise CommandError(f"{len(missing)} clips have no recording and no voice.")

    def _make(self, language: str) -> list[str]:
        if not speech.is_language(language):
            raise CommandError(f"{language} is not the code of a language, such as wo.")
        words = dict(speech.vocabulary(language))
        lacking = [name for name, text in words.items() if not speech.clip(language, name, text)]
        self.stdout.write(f"{language}: {len(words) - len(lacking)} of {len(words)} clips")
        return [f"{language}/{name}.wav\t{words[name]}" for name in lacking]

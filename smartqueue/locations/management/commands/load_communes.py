"""`manage.py load_communes [path]`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartqueue.locations import operations


class Command(BaseCommand):
    help = "Load the communes of Senegal from the project's own table, or from another of its form."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="?", type=Path, default=operations.OWN_TABLE)

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        try:
            loaded = operations.load_communes(path=path)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        except (KeyError, ValueError) as error:
            raise CommandError(f"{path} is not a table of communes: {error!r}") from error
        self.stdout.write(
            f"communes: {loaded.added} added, {loaded.changed} changed, {loaded.unchanged} unchanged"
        )

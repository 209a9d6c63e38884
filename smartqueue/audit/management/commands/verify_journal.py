"""Check that the journal is what was sealed, day by day."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartqueue.audit import chain
from smartqueue.audit.models import DayChain


class Command(BaseCommand):
    """Recomputes every sealed day and names the first that differs."""

    help = "Recompute the journal's hash chain and name the first day that differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the days to look at; all of them unless told."""
        parser.add_argument("--from", dest="since", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--to", dest="until", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, since: date | None, until: date | None, **options: Any) -> None:
        """
        Print the newest link when all is well.

        :raises CommandError: a day is not what was sealed
        """
        fault = next(chain.faults(since, until), None)
        if fault is not None:
            raise CommandError(f"{fault.day}: {fault.what}")
        links = DayChain.objects.order_by("day")
        if since:
            links = links.filter(day__gte=since)
        if until:
            links = links.filter(day__lte=until)
        last = links.last()
        if last is None:
            self.stdout.write("No day is sealed yet.")
            return
        self.stdout.write(f"{links.count()} days are as they were sealed.")
        self.stdout.write(f"{last.day} {bytes(last.digest).hex()}")

"""`manage.py generate_slots`: the usual weekly slots for the services of a branch's queues."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smartqueue.appointments.management.commands import _usual
from smartqueue.business.models import Branch
from smartqueue.common import clock


class Command(BaseCommand):
    help = (
        "Offer appointments Monday to Friday from 9 to 17 every 30 minutes for each service of a "
        "branch's queues. Weekdays that have slots stay as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the branch, and how many places a start has."""
        parser.add_argument("branch", help="the branch's name in addresses")
        parser.add_argument("--capacity", type=int, default=1, help="places at each start")
        parser.add_argument("--public", type=int, help="of these for the public; all unless told")

    def handle(self, *args: Any, **options: Any) -> None:
        """Generate the slots, and say how many."""
        rows = Branch.objects.with_scopes_disabled()
        branch = rows.filter(slug=options["branch"], closed_at=None).first()
        if branch is None:
            raise CommandError("There is no such branch.")
        capacity, public = options["capacity"], options["public"]
        if capacity < 1 or (public is not None and not 0 <= public <= capacity):
            raise CommandError("Give one place or more, and at most all of them to the public.")
        made = _usual.offer_usual_slots(branch, clock.now(), capacity, public)
        self.stdout.write(f"{made} weekly slots made" if made else "all there")

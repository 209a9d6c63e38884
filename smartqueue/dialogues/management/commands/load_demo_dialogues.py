"""`manage.py load_demo_dialogues`: codes and missed-call numbers of the demonstration's places."""

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.models import User
from smartqueue.business.models import Branch, Membership
from smartqueue.common import clock
from smartqueue.dialogues import operations, queries

OWNER: Final = "owner@demo.smartqueue.test"
CODES: Final = {
    "Hôtel de ville": "MAIRIE",
    "Annexe de Sor": "SOR",
    "Consultations externes": "HOPITAL",
    "Laboratoire": "LABO",
    "Hann Bel-Air": "HANN",
    "Thiès": "THIES",
}
# The first place has the number that the pretend phones ring.
NUMBERS: Final = dict(
    zip(CODES, ("+221338000000", *(f"+22133961000{n}" for n in range(1, 6))), strict=True)
)


class Command(BaseCommand):
    help = "Give the demonstration's places codes and missed-call numbers; run load_demo first."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, through the operations; what is there stays as people left it."""
        if not settings.ALLOW_DEMO_ACCOUNTS:
            raise CommandError("These settings refuse demonstration accounts; production does.")
        owner = User.objects.get(email=OWNER)
        actor = actor_of_user(owner.pk, is_platform_admin=False, language="fr")
        owned = Membership.objects.with_scopes_disabled().filter(user=owner)
        branches = Branch.objects.with_scopes_disabled().filter(
            organization__in=owned.values("organization"), name__in=CODES, closed_at=None
        )
        lines = 0
        for branch in branches:
            queues = queries.open_queues(branch.pk)
            if queries.line_of_branch(branch.pk) is not None or not queues:
                continue
            operations.set_line(
                actor=actor,
                branch_id=branch.pk,
                code=CODES[branch.name],
                missed_call_number=NUMBERS[branch.name],
                missed_call_queue_id=queues[0].pk,
                now=clock.now(),
            )
            lines += 1
        self.stdout.write(
            f"phone lines of the demonstration: {lines} made"
            if lines
            else "phone lines of the demonstration: all there"
        )

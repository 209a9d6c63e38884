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
NUMBER: Final = "+22133961{place:04d}"


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
            organization__in=owned.values("organization"), name_fr__in=CODES, closed_at=None
        )
        lines = 0
        for branch in branches:
            queues = queries.open_queues(branch.pk)
            if queries.line_of_branch(branch.pk) is not None or not queues:
                continue
            operations.set_line(
                actor=actor,
                branch_id=branch.pk,
                code=CODES[branch.name_fr],
                missed_call_number=NUMBER.format(place=list(CODES).index(branch.name_fr) + 1),
                missed_call_queue_id=queues[0].pk,
                now=clock.now(),
            )
            lines += 1
        self.stdout.write(
            f"phone lines of the demonstration: {lines} made"
            if lines
            else "phone lines of the demonstration: all there"
        )

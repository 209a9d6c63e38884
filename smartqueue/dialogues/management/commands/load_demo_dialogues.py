"""`manage.py load_demo_dialogues`: how the demonstration's places are reached by phone."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.models import User
from smartqueue.appointments import operations as appointment_operations
from smartqueue.appointments import queries as appointment_queries
from smartqueue.business.models import Branch, Membership, Service
from smartqueue.common import clock, tenancy
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
BOOKED_AT: Final = "Hôtel de ville"
# The first of the pretend phones.
BOOKED_FOR: Final = appointment_operations.Person(customer_name="Awa Diop", phone="+221770000001")
AHEAD: Final = timedelta(days=7)


class Command(BaseCommand):
    help = (
        "Give the demonstration's places codes and missed-call numbers, and the first pretend phone an "
        "appointment; run load_demo and load_demo_appointments first."
    )

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
        now, made = clock.now(), 0
        for branch in branches:
            made += self._line(actor, branch, now)
            if branch.name == BOOKED_AT:
                made += self._appointment(actor, branch, now)
        self.stdout.write(
            f"phone lines of the demonstration: {made} things made"
            if made
            else "phone lines of the demonstration: all there"
        )

    def _line(self, actor: Actor, branch: Branch, now: datetime) -> int:
        queues = queries.open_queues(branch.pk)
        if queries.line_of_branch(branch.pk) is not None or not queues:
            return 0
        operations.set_line(
            actor=actor,
            branch_id=branch.pk,
            code=CODES[branch.name],
            missed_call_number=NUMBERS[branch.name],
            missed_call_queue_id=queues[0].pk,
            now=now,
        )
        return 1

    def _appointment(self, actor: Actor, branch: Branch, now: datetime) -> int:
        """Book the first free start from tomorrow on, unless the phone has an appointment ahead."""
        if queries.appointments_of(BOOKED_FOR.phone, now):
            return 0
        since = clock.service_date(now, branch.timezone) + timedelta(days=1)
        with tenancy.organizations([branch.organization_id]):
            services = list(Service.objects.filter(organization=branch.organization_id))
        found = appointment_queries.bookables(services, [branch], since, since + AHEAD)
        free = appointment_queries.Openings(found, since, since + AHEAD, now)
        if not free:
            return 0
        wish = appointment_operations.Wish(
            service_id=free[0].bookable.service.pk,
            branch_id=branch.pk,
            starts_at=free[0].slot.starts_at,
        )
        appointment_operations.book_appointment(actor=actor, wish=wish, person=BOOKED_FOR, now=now)
        return 1

"""`manage.py load_demo_appointments`: slots and some bookings at the demonstration's places."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from smartqueue.appointments import operations, queries
from smartqueue.appointments.management.commands import _usual
from smartqueue.appointments.models import Appointment
from smartqueue.business.models import Branch, Membership, Service
from smartqueue.common import clock, tenancy
from smartqueue.common.errors import Problem

OWNER: Final = "owner@demo.smartqueue.test"
CAPACITY: Final = 3
FOR_THE_PUBLIC: Final = 2
NAMES: Final = ("Fatou Sarr", "Moussa Ba", "Aminata Fall", "Ibrahima Sow")


class Command(BaseCommand):
    help = "Offer appointments at the demonstration's places, and book some; run load_demo first."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, through the operations."""
        if not settings.ALLOW_DEMO_ACCOUNTS:
            raise CommandError("These settings refuse demonstration accounts; production does.")
        now = clock.now()
        owned = Membership.objects.with_scopes_disabled().filter(user__email=OWNER)
        ids = list(owned.values_list("organization", flat=True))
        branches = Branch.objects.with_scopes_disabled().filter(
            organization__in=ids, closed_at=None
        )
        made = 0
        for branch in branches.order_by("slug"):
            made += _usual.offer_usual_slots(branch, now, CAPACITY, FOR_THE_PUBLIC)
            made += self._book_some(branch, now)
        self.stdout.write(
            f"appointments of the demonstration: {made} things made"
            if made
            else "appointments of the demonstration: all there"
        )

    def _book_some(self, branch: Branch, now: datetime) -> int:
        """Book the first starts of the next week by the staff, unless somebody is booked ahead."""
        with tenancy.organizations([branch.organization_id]):
            ahead = Appointment.objects.filter(branch=branch, starts_at__gt=now)
            if ahead.exists():
                return 0
            services = list(Service.objects.filter(pk__in=_usual.services_at(branch)[:1]))
        today = clock.service_date(now, branch.timezone)
        found = queries.bookables(services, [branch], today, today + timedelta(days=7))
        free = list(queries.Openings(found, today, today + timedelta(days=7), now))
        return sum(
            self._book(row, name, branch, now) for row, name in zip(free[::3], NAMES, strict=False)
        )

    def _book(self, row: queries.FreeSlot, name: str, branch: Branch, now: datetime) -> int:
        wish = operations.Wish(
            service_id=row.bookable.service.pk, branch_id=branch.pk, starts_at=row.slot.starts_at
        )
        try:
            operations.book_appointment(
                actor=_usual.owner_of(branch.organization_id),
                wish=wish,
                person=operations.Person(customer_name=name),
                now=now,
            )
        except Problem:
            return 0
        return 1

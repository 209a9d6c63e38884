"""What the clock has come to, of all organizations."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from smartqueue.appointments.enums import AppointmentState, WaitlistState
from smartqueue.appointments.models import Appointment, WaitlistEntry

MOST_AT_ONCE: Final = 1000


def holds_that_are_over(now: datetime) -> list[UUID]:
    """Return the holds, offers and requests of all organizations whose time is over, oldest first."""
    rows = Appointment.objects.with_scopes_disabled()
    held = rows.filter(free_at__lte=now).order_by("free_at")
    asked = rows.filter(state=AppointmentState.PENDING, starts_at__lte=now).order_by("starts_at")
    return [
        *held.values_list("pk", flat=True)[:MOST_AT_ONCE],
        *asked.values_list("pk", flat=True)[:MOST_AT_ONCE],
    ]


def reminders_due(now: datetime) -> list[UUID]:
    """Return the appointments of all organizations of which somebody is to be reminded."""
    rows = Appointment.objects.with_scopes_disabled().filter(next_reminder_at__lte=now)
    return list(rows.order_by("next_reminder_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def appointments_missed(now: datetime) -> list[UUID]:
    """Return the confirmed appointments of all organizations whose time is an hour past."""
    rows = Appointment.objects.with_scopes_disabled().filter(
        state=AppointmentState.CONFIRMED, starts_at__lt=now, ends_at__lte=now - timedelta(hours=1)
    )
    return list(rows.order_by("starts_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def wishes_that_are_over(now: datetime) -> list[UUID]:
    """Return the wishes of all organizations' waitlists whose last date may be over."""
    rows = WaitlistEntry.objects.with_scopes_disabled().filter(
        state=WaitlistState.WAITING, until_date__lt=now.date()
    )
    return list(rows.order_by("until_date").values_list("pk", flat=True)[:MOST_AT_ONCE])

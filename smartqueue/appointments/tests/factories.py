"""Calendars to book in, built through the operations."""

from datetime import datetime, time, timedelta
from typing import Any

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import operations
from smartqueue.appointments.models import Appointment, AppointmentSlot, WaitlistEntry
from smartqueue.appointments.operations import Person, Wish
from smartqueue.queues.tests.factories import NOW, Place, make_actor

# A Monday at nine in Dakar; the slots are those of the next day.
TOMORROW = NOW + timedelta(days=1)
NINE = TOMORROW
TEN = TOMORROW + timedelta(hours=1)
ELEVEN = TOMORROW + timedelta(hours=2)


def make_slot(place: Place, **values: Any) -> AppointmentSlot:
    """Return a weekly slot of a place's service: Tuesdays from 9 to 17 every hour unless told."""
    values.setdefault("day_of_week", 1)
    values.setdefault("start_time", time(9))
    values.setdefault("end_time", time(17))
    values.setdefault("interval_minutes", 60)
    values.setdefault("capacity", 1)
    values.setdefault("public_capacity", values["capacity"])
    values.setdefault("branch_id", place.branch.pk)
    values.setdefault("service_id", place.service.pk)
    return operations.create_slot(actor=place.owner, now=NOW, **values)


def set_rules(place: Place, **values: Any) -> None:
    """Decide how the place's service is booked."""
    operations.set_booking_rules(actor=place.owner, service_id=place.service.pk, now=NOW, **values)


def wish(place: Place, starts_at: datetime = NINE, **values: Any) -> Wish:
    """Return a time of the place's service."""
    values.setdefault("service_id", place.service.pk)
    values.setdefault("branch_id", place.branch.pk)
    return Wish(starts_at=starts_at, **values)


def hold(
    place: Place,
    starts_at: datetime = NINE,
    *,
    actor: Actor | None = None,
    now: datetime = NOW,
    person: Person | None = None,
    device: str = "",
    **values: Any,
) -> Appointment:
    """Return places held by somebody, or by a new person."""
    return operations.hold_appointment(
        actor=actor or make_actor(),
        wish=wish(place, starts_at, **values),
        now=now,
        person=person,
        device=device,
    )


def book(
    place: Place,
    starts_at: datetime = NINE,
    *,
    actor: Actor | None = None,
    now: datetime = NOW,
    person: Person | None = None,
    **values: Any,
) -> Appointment:
    """Return an appointment of somebody, or of a new person."""
    return operations.book_appointment(
        actor=actor or make_actor(),
        wish=wish(place, starts_at, **values),
        person=person or Person(),
        now=now,
    )


def wait_for_place(
    place: Place, *, actor: Actor | None = None, now: datetime = NOW, **values: Any
) -> WaitlistEntry:
    """Return somebody's place on the waitlist for tomorrow."""
    values.setdefault("from_date", TOMORROW.date())
    values.setdefault("until_date", TOMORROW.date())
    values.setdefault("service_id", place.service.pk)
    values.setdefault("branch_id", place.branch.pk)
    return operations.join_waitlist(actor=actor or make_actor(), now=now, **values)

"""What the rest of the product hears of appointments, and they of it."""

from datetime import timedelta
from uuid import UUID

import pytest

from smartqueue.appointments import handlers, operations, tasks
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.tests.factories import (
    NINE,
    TEN,
    book,
    hold,
    make_slot,
    set_rules,
)
from smartqueue.common import clock
from smartqueue.outbox.events import class_of, rebuild
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import estimates
from smartqueue.queues.models import ExpectedPeople
from smartqueue.queues.tests.factories import Place, join, make_actor, make_place, sit_down

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    made = make_place()
    make_slot(made, capacity=3)
    return made


def hear() -> None:
    """Let the queues hear of every event so far, twice each and out of order."""
    rows = DomainEvent.objects.filter(type__startswith="appointments.appointment.")
    for row in rows.order_by("-pk"):
        cls = class_of(row.type)
        event = rebuild(
            cls,
            {
                "organization_id": row.organization_id,
                "subject_version": row.subject_version,
                "occurred_at": row.occurred_at,
                "actor": row.actor,
            },
            row.payload,
        )
        if cls in {
            handlers.AppointmentCancelled,
            handlers.AppointmentCheckedIn,
            handlers.AppointmentConfirmed,
            handlers.AppointmentMoved,
            handlers.AppointmentNoShow,
        }:
            for _ in range(2):
                handlers.on_appointment_changed_tell_queues(event)  # type: ignore[arg-type]  # one of those


def expected() -> dict[str, int]:
    rows = ExpectedPeople.objects.with_scopes_disabled().all()
    return {f"{row.slot_at:%H}": row.people for row in rows}


def test_the_queues_know_who_is_expected_when(place):
    set_rules(place, most_people=2)
    actor = make_actor()
    moving = book(place, actor=actor)
    book(place, people=2)
    gone = book(place, TEN)
    hear()
    assert expected() == {"09": 3, "10": 1}

    operations.reschedule_appointment(
        actor=actor, appointment_id=moving.pk, starts_at=TEN, now=NINE - timedelta(hours=5)
    )
    operations.cancel_appointment(
        actor=place.agent, appointment_id=gone.pk, now=NINE - timedelta(hours=5)
    )
    hear()
    assert expected() == {"09": 2, "10": 1}


def test_who_has_arrived_is_expected_no_more(place):
    booked = book(place)
    hear()
    operations.check_in_appointment(actor=place.agent, appointment_id=booked.pk, now=NINE)
    hear()
    assert expected() == {}


def test_a_walk_in_s_estimate_counts_who_is_booked_and_not_there(place, monkeypatch):
    soon = NINE - timedelta(minutes=5)
    monkeypatch.setattr(clock, "now", lambda: soon)
    sit_down(place, now=soon)
    for _ in range(5):
        # The first in line has waited for a while: a line that has just begun moves faster.
        ticket = join(place, now=soon - timedelta(minutes=20))

    def median() -> int:
        estimates.forget_profiles()
        queue = place.queue
        queue.refresh_from_db()
        found = estimates.for_place(queue, 4, soon, lambda: (None, None))
        return found.median

    alone = median()
    for _ in range(3):
        book(place, now=soon - timedelta(hours=5))
    hear()

    assert median() > alone
    assert ticket.number == "A005"


def test_the_clock_gives_back_holds_and_reminds(place, monkeypatch):
    held, booked = hold(place), book(place, TEN)
    monkeypatch.setattr(clock, "now", lambda: TEN - timedelta(hours=2))
    for _ in range(2):
        tasks.free_due_places_task()
        tasks.remind_task()
        tasks.give_up_missed_task()

    def state_of(pk: UUID) -> str:
        found: Appointment = Appointment.objects.with_scopes_disabled().get(pk=pk)
        return found.state

    assert (state_of(held.pk), state_of(booked.pk)) == ("expired", "confirmed")
    assert DomainEvent.objects.filter(type__contains="reminder_due").count() == 1
    monkeypatch.setattr(clock, "now", lambda: TEN + timedelta(hours=3))
    tasks.give_up_missed_task()
    assert state_of(booked.pk) == "no_show"

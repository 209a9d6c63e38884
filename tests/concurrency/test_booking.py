"""Places are never sold twice: whoever comes at the same moment, and whatever else they do."""

import os
import random
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import operations, policies
from smartqueue.appointments.models import Appointment, SlotPlaces, WaitlistEntry
from smartqueue.appointments.operations import Person, _places
from smartqueue.appointments.tests.factories import (
    NINE,
    TEN,
    book,
    make_slot,
    set_rules,
    wait_for_place,
    wish,
)
from smartqueue.common.errors import Problem
from smartqueue.queues.tests.factories import NOW, Place, make_actor, make_place
from tests.concurrency.races import errors_of, meeting, together, values_of, without_constraint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

CLIENTS = 200
# As many rounds as fit into these seconds; all 500 where they are asked for.
ROUNDS = int(os.environ.get("BOOKING_ROUNDS", "0"))
SECONDS = 20.0
AT_ONCE = 40


def oversold() -> list[Any]:
    """Return what the database itself counts beyond what the patterns allow, or counts wrongly."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT places.id, places.taken, places.ceiling, coalesce(sum(own.counted), 0)
            FROM appointments_slotplaces AS places
            LEFT JOIN appointments_appointment AS own ON own.places_id = places.id
            GROUP BY places.id
            HAVING places.taken <> coalesce(sum(own.counted), 0) OR places.taken > places.ceiling
                OR coalesce(sum(own.people) FILTER (WHERE own.state IN
                    ('held', 'pending', 'confirmed', 'checked_in')), 0) > places.ceiling
            """
        )
        return list(cursor.fetchall())


def in_waves(calls: list[Callable[[], Any]], size: int = AT_ONCE) -> list[Any]:
    """Run calls, as many at the same moment as there are connections."""
    outcomes: list[Any] = []
    for first in range(0, len(calls), size):
        outcomes += together(calls[first : first + size])
    return outcomes


def anonymous() -> Actor:
    return Actor(kind=ActorKind.ANONYMOUS)


def test_two_hundred_clients_get_one_place_once_round_after_round():
    place = make_place()
    for weekday in range(7):
        make_slot(place, day_of_week=weekday, interval_minutes=5)
    set_rules(place, window_days=366)
    began, rounds = time.monotonic(), 0
    most = ROUNDS or 500
    while rounds < most and (ROUNDS or time.monotonic() - began < SECONDS):
        starts_at = NINE + timedelta(days=rounds // 96, minutes=5 * (rounds % 96))
        # Fewer in the suite's rounds after the first: a connection costs more than a booking.
        clients = CLIENTS if rounds == 0 or ROUNDS else AT_ONCE
        if not _is_offered(place, starts_at):
            rounds += 1
            continue
        outcomes = in_waves(
            [
                lambda at=starts_at: operations.hold_appointment(
                    actor=anonymous(), wish=wish(place, at), now=NOW
                )
                for _ in range(clients)
            ]
        )
        assert len(values_of(outcomes)) == 1
        assert set(errors_of(outcomes)) <= {"SlotFull", "Busy"}
        rounds += 1

    assert rounds >= 2
    assert oversold() == []
    held = Appointment.objects.with_scopes_disabled().values_list("places", flat=True)
    assert len(held) == len(set(held))


def _is_offered(place: Place, starts_at: Any) -> bool:
    offer = policies.access_offer(place.owner, place.service.pk, place.branch.pk)
    bookable = _places.bookable_on(offer, starts_at)
    return bookable is not None and bool(_places.slots_at(bookable.calendar, starts_at))


def test_a_double_click_books_once():
    place = make_place()
    make_slot(place, capacity=5)
    actor = make_actor()

    outcomes = together([lambda: book(place, actor=actor) for _ in range(10)])

    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["AlreadyBooked"] * 9
    assert oversold() == []


def test_a_person_s_limit_holds_over_several_times_at_once():
    place = make_place()
    make_slot(place, capacity=5)
    actor = make_actor()
    hours = [NINE + timedelta(hours=turn) for turn in range(8)]

    outcomes = together([lambda at=at: book(place, at, actor=actor) for at in hours])

    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["TooManyAppointments"] * 7


def test_fifty_clients_mix_everything_on_twenty_places():
    place = make_place()
    make_slot(place, capacity=5, end_time=_time(13))
    set_rules(place, needs_approval=True, most_per_day=9, most_ahead=9, most_moves=99)
    hours = [NINE + timedelta(hours=turn) for turn in range(4)]
    people = [make_actor() for _ in range(50)]

    def client(index: int) -> int:
        chance = random.Random(index)
        done = 0
        own: list[UUID] = []
        for turn in range(4):
            try:
                done += _one_step(place, people[index], hours, own, chance, turn)
            except Problem:
                continue
        return done

    outcomes = in_waves([lambda i=i: client(i) for i in range(50)], size=25)

    assert errors_of(outcomes) == []
    assert sum(values_of(outcomes)) > 40
    assert oversold() == []
    kept = Appointment.objects.with_scopes_disabled().filter(
        state__in=("held", "pending", "confirmed")
    )
    assert kept.count() <= 20
    lost = SlotPlaces.objects.with_scopes_disabled().filter(taken__lt=0)
    assert not lost.exists()


def _time(hour: int) -> Any:
    from datetime import time as at  # noqa: PLC0415

    return at(hour)


def _one_step(
    place: Place, actor: Actor, hours: list[Any], own: list[UUID], chance: random.Random, turn: int
) -> int:
    if not own or chance.random() < 0.3:
        own.append(book(place, chance.choice(hours), actor=actor).pk)
        return 1
    target = chance.choice(own)
    match chance.randrange(3):
        case 0:
            operations.cancel_appointment(actor=actor, appointment_id=target, now=NOW)
            own.remove(target)
        case 1:
            operations.reschedule_appointment(
                actor=actor, appointment_id=target, starts_at=chance.choice(hours), now=NOW
            )
        case _:
            operations.approve_appointment(actor=place.agent, appointment_id=target, now=NOW)
    return 1


def test_two_who_change_places_at_once_do_not_wait_for_each_other():
    place = make_place()
    make_slot(place, capacity=2)
    actors = [make_actor(), make_actor()]
    booked = [book(place, NINE, actor=actors[0]), book(place, TEN, actor=actors[1])]
    for _ in range(10):
        outcomes = together(
            [
                lambda i=i: operations.reschedule_appointment(
                    actor=place.agent,
                    appointment_id=booked[i].pk,
                    starts_at=(TEN, NINE)[i],
                    now=NOW,
                )
                for i in range(2)
            ]
        )
        assert errors_of(outcomes) == []
        booked.reverse()
    assert oversold() == []


def test_the_waitlist_keeps_its_order_when_several_cancel_at_once():
    place = make_place()
    make_slot(place, capacity=4, end_time=_time(10))
    owners = [make_actor() for _ in range(4)]
    booked = [book(place, actor=owner) for owner in owners]
    entries = [wait_for_place(place, now=NOW + timedelta(seconds=n)) for n in range(6)]

    outcomes = together(
        [
            lambda i=i: operations.cancel_appointment(
                actor=owners[i], appointment_id=booked[i].pk, now=NOW
            )
            for i in range(3)
        ]
        + [lambda: book(place) for _ in range(6)]
    )

    assert errors_of(outcomes) == ["SlotFull"] * 6
    states = [WaitlistEntry.objects.with_scopes_disabled().get(pk=e.pk).state for e in entries]
    assert states == ["offered"] * 3 + ["waiting"] * 3
    assert oversold() == []


def test_an_offer_is_taken_or_lapses_and_not_both():
    place = make_place()
    make_slot(place, end_time=_time(10))
    owner, first, second = make_actor(), make_actor(), make_actor()
    booked = book(place, actor=owner)
    entry = wait_for_place(place, actor=first)
    wait_for_place(place, actor=second, now=NOW + timedelta(seconds=1))
    operations.cancel_appointment(actor=owner, appointment_id=booked.pk, now=NOW)
    held = Appointment.objects.with_scopes_disabled().get(state="held")
    edge = NOW + timedelta(minutes=30)

    outcomes = together(
        [
            lambda: operations.accept_offer(
                actor=first, entry_id=entry.pk, person=Person(), now=edge - timedelta(seconds=1)
            ),
            lambda: operations.expire_hold(appointment_id=held.pk, now=edge),
        ]
    )

    taken = Appointment.objects.with_scopes_disabled().get(pk=held.pk).state == "confirmed"
    assert errors_of(outcomes) == ([] if taken else errors_of(outcomes))
    assert oversold() == []
    assert Appointment.objects.with_scopes_disabled().filter(counted__gt=0).count() == 1


# --- Controls ---------------------------------------------------------------------------------


@contextmanager
def unguarded(monkeypatch: pytest.MonkeyPatch, parties: int) -> Any:
    """Take the lock away, and let everybody count the places before anybody takes one."""

    def read_only(ids: Any) -> dict[UUID, SlotPlaces]:
        return {row.pk: row for row in SlotPlaces.objects.filter(pk__in=set(ids))}

    with monkeypatch.context() as patched:
        patched.setattr(policies, "lock_places", read_only)
        patched.setattr(_places, "pick", meeting(_places.pick, parties))
        yield


def race(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    with unguarded(monkeypatch, parties=2):
        return together(
            [
                lambda: operations.hold_appointment(actor=anonymous(), wish=wish(place), now=NOW)
                for _ in range(2)
            ]
        )


def test_control_without_the_lock_the_constraint_decides(monkeypatch):
    place = make_place()
    make_slot(place)
    # The row of the places is there, so that making it is no lock either.
    first = book(place)
    operations.cancel_appointment(actor=place.agent, appointment_id=first.pk, now=NOW)

    outcomes = race(place, monkeypatch)

    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["SlotFull"]
    assert oversold() == []


@pytest.mark.owner
def test_control_without_lock_and_constraint_one_place_is_sold_twice(monkeypatch):
    place = make_place()
    make_slot(place)
    first = book(place)
    operations.cancel_appointment(actor=place.agent, appointment_id=first.pk, now=NOW)

    with without_constraint(SlotPlaces, "places_not_oversold"):
        outcomes = race(place, monkeypatch)
        found = oversold()

    assert errors_of(outcomes) == []
    assert len(values_of(outcomes)) == 2
    assert len(found) == 1

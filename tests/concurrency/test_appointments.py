"""Two who decide about one appointment, place or offer at the same moment: it ends as one after the other."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from smartqueue.appointments import operations, policies, queries, tasks
from smartqueue.appointments.errors import HoldExpired, OfferOver
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import Person, _people, waitlist
from smartqueue.appointments.tests.factories import (
    ELEVEN,
    NINE,
    TEN,
    book,
    hold,
    make_slot,
    wait_for_place,
    wish,
)
from smartqueue.business import operations as business
from smartqueue.business.operations import _branches
from smartqueue.common import clock, db
from smartqueue.common.errors import NotFound, Problem
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    make_actor,
    make_place,
    make_service,
)
from tests.concurrency.races import PATIENCE_SECONDS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

_WAITS = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s) AND wait_event_type = 'Lock')"
)


class Between:
    """
    Lets another call begin on a connection of its own when a function has returned for the first
    time, and the caller go on once that call has ended or waits for a lock.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self._monkeypatch, self._module, self._name = monkeypatch, module, name

    def run(self, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        """Return what both returned, or what they raised."""
        kept, begun = getattr(self._module, self._name), list[Future[Any]]()
        own = threading.get_ident()
        with ThreadPoolExecutor(1) as pool, self._monkeypatch.context() as patched:

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                found = kept(*args, **kwargs)
                if not begun and threading.get_ident() == own:
                    pids: list[int] = []
                    begun.append(pool.submit(self._alone, second, pids))
                    self._wait(begun[0], pids)
                return found

            patched.setattr(self._module, self._name, wrapped)
            one = self._outcome(first)
            assert begun, f"{self._name} was not called"
            return one, begun[0].result(PATIENCE_SECONDS)

    def _alone(self, call: Callable[[], Any], pids: list[int]) -> Any:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            return self._outcome(call)
        finally:
            connection.close()

    def _outcome(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Problem as error:
            return error

    def _wait(self, other: Future[Any], pids: list[int]) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._watch, other, pids).result()

    def _watch(self, other: Future[Any], pids: list[int]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            while not other.done() and time.monotonic() < until:
                with connection.cursor() as cursor:
                    cursor.execute(_WAITS, [pids])
                    if cursor.fetchone()[0]:
                        return
                time.sleep(0.01)
        finally:
            connection.close()


def state_of(row: Any) -> str:
    found: str = type(row).objects.with_scopes_disabled().get(pk=row.pk).state
    return found


def give_up(place: Place, booked: Appointment) -> Appointment:
    return operations.cancel_appointment(actor=place.agent, appointment_id=booked.pk, now=NOW)


def test_an_offer_that_is_being_taken_is_left_booked_by_who_declines_or_leaves(monkeypatch):
    for name in ("decline_offer", "leave_waitlist"):
        place = make_place()
        make_slot(place)
        every = [book(place, NINE.replace(hour=hour)) for hour in range(9, 17)]
        waiting = make_actor()
        entry = wait_for_place(place, actor=waiting)
        give_up(place, every[0])
        held = Appointment.objects.with_scopes_disabled().get(
            state="held", customer=waiting.user_id
        )

        ended, booked = Between(monkeypatch, waitlist, "_open_offer").run(
            lambda name=name, entry=entry, waiting=waiting: getattr(operations, name)(
                actor=waiting, entry_id=entry.pk, now=NOW
            ),
            lambda entry=entry, waiting=waiting: operations.accept_offer(
                actor=waiting, entry_id=entry.pk, person=Person(), now=NOW
            ),
        )

        assert booked.state == state_of(held) == "confirmed"
        assert state_of(entry) == "booked"
        assert isinstance(ended, OfferOver) == (name == "decline_offer")


def test_who_leaves_while_a_place_is_offered_has_left_and_the_next_one_gets_it(monkeypatch):
    place = make_place()
    make_slot(place)
    every = [book(place, NINE.replace(hour=hour)) for hour in range(9, 17)]
    waiting = make_actor()
    entry = wait_for_place(place, actor=waiting)
    following = wait_for_place(place)

    Between(monkeypatch, waitlist, "_open_offer").run(
        lambda: operations.leave_waitlist(actor=waiting, entry_id=entry.pk, now=NOW),
        lambda: give_up(place, every[0]),
    )

    assert (state_of(entry), state_of(following)) == ("left", "offered")


def test_who_joins_while_a_place_is_given_up_is_offered_it_or_told_of_it(monkeypatch):
    place = make_place()
    make_slot(place)
    every = [book(place, NINE.replace(hour=hour)) for hour in range(9, 17)]

    joined, given_up = Between(monkeypatch, queries, "Openings").run(
        lambda: wait_for_place(place),
        lambda: give_up(place, every[0]),
    )

    assert given_up.state == "cancelled"
    assert state_of(joined) == "offered"


def test_who_books_while_a_branch_is_closed_is_in_the_way_of_it(monkeypatch):
    place = make_place()
    make_slot(place)
    for retire in (
        lambda: business.retire_service(actor=place.owner, service_id=place.service.pk, now=NOW),
        lambda: business.close_branch(actor=place.owner, branch_id=place.branch.pk, now=NOW),
        lambda: business.close_organization(
            actor=place.owner, organization_id=place.organization.pk, now=NOW
        ),
    ):
        booked, retired = Between(monkeypatch, policies, "access_offer").run(
            lambda: book(place), retire
        )
        assert booked.state == "confirmed"
        assert type(retired).__name__ == "PeopleWaiting"
        give_up(place, booked)

    closed, refused = Between(monkeypatch, _branches, "refuse_if_held").run(
        lambda: business.close_branch(actor=place.owner, branch_id=place.branch.pk, now=NOW),
        lambda: book(place),
    )
    assert (closed, type(refused)) == (None, NotFound)


def test_who_finishes_a_form_while_they_begin_another_need_not_be_torn_apart(monkeypatch):
    """Both wait for the person first, and for the places then."""
    place = make_place()
    make_slot(place)
    person = make_actor()
    held = hold(place, actor=person)

    units: list[Any] = []
    begin = db.unit_of_work
    monkeypatch.setattr(db, "unit_of_work", lambda *how: (units.append(how), begin(*how))[1])
    began, confirmed = Between(monkeypatch, _people, "wait_for_person").run(
        lambda: hold(place, TEN, actor=person),
        lambda: operations.confirm_appointment(
            actor=person, appointment_id=held.pk, person=Person(), now=NOW
        ),
    )
    assert (began.state, type(confirmed)) == ("held", HoldExpired)
    assert len(units) == 2, "one of them had to begin anew"


def test_what_is_written_of_somebody_who_is_forgotten_does_not_bring_them_back(monkeypatch):
    place = make_place()
    make_slot(place)
    person = make_actor()
    booked = book(place, actor=person, person=Person(customer_name="Awa", phone="+221770000001"))

    Between(monkeypatch, policies, "access_appointment_locked").run(
        lambda: operations.confirm_attendance(actor=person, appointment_id=booked.pk, now=NOW),
        lambda: operations.forget_person(user_id=person.user_id),
    )

    row = Appointment.objects.with_scopes_disabled().get(pk=booked.pk)
    assert (row.customer_id, row.customer_name, row.phone) == (None, "", "")
    assert row.attendance_at == NOW


def test_somebody_called_off_while_they_are_given_up_keeps_no_other_waiting(monkeypatch):
    place = make_place()
    make_slot(place)
    first, second = book(place, NINE), book(place, TEN)
    monkeypatch.setattr(clock, "now", lambda: TEN + timedelta(hours=3))

    Between(monkeypatch, policies, "access_appointment").run(
        tasks.give_up_missed_task, lambda: give_up(place, first)
    )

    assert (state_of(first), state_of(second)) == ("cancelled", "no_show")


def test_two_services_added_to_a_visit_at_once_are_of_one_visit(monkeypatch):
    place = make_place()
    make_slot(place)
    person = make_actor()
    first = hold(place, actor=person)
    others = [make_service(place.organization) for _ in range(2)]
    for other in others:
        make_slot(place, service_id=other.pk)

    def add(other: Any, at: Any) -> Any:
        return operations.add_to_visit(
            actor=person,
            holder=person,
            appointment_id=first.pk,
            wish=wish(place, at, service_id=other.pk),
            now=NOW,
        )

    at_ten, at_eleven = Between(monkeypatch, policies, "access_offer").run(
        lambda: add(others[0], TEN), lambda: add(others[1], ELEVEN)
    )

    held = Appointment.objects.with_scopes_disabled().filter(
        pk__in=[first.pk, at_ten.pk, at_eleven.pk]
    )
    assert set(held.values_list("visit_id", "state")) == {(at_ten.visit_id, "held")}

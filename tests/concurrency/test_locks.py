"""Locks are taken in one order and never waited for without end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from smartqueue.accounts.actor import SYSTEM
from smartqueue.common import clock, db
from smartqueue.common.errors import Busy
from smartqueue.queues import operations, policies, queries, tasks
from smartqueue.queues.models import Queue, Ticket
from smartqueue.queues.tests.factories import NOW, join, make_place, make_queue, sit_down
from tests.checks import check_queue_truth
from tests.concurrency.races import (
    PATIENCE_SECONDS,
    errors_of,
    in_other_connection,
    together,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

LATER = NOW + timedelta(minutes=5)
LOCK_QUEUE = "SELECT 1 FROM queues_queue WHERE id = %s FOR UPDATE"


@pytest.fixture
def lost_races(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before a second try, one for each lost race for a lock."""
    pauses: list[float] = []
    monkeypatch.setattr(db.time, "sleep", pauses.append)
    return pauses


def test_transfers_in_opposite_directions_never_deadlock(lost_races):
    place = make_place()
    other = make_queue(place, "B")
    people = [join(place) for _ in range(4)] + [join(place, queue_id=other.pk) for _ in range(4)]

    def send(ticket: Ticket) -> None:
        here = ticket.queue_id
        for _ in range(10):
            here = other.pk if here == place.queue.pk else place.queue.pk
            operations.transfer_ticket(
                actor=place.agent, ticket_id=ticket.pk, target_queue_id=here, now=LATER
            )

    outcomes = together([lambda t=t: send(t) for t in people])

    assert errors_of(outcomes) == []
    assert lost_races == []
    check_queue_truth(place.queue.pk, other.pk)


def test_control_locks_in_the_order_of_the_request_do_deadlock(lost_races):
    place = make_place()
    queues = [place.queue.pk, make_queue(place, "B").pk]
    both = threading.Barrier(2)

    def lock(order: list) -> None:
        def in_turn() -> None:
            with connection.cursor() as cursor:
                for turn, pk in enumerate(order):
                    if turn and not lost_races:
                        both.wait(PATIENCE_SECONDS)
                    cursor.execute(LOCK_QUEUE, [pk])

        db.run_in_unit(in_turn)

    outcomes = together([lambda: lock(queues), lambda: lock(queues[::-1])])

    # Whoever loses twice is told that the line is busy.
    assert set(errors_of(outcomes)) <= {"Busy"}
    assert lost_races


def test_the_same_person_sent_to_two_queues_at_once_arrives_in_one():
    place = make_place()
    targets = [make_queue(place, prefix) for prefix in ("B", "C")]
    ticket = join(place)

    for _ in range(5):
        outcomes = together(
            [
                lambda q=q: operations.transfer_ticket(
                    actor=place.agent, ticket_id=ticket.pk, target_queue_id=q.pk, now=LATER
                )
                for q in targets
            ]
        )
        # Whoever comes second finds it in the other queue and moves it on from there.
        assert errors_of(outcomes) in ([], ["InvalidInput"])
        check_queue_truth(place.queue.pk, *(q.pk for q in targets))


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def held_up(ticket: Ticket, statement: str, parameters: list[Any]) -> Iterator[list[Any]]:
    """Let a ticket be fetched with its lock while another connection holds what the SQL locks."""
    found: list[Any] = []

    def fetch() -> None:
        try:
            with db.unit_of_work(SYSTEM):
                found.append(policies.access_ticket_locked(SYSTEM, ticket.pk))
        finally:
            connection.close()

    with in_other_connection(statement, parameters):
        thread = threading.Thread(target=fetch)
        thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not waits_for_a_lock() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield found
    thread.join()


def test_who_waits_for_a_ticket_holds_its_queue_already():
    place = make_place()
    ticket = join(place)
    lock_ticket = "SELECT 1 FROM queues_ticket WHERE id = %s FOR UPDATE"

    with held_up(ticket, lock_ticket, [ticket.pk]) as found:
        with pytest.raises(OperationalError), connection.cursor() as cursor:
            cursor.execute(f"{LOCK_QUEUE} NOWAIT", [place.queue.pk])
        assert found == []

    assert found[0][0].pk == ticket.pk


def test_who_waits_for_a_queue_holds_none_of_its_tickets():
    place = make_place()
    ticket = join(place)

    with held_up(ticket, LOCK_QUEUE, [place.queue.pk]), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM queues_ticket WHERE id = %s FOR UPDATE NOWAIT", [ticket.pk])


def test_a_ticket_called_while_its_lock_was_waited_for_is_read_at_its_counter():
    place = make_place()
    ticket = join(place)
    session = sit_down(place)
    read = threading.Event()
    found: list[Any] = []

    def call() -> None:
        def wait_until_read() -> None:
            operations.call_ticket(
                actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=LATER
            )
            deadline = time.monotonic() + PATIENCE_SECONDS
            read.set()
            while not waits_for_a_lock() and time.monotonic() < deadline:
                time.sleep(0.01)

        db.run_in_unit(wait_until_read)

    def fetch() -> None:
        read.wait(PATIENCE_SECONDS)
        with db.unit_of_work(SYSTEM):
            found.extend(policies.access_ticket_locked(SYSTEM, ticket.pk))

    assert errors_of(together([call, fetch])) == []
    seen, queue, _ = found
    assert (seen.state, seen.version) == ("called", 2)
    assert (seen.session.pk, seen.counter.pk) == (session.pk, session.counter_id)
    assert queue.version == Queue.objects.with_scopes_disabled().get(pk=queue.pk).version


def test_the_lock_timeout_is_three_seconds():
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("3s",)


@pytest.fixture
def short_lock_timeout() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


@pytest.mark.alone
def test_a_lock_that_is_not_free_in_time_answers_busy_and_changes_nothing(short_lock_timeout):
    place = make_place()
    body = {"queue": str(place.queue.pk)}

    with in_other_connection(LOCK_QUEUE, [place.queue.pk]):
        started = time.monotonic()
        response = Client().post("/api/queues/tickets/", body, content_type="application/json")
        waited = time.monotonic() - started

    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert int(response.headers["Retry-After"]) >= 1
    assert 0.4 <= waited < 2
    assert not Ticket.objects.with_scopes_disabled().exists()
    assert (
        Client()
        .post("/api/queues/tickets/", body, content_type="application/json")
        .json()["number"]
        == "A001"
    )
    check_queue_truth(place.queue.pk)


def test_a_queue_that_is_not_free_keeps_no_other_from_being_ended(short_lock_timeout):
    for place in (make_place(), make_place()):
        join(place, now=clock.now() - timedelta(days=2))
    first, second = queries.queues_with_overdue_tickets(clock.now())

    with in_other_connection(LOCK_QUEUE, [first]), pytest.raises(Busy):
        tasks.expire_due_tickets_task()

    tickets = Ticket.objects.with_scopes_disabled()
    assert tickets.get(queue=second).state == "expired"
    tasks.expire_due_tickets_task()
    assert tickets.get(queue=first).state == "expired"


def is_refused(change: Callable[[], Any]) -> bool:
    try:
        change()
    except Busy:
        return True
    return False


def test_every_way_to_change_a_ticket_waits_for_its_queue(short_lock_timeout):
    place = make_place()
    other = make_queue(place, "B")
    ticket = join(place)
    session = sit_down(place)
    agent = {"actor": place.agent, "now": LATER}
    on_ticket = {**agent, "ticket_id": ticket.pk}
    ways = {
        "issue": lambda: join(place),
        "call_next": lambda: operations.call_next_for_session(session_id=session.pk, **agent),
        "call": lambda: operations.call_ticket(session_id=session.pk, **on_ticket),
        "park": lambda: operations.park_ticket(**on_ticket),
        "cancel": lambda: operations.cancel_ticket(**on_ticket),
        "more_time": lambda: operations.give_more_time(**on_ticket),
        "transfer": lambda: operations.transfer_ticket(target_queue_id=other.pk, **on_ticket),
        "close": lambda: operations.close_queue(queue_id=place.queue.pk, **agent),
        "expire": lambda: operations.expire_tickets(queue_id=place.queue.pk, now=LATER),
        "break": lambda: operations.take_break(session_id=session.pk, **agent),
    }

    with in_other_connection(LOCK_QUEUE, [place.queue.pk]):
        refused = {name for name, change in ways.items() if is_refused(change)}

    assert refused == set(ways)
    check_queue_truth(place.queue.pk, other.pk)


def test_reading_waits_for_nobody(short_lock_timeout):
    place = make_place()
    ticket = join(place)

    with in_other_connection(LOCK_QUEUE, [place.queue.pk]):
        assert Client().get(f"/api/queues/queues/{place.queue.pk}/status/").status_code == 200
        assert policies.access_ticket(place.agent, ticket.pk).state == "waiting"

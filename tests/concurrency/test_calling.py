"""A ticket is called by exactly one counter, and a counter serves one person at a time."""

from datetime import timedelta

import pytest

from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import errors, operations, policies
from smartqueue.queues.models import CounterSession, Queue, Ticket
from smartqueue.queues.operations import calling
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, make_queue, sit_down
from tests.checks import check_queue_truth, queue_violations
from tests.concurrency.races import (
    Outcome,
    errors_of,
    meeting,
    together,
    values_of,
    without_constraint,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

LATER = NOW + timedelta(hours=1)
COUNTERS = 12
PEOPLE = 300


def call_next(place: Place, session: CounterSession, index: int) -> Ticket | None:
    return operations.call_next_for_session(
        actor=place.agents[index], session_id=session.pk, now=LATER
    )


def call_from(place: Place, session: CounterSession, index: int, queue: Queue) -> Ticket | None:
    return operations.call_next_ticket(
        actor=place.agents[index], queue_id=queue.pk, session_id=session.pk, now=LATER
    )


def called_in_order(queue: Queue) -> list[str]:
    """Return the ids of the called tickets in the order of the queue's versions."""
    called = DomainEvent.objects.filter(
        type="queues.ticket.called.v1", payload__queue_id=str(queue.pk)
    )
    return [str(e.subject_id) for e in sorted(called, key=lambda e: e.payload["queue_version"])]


def test_two_agents_never_get_the_same_person():
    place = make_place()
    first, second = join(place), join(place)
    sessions = [sit_down(place, 0), sit_down(place, 1)]

    outcomes = together([lambda i=i: call_next(place, sessions[i], i) for i in range(2)])

    assert errors_of(outcomes) == []
    assert {ticket.pk for ticket in values_of(outcomes)} == {first.pk, second.pk}
    check_queue_truth(place.queue.pk)


def test_two_agents_and_one_person_leave_one_with_nobody():
    place = make_place()
    ticket = join(place)
    sessions = [sit_down(place, 0), sit_down(place, 1)]

    outcomes = together([lambda i=i: call_next(place, sessions[i], i) for i in range(2)])

    assert errors_of(outcomes) == []
    assert sorted(t.pk for t in values_of(outcomes) if t) == [ticket.pk]
    check_queue_truth(place.queue.pk)


def race_without_queue_lock(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    sessions = [sit_down(place, 0), sit_down(place, 1)]
    monkeypatch.setattr(policies, "_LOCK", "")
    look = meeting(policies.access_session_with_head, parties=2)
    monkeypatch.setattr(policies, "access_session_with_head", look)
    return together([lambda i=i: call_from(place, sessions[i], i, place.queue) for i in range(2)])


def test_control_without_the_lock_two_agents_pick_the_same_person(monkeypatch):
    place = make_place()
    first = join(place)
    join(place)
    picked = []
    record = calling._lifecycle.record

    def recorded(change):
        picked.append(change.ticket.pk)
        return record(change)

    monkeypatch.setattr(calling._lifecycle, "record", recorded)

    outcomes = race_without_queue_lock(place, monkeypatch)

    assert picked == [first.pk, first.pk]
    # The version of the queue is taken twice; its key in the messages is the second guard.
    assert errors_of(outcomes) == ["IntegrityError"]


def test_twelve_counters_empty_a_line_of_three_hundred_in_its_order():
    place = make_place(agents=COUNTERS, policy="fifo")
    for number in range(PEOPLE):
        join(place, now=NOW + timedelta(seconds=number))
    sessions = [sit_down(place, index) for index in range(COUNTERS)]

    def hammer(index: int) -> int:
        served = 0
        while ticket := call_next(place, sessions[index], index):
            acting = {"actor": place.agents[index], "ticket_id": ticket.pk, "now": LATER}
            operations.start_ticket(**acting)
            operations.complete_ticket(**acting)
            served += 1
        return served

    outcomes = together([lambda i=i: hammer(i) for i in range(COUNTERS)])

    assert errors_of(outcomes) == []
    assert sum(values_of(outcomes)) == PEOPLE
    rows = Ticket.objects.with_scopes_disabled().filter(queue=place.queue)
    assert rows.filter(state="completed", calls=1).count() == PEOPLE
    in_line = rows.order_by("order_key").values_list("pk", flat=True)
    assert called_in_order(place.queue) == [str(pk) for pk in in_line]
    check_queue_truth(place.queue.pk)


def test_one_given_ticket_is_called_by_exactly_one_of_twelve():
    place = make_place(agents=COUNTERS)
    ticket = join(place)
    sessions = [sit_down(place, index) for index in range(COUNTERS)]

    def call(index: int) -> Ticket:
        return operations.call_ticket(
            actor=place.agents[index],
            ticket_id=ticket.pk,
            session_id=sessions[index].pk,
            now=LATER,
        )

    outcomes = together([lambda i=i: call(i) for i in range(COUNTERS)])

    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["TicketNotWaiting"] * (COUNTERS - 1)
    refusals = [o.error for o in outcomes if isinstance(o.error, errors.TicketNotWaiting)]
    assert {(r.code, r.status, r.extra["state"]) for r in refusals} == {
        ("ticket_not_waiting", 409, "called")
    }
    assert called_in_order(place.queue) == [str(ticket.pk)]
    check_queue_truth(place.queue.pk)


def one_session_two_queues() -> tuple[Place, CounterSession, list[Queue]]:
    place = make_place()
    other = make_queue(place, "B")
    join(place)
    join(place, queue_id=other.pk)
    return place, sit_down(place), [place.queue, other]


def test_one_session_calling_from_two_queues_gets_one_person():
    place, session, queues = one_session_two_queues()

    for _ in range(5):
        outcomes = together([lambda q=q: call_from(place, session, 0, q) for q in queues])
        (ticket,) = values_of(outcomes)
        assert errors_of(outcomes) == ["CounterBusy"]
        operations.return_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)

    check_queue_truth(*(queue.pk for queue in queues))


def race_without_session_lock(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Outcome], list[Queue]]:
    place, session, queues = one_session_two_queues()
    unlocked = policies._SELECT_SESSION_AND_HEAD.replace(policies._LOCK_SESSION, "")
    assert unlocked != policies._SELECT_SESSION_AND_HEAD
    monkeypatch.setattr(policies, "_SELECT_SESSION_AND_HEAD", unlocked)
    look = meeting(policies.access_session_with_head, parties=2)
    monkeypatch.setattr(policies, "access_session_with_head", look)
    return together([lambda q=q: call_from(place, session, 0, q) for q in queues]), queues


def test_control_without_the_session_lock_the_counter_s_constraint_decides(monkeypatch):
    outcomes, queues = race_without_session_lock(monkeypatch)

    assert errors_of(outcomes) == ["CounterBusy"]
    check_queue_truth(*(queue.pk for queue in queues))


@pytest.mark.owner
def test_control_without_lock_and_constraint_a_counter_gets_two_people(monkeypatch):
    with without_constraint(Ticket, "ticket_one_per_counter"):
        outcomes, queues = race_without_session_lock(monkeypatch)
        found = [text for queue in queues for text in queue_violations(queue.pk)]

    assert errors_of(outcomes) == []
    assert len(found) == 2
    assert all("has 2 people" in text for text in found)

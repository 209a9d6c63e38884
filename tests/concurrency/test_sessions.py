"""An agent's session and what is called to it cannot pass each other."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from smartqueue.business import operations as business
from smartqueue.common.errors import NotFound
from smartqueue.queues import errors, operations, policies
from smartqueue.queues.models import CounterSession, Queue
from smartqueue.queues.operations import calling, sessions, undoing
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, make_queue, sit_down
from tests.checks import check_queue_truth
from tests.concurrency.races import PATIENCE_SECONDS, errors_of, together, values_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

LATER = NOW + timedelta(minutes=5)
LEAVING = [operations.end_session, operations.take_break]


def session_without_second_queue() -> tuple[Place, CounterSession, Any]:
    """Return a session that serves queue A only, and somebody who waits in B."""
    place = make_place()
    other = make_queue(place, "B")
    ticket = join(place, queue_id=other.pk)
    return place, sit_down(place, queue_ids=[place.queue.pk]), ticket


def leave_during_call(leave: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Place]:
    """Let the agent leave while a call from a queue that the session does not serve is written."""
    place, session, ticket = session_without_second_queue()
    seated, leaving = threading.Event(), threading.Event()
    call = calling._call

    def slow_call(*args: Any) -> Any:
        seated.set()
        leaving.wait(PATIENCE_SECONDS)
        return call(*args)

    access = policies.access_session

    def announced(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("lock") and threading.current_thread().name == "leaver":
            # By then the other transaction holds the session; this one is about to wait for it.
            threading.Timer(0.3, leaving.set).start()
        return access(*args, **kwargs)

    monkeypatch.setattr(calling, "_call", slow_call)
    monkeypatch.setattr(policies, "access_session", announced)

    def caller() -> Any:
        return operations.call_ticket(
            actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=LATER
        )

    def leaver() -> Any:
        threading.current_thread().name = "leaver"
        seated.wait(PATIENCE_SECONDS)
        return leave(actor=place.agent, session_id=session.pk, now=LATER)

    return together([caller, leaver]), place


@pytest.mark.parametrize("leave", LEAVING)
def test_nobody_leaves_a_counter_to_which_somebody_is_just_called(leave, monkeypatch):
    (called, left), place = leave_during_call(leave, monkeypatch)

    assert called.get().state == "called"
    assert isinstance(left.error, errors.CounterBusy)
    assert CounterSession.objects.with_scopes_disabled().get().state == "open"
    check_queue_truth(place.queue.pk)


def test_control_a_look_that_began_before_the_lock_lets_the_agent_leave(monkeypatch):
    def one_look(actor: Any, session_id: Any) -> Any:
        served = policies.access_session(actor, session_id).queue_ids
        queues = list(Queue.objects.filter(pk__in=served).select_for_update().order_by("pk"))
        return policies.access_session(actor, session_id, lock=True), queues

    monkeypatch.setattr(sessions, "_locked", one_look)

    (called, left), _place = leave_during_call(operations.end_session, monkeypatch)

    assert called.get().state == "called"
    assert left.get().state == "ended"


def test_nobody_leaves_a_counter_to_which_an_undo_brings_somebody_back(monkeypatch):
    place, session, ticket = session_without_second_queue()
    acting = {"actor": place.agent, "now": LATER}
    operations.call_ticket(ticket_id=ticket.pk, session_id=session.pk, **acting)
    operations.start_ticket(ticket_id=ticket.pk, **acting)
    operations.complete_ticket(ticket_id=ticket.pk, **acting)
    restored = threading.Event()
    record = undoing._lifecycle.record

    def slow_record(change: Any) -> Any:
        restored.set()
        time.sleep(0.5)
        return record(change)

    monkeypatch.setattr(undoing._lifecycle, "record", slow_record)

    def leave() -> Any:
        restored.wait(PATIENCE_SECONDS)
        return operations.end_session(session_id=session.pk, **acting)

    undone, left = together([lambda: operations.undo_step(ticket_id=ticket.pk, **acting), leave])

    assert undone.get().state == "serving"
    assert isinstance(left.error, errors.CounterBusy)
    assert CounterSession.objects.with_scopes_disabled().get().state == "open"


def test_nobody_sits_down_at_a_counter_that_is_just_retired(monkeypatch):
    place = make_place()
    looked, retired = threading.Event(), threading.Event()
    locked_queues = sessions._locked_queues_of

    def slow_lock(*args: Any) -> Any:
        looked.set()
        retired.wait(PATIENCE_SECONDS)
        return locked_queues(*args)

    monkeypatch.setattr(sessions, "_locked_queues_of", slow_lock)

    def retire() -> None:
        looked.wait(PATIENCE_SECONDS)
        business.retire_counter(actor=place.owner, counter_id=place.counters[0].pk, now=LATER)
        retired.set()

    seated, gone = together([lambda: sit_down(place), retire])

    assert gone.get() is None
    assert isinstance(seated.error, NotFound)


def test_one_counter_takes_one_of_eight_agents():
    place = make_place(agents=8)
    counter = place.counters[0]

    outcomes = together(
        [
            lambda agent=agent: operations.open_session(actor=agent, counter_id=counter.pk, now=NOW)
            for agent in place.agents
        ]
    )

    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["CounterTaken"] * 7
    check_queue_truth(place.queue.pk)


def test_one_agent_sits_down_at_one_of_four_counters():
    place = make_place(agents=4)

    outcomes = together(
        [
            lambda counter=counter: operations.open_session(
                actor=place.agent, counter_id=counter.pk, now=NOW
            )
            for counter in place.counters
        ]
    )

    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["AgentElsewhere"] * 3
    check_queue_truth(place.queue.pk)


def test_sessions_that_open_rest_and_end_at_once_are_counted_right():
    place = make_place(agents=8)
    other = make_queue(place, "B")

    def day(index: int) -> None:
        for turn in range(4):
            queues = [place.queue.pk, other.pk][index % 2 :]
            session = sit_down(place, index, queue_ids=queues)
            acting = {"actor": place.agents[index], "session_id": session.pk, "now": LATER}
            operations.take_break(**acting)
            if turn % 2:
                operations.resume_session(**acting)
            if turn < 3:
                operations.end_session(**acting)

    outcomes = together([lambda i=i: day(i) for i in range(8)])

    assert errors_of(outcomes) == []
    check_queue_truth(place.queue.pk, other.pk)


def test_a_session_that_ends_while_it_is_to_be_closed_is_left_alone(monkeypatch):
    place = make_place()
    session = sit_down(place)
    in_lock_order = sessions._in_lock_order
    ended = []

    def ends_first(queues: Any) -> Any:
        if not ended:
            ended.append(True)
            end = {"actor": place.agent, "session_id": session.pk, "now": LATER}
            together([lambda: operations.end_session(**end)])[0].get()
        return in_lock_order(queues)

    monkeypatch.setattr(sessions, "_in_lock_order", ends_first)

    operations.close_forgotten_session(session_id=session.pk, now=LATER + timedelta(days=1))

    stored = CounterSession.objects.with_scopes_disabled().get()
    assert (stored.state, stored.ended_at) == ("ended", LATER)
    check_queue_truth(place.queue.pk)

"""What the wait estimator of a queue is fed with: what happened, once it stands, once each."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from smartqueue.common import clock
from smartqueue.common.redis import client as redis_client
from smartqueue.outbox.enums import DeliveryState, HandlerMode
from smartqueue.outbox.models import Delivery
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import estimates, operations, tasks
from smartqueue.queues.models import CounterSession, Queue, QueueWaits, Ticket
from smartqueue.queues.operations import learning
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, make_queue, sit_down

pytestmark = pytest.mark.django_db


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def learned(place: Place) -> dict[str, Any]:
    """Return what is known of the place's queue once everything that has happened stands."""
    carry_due(HandlerMode.DATABASE)
    while operations.learn_lessons(queue_id=place.queue.pk, now=at(7200)) is not None:
        pass
    state: dict[str, Any] = QueueWaits.objects.get(queue=place.queue).state
    return state


def learn_by(place: Place, seconds: float) -> None:
    """Let the workers do what is due at a moment."""
    carry_due(HandlerMode.DATABASE)
    operations.learn_lessons(queue_id=place.queue.pk, now=at(seconds))


def call(place: Place, session: CounterSession, seconds: float) -> Ticket:
    ticket = operations.call_next_for_session(
        actor=place.agent, session_id=session.pk, now=at(seconds)
    )
    assert ticket is not None
    return ticket


def serve(place: Place, ticket: Ticket, start: float, end: float) -> None:
    operations.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(start))
    operations.complete_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(end))


def test_a_missed_call_costs_the_counter_all_its_calls():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 10)
    operations.recall_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(70))
    operations.recall_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(130))
    operations.mark_no_show(actor=place.agent, ticket_id=ticket.pk, now=at(190))

    assert learned(place)["no_shows"]["missed_time"] == 180


def test_a_service_lasts_from_the_first_call():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 10)
    operations.recall_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(130))
    serve(place, ticket, 140, 310)

    assert learned(place)["services"][str(place.service.pk)][0] == 300


def test_the_gap_to_the_next_call_is_the_counter_s_time_when_somebody_waits():
    place = make_place()
    session = sit_down(place)
    join(place)
    join(place, now=at(1))
    serve(place, call(place, session, 10), 20, 310)
    call(place, session, 370)

    assert learned(place)["services"][str(place.service.pk)][0] == 360


def test_usual_half_hours_are_those_of_the_branch_s_clock():
    place = make_place(timezone="Europe/Paris")
    session = sit_down(place)
    for second in range(3):
        join(place, now=at(second))
    for number in range(3):
        serve(place, call(place, session, 10 + 60 * number), 15 + 60 * number, 65 + 60 * number)

    learned(place)
    QueueWaits.objects.update(state={})
    assert operations.repair_learned_waits(queue_id=place.queue.pk, now=at(7200))
    for state in (learned(place), QueueWaits.objects.get(queue=place.queue).state):
        calls = state["usual"]["calls"]
        # Nine in the morning of Greenwich is ten in Paris.
        assert {place: number for place, number in enumerate(calls) if number} == {20: 2}


def test_an_undone_completion_is_no_service():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 10)
    serve(place, ticket, 20, 25)
    learn_by(place, 40)
    operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=at(40))
    operations.complete_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(610))

    assert learned(place)["services"][str(place.service.pk)] == [600, 1]


def test_an_undone_no_show_is_no_no_show():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 10)
    operations.mark_no_show(actor=place.agent, ticket_id=ticket.pk, now=at(60))
    learn_by(place, 70)
    operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=at(70))
    serve(place, ticket, 80, 310)

    assert learned(place)["no_shows"]["missed"] == 0


def test_being_served_is_not_waiting():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 60)
    operations.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(61))
    operations.return_ticket(actor=place.agent, ticket_id=ticket.pk, now=at(1860), to="last")
    call(place, session, 1920)

    # One minute before the first call, one before the second; half an hour was service.
    assert learned(place)["leaving"]["waited"] == pytest.approx(120, abs=2)


def test_a_rebuild_with_events_still_to_come_counts_nothing_twice():
    place = make_place()
    session = sit_down(place)
    for number in range(2):
        join(place, now=at(number))
    for number in range(2):
        serve(place, call(place, session, 100 + 400 * number), 110, 400 + 400 * number)
    QueueWaits.objects.update_or_create(
        queue=place.queue, defaults={"state": {"version": 99}, "updated_at": NOW}
    )

    state = learned(place)

    assert state["services"][str(place.service.pk)][1] == 2
    assert state["leaving"]["tickets"] == 2


def test_a_rebuild_of_a_queue_counts_no_call_of_another():
    place = make_place()
    other = make_queue(place, "B")
    session = sit_down(place, queue_ids=[place.queue.pk])
    join(place)
    ticket = call(place, session, 60)
    operations.transfer_ticket(
        actor=place.agent, ticket_id=ticket.pk, target_queue_id=other.pk, now=at(120)
    )
    carry_due(HandlerMode.DATABASE)
    QueueWaits.objects.update_or_create(
        queue=other, defaults={"state": {"version": 99}, "updated_at": NOW}
    )

    operations.repair_learned_waits(queue_id=other.pk, now=at(3600))

    assert QueueWaits.objects.get(queue=other).state["leaving"]["tickets"] == 0


def test_a_gap_in_which_nobody_waited_is_no_handling_time():
    place = make_place()
    session = sit_down(place)
    join(place)
    serve(place, call(place, session, 10), 20, 310)
    join(place, now=at(320))
    call(place, session, 370)

    assert learned(place)["services"][str(place.service.pk)][0] == 300


def test_a_counter_that_stays_away_is_no_handling_time():
    place = make_place()
    session = sit_down(place)
    join(place)
    join(place, now=at(1))
    serve(place, call(place, session, 10), 20, 310)
    call(place, session, 911)

    assert learned(place)["services"][str(place.service.pk)][0] == 300


def test_the_gap_counts_also_where_the_next_is_called_from_another_queue():
    place = make_place()
    other = make_queue(place, "B")
    session = sit_down(place)
    join(place)
    join(place, queue_id=other.pk, now=at(1))
    serve(place, call(place, session, 10), 20, 310)
    operations.call_next_ticket(
        actor=place.agent, queue_id=other.pk, session_id=session.pk, now=at(350)
    )

    assert learned(place)["services"][str(place.service.pk)][0] == 340


def test_an_undone_call_ends_no_wait():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 60)
    learn_by(place, 70)
    operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=at(80))
    call(place, session, 600)

    leaving = learned(place)["leaving"]
    assert (leaving["tickets"], leaving["waited"]) == (1, 600)


def test_nothing_is_learned_while_it_can_be_undone():
    place = make_place()
    session = sit_down(place)
    join(place)
    ticket = call(place, session, 10)
    learn_by(place, 10 + 120)
    operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=at(10 + 120))

    assert learned(place)["leaving"]["tickets"] == 0


def test_a_booked_person_waits_from_the_slot_on():
    place = make_place()
    session = sit_down(place)
    ticket = join(place)
    Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk).update(
        order_key=at(600), channel="check_in"
    )
    call(place, session, 660)

    assert learned(place)["leaving"]["waited"] == 60


def test_what_was_shown_is_forgotten_only_when_it_is_scored_for_good(monkeypatch):
    place = make_place()
    session = sit_down(place)
    first, second = join(place), join(place)
    assert first.pk != second.pk
    key = f"shown:ticket:{second.pk}"
    redis_client().rpush(key, json.dumps(second.first_estimate))
    serve(place, call(place, session, 10), 20, 60)
    call(place, session, 120)
    carry_due(HandlerMode.DATABASE)
    monkeypatch.setattr(clock, "now", lambda: at(1200))

    with transaction.atomic():
        operations.learn_lessons(queue_id=place.queue.pk, now=at(1200))
        transaction.set_rollback(True)
    assert redis_client().exists(key)

    tasks.learn_lessons_task()
    assert not redis_client().exists(key)


def test_lessons_are_learned_some_at_a_time_until_none_is_left(monkeypatch):
    monkeypatch.setattr(learning, "LESSONS_AT_ONCE", 2)
    place = make_place()
    session = sit_down(place)
    for number in range(5):
        join(place, now=at(number))
    for number in range(5):
        serve(
            place, call(place, session, 100 + 100 * number), 110 + 100 * number, 200 + 100 * number
        )
    carry_due(HandlerMode.DATABASE)
    monkeypatch.setattr(clock, "now", lambda: at(7200))

    tasks.learn_lessons_task()

    learned = QueueWaits.objects.get(queue=place.queue)
    assert learned.pending == []
    assert learned.state["services"][str(place.service.pk)][1] == 5
    assert learned.state["leaving"]["tickets"] == 5


def test_a_step_told_again_counts_once_even_after_it_was_learned():
    place = make_place()
    session = sit_down(place)
    for number in range(2):
        join(place, now=at(number))
    serve(place, call(place, session, 100), 110, 400)
    call(place, session, 500)
    once = learned(place)
    told = Delivery.objects.filter(handler="queues.on_ticket_ended_learn")
    assert told.count() == 3

    told.update(state=DeliveryState.PENDING)

    assert learned(place) == once
    assert not told.filter(state=DeliveryState.PENDING).exists()
    assert once["leaving"]["tickets"] == 2


def test_people_with_a_priority_are_expected_as_often_as_they_came():
    place = make_place(policy="head_start")
    service_days = [NOW - timedelta(days=days) for days in (1, 2, 3)]
    for day in service_days:
        session = sit_down(place, now=day)
        join(place, now=day, actor=place.agent, priority="elderly")
        join(place, now=day, actor=place.agent)
        operations.end_session(
            actor=place.agent, session_id=session.pk, now=day + timedelta(hours=2)
        )
    sit_down(place)

    operations.learn_usual_counters(queue_id=place.queue.pk, now=NOW)

    rate, head_start = QueueWaits.objects.get(queue=place.queue).priority
    assert rate == pytest.approx(3 / (3 * 7200))
    assert head_start == pytest.approx(900, abs=1)
    estimates.forget_profiles()
    queue = Queue.objects.with_scopes_disabled().select_related("branch").get(pk=place.queue.pk)
    told = estimates.for_place(queue, 6, NOW, lambda: (None, None))
    assert 0 < told.explanation.overtakers <= rate * 900
    QueueWaits.objects.filter(queue=place.queue).update(priority=[])
    estimates.forget_profiles()
    without = estimates.for_place(queue, 6, NOW, lambda: (None, None))
    assert without.explanation.overtakers == 0
    assert told.median is not None
    assert without.median is not None
    assert told.median > without.median

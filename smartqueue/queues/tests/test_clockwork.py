"""What happens by the clock and by other apps' events."""

from datetime import time, timedelta

import pytest
import time_machine

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.business import operations as business_operations
from smartqueue.business.errors import PeopleWaiting
from smartqueue.business.models import OpeningHours
from smartqueue.common.errors import NotFound
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import errors, estimates, operations, queries, tasks
from smartqueue.queues.models import CounterSession, Queue, QueueWaits, Ticket
from smartqueue.queues.tests.factories import NOW, join, make_place, sit_down

pytestmark = pytest.mark.django_db


def state_of(place) -> str:
    return Queue.objects.with_scopes_disabled().get(pk=place.queue.pk).state


def open_from_eight_to_noon(place) -> None:
    OpeningHours.objects.with_scopes_disabled().create(
        organization=place.organization,
        branch=place.branch,
        weekday=NOW.weekday(),
        opens_at=time(8),
        closes_at=time(12),
    )


def at(hour: int, minute: int = 0, *, days: int = 0):
    return time_machine.travel(
        NOW.replace(hour=hour, minute=minute) + timedelta(days=days), tick=False
    )


def test_a_queue_that_follows_the_hours_opens_and_closes_at_their_edges():
    place = make_place(follows_opening_hours=True)
    open_from_eight_to_noon(place)
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=NOW.replace(hour=7))

    states = []
    for hour in (7, 8, 11, 12):
        with at(hour, 1):
            tasks.follow_opening_hours_task()
        states.append(state_of(place))

    assert states == ["closed", "open", "open", "closed"]


def test_a_change_by_hand_stands_until_the_next_edge():
    place = make_place(follows_opening_hours=True)
    open_from_eight_to_noon(place)
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=NOW)

    with at(10):
        tasks.follow_opening_hours_task()

    assert state_of(place) == "closed"


def test_a_change_by_hand_while_the_queues_are_gone_through_stands(monkeypatch):
    place = make_place(follows_opening_hours=True)
    open_from_eight_to_noon(place)
    hand = {"actor": place.owner, "queue_id": place.queue.pk}
    operations.close_queue(now=NOW.replace(hour=7), **hand)
    look = queries.queues_off_their_hours

    def look_before_the_change(now):
        found = look(now)
        operations.close_queue(now=now, reason="Panne", **hand)
        return found

    monkeypatch.setattr(queries, "queues_off_their_hours", look_before_the_change)
    with at(8, 1):
        tasks.follow_opening_hours_task()

    assert state_of(place) == "closed"


def test_a_queue_that_does_not_follow_the_hours_is_left_alone():
    place = make_place()
    open_from_eight_to_noon(place)

    with at(13):
        tasks.follow_opening_hours_task()

    assert state_of(place) == "open"


def test_who_joined_after_a_closing_that_is_heard_of_late_ends_with_the_next_one():
    place = make_place()
    hand = {"actor": place.owner, "queue_id": place.queue.pk}
    operations.close_queue(now=NOW, **hand)
    operations.open_queue(now=NOW + timedelta(minutes=5), **hand)
    joined_at, closed_at = NOW + timedelta(minutes=10), NOW + timedelta(minutes=50)
    ticket = join(place, now=joined_at)
    operations.close_queue(now=closed_at, **hand)

    carry_due(HandlerMode.OUTSIDE)

    ticket.refresh_from_db()
    assert (ticket.state, ticket.ended_at) == ("expired", closed_at)


def test_the_night_ends_yesterday_s_tickets_and_sessions():
    place = make_place()
    waiting, called = join(place), join(place)
    session = sit_down(place)
    operations.call_ticket(actor=place.agent, ticket_id=called.pk, session_id=session.pk, now=NOW)

    with at(0, 1, days=1):
        tasks.expire_due_tickets_task()

    tickets = Ticket.objects.with_scopes_disabled().filter(pk__in=[waiting.pk, called.pk])
    assert {t.state for t in tickets} == {"expired"}
    assert CounterSession.objects.with_scopes_disabled().get(pk=session.pk).state == "ended"
    queue = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)
    assert (queue.waiting_count, queue.open_counters, queue.live["now_serving"]) == (0, 0, [])


def open_around_the_clock(place) -> None:
    OpeningHours.objects.with_scopes_disabled().bulk_create(
        OpeningHours(
            organization=place.organization,
            branch=place.branch,
            weekday=weekday,
            opens_at=time(0),
            closes_at=time(0),
        )
        for weekday in range(7)
    )


def test_a_night_shift_goes_on_past_midnight_and_ends_a_day_later():
    place = make_place()
    open_around_the_clock(place)
    waiting, called = join(place), join(place)
    session = sit_down(place)
    operations.call_ticket(actor=place.agent, ticket_id=called.pk, session_id=session.pk, now=NOW)

    def states(days: int) -> tuple[set[str], str]:
        with at(0, 1, days=days):
            tasks.expire_due_tickets_task()
        tickets = Ticket.objects.with_scopes_disabled().filter(pk__in=[waiting.pk, called.pk])
        kept = CounterSession.objects.with_scopes_disabled().get(pk=session.pk)
        return {ticket.state for ticket in tickets}, kept.state

    assert states(1) == ({"waiting", "called"}, "open")
    assert states(2) == ({"expired"}, "ended")


def test_yesterday_s_ticket_and_today_s_of_the_same_number_are_both_shown():
    place = make_place()
    open_around_the_clock(place)
    yesterday = join(place)
    first = sit_down(place)
    operations.call_ticket(actor=place.agent, ticket_id=yesterday.pk, session_id=first.pk, now=NOW)
    midnight = NOW.replace(hour=0, minute=5) + timedelta(days=1)
    today = join(place, now=midnight)
    second = sit_down(place, 1, now=midnight)
    operations.call_ticket(
        actor=place.agents[1], ticket_id=today.pk, session_id=second.pk, now=midnight
    )

    shown = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk).live["now_serving"]

    assert yesterday.number == today.number
    assert [entry["ticket"] for entry in shown] == [str(yesterday.pk), str(today.pk)]


def test_today_s_people_are_left_where_they_are():
    place = make_place()
    ticket = join(place)

    with at(23, 59):
        tasks.expire_due_tickets_task()

    assert Ticket.objects.with_scopes_disabled().get(pk=ticket.pk).state == "waiting"


def test_closing_a_branch_is_refused_while_somebody_waits_and_retires_its_queues():
    place = make_place()
    ticket = join(place)
    with pytest.raises(PeopleWaiting):
        business_operations.close_branch(actor=place.owner, branch_id=place.branch.pk, now=NOW)
    operations.cancel_ticket(actor=place.owner, ticket_id=ticket.pk, now=NOW)

    business_operations.close_branch(actor=place.owner, branch_id=place.branch.pk, now=NOW)

    with pytest.raises(NotFound):
        join(place)
    carry_due(HandlerMode.DATABASE)
    queue = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)
    assert queue.retired_at is not None
    assert queue.state == "closed"


def test_a_queue_whose_only_service_is_retired_takes_nobody():
    place = make_place()
    business_operations.retire_service(actor=place.owner, service_id=place.service.pk, now=NOW)

    with pytest.raises(errors.QueueClosed):
        join(place)


def test_the_estimator_learns_from_a_visit_once():
    place = make_place()
    ticket = join(place)
    session = sit_down(place)
    for step, minutes in (("call", 5), ("start", 6), ("complete", 16)):
        now = NOW + timedelta(minutes=minutes)
        if step == "call":
            operations.call_ticket(
                actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=now
            )
        else:
            getattr(operations, f"{step}_ticket")(actor=place.agent, ticket_id=ticket.pk, now=now)

    for _ in range(2):
        carry_due(HandlerMode.DATABASE)
        operations.learn_lessons(queue_id=place.queue.pk, now=NOW + timedelta(hours=1))
        learned = QueueWaits.objects.get(queue=place.queue).state

    assert QueueWaits.objects.get(queue=place.queue).state == learned
    services = learned["services"]
    assert str(place.service.pk) in str(services)


def test_a_stored_state_that_cannot_be_read_breaks_nothing():
    place = make_place()
    QueueWaits.objects.create(queue=place.queue, state={"version": 99}, updated_at=NOW)

    assert join(place).number == "A001"


def test_near_closing_people_are_not_sent_on_the_way_but_may_join_on_the_spot():
    place = make_place(follows_opening_hours=True)
    open_from_eight_to_noon(place)
    sit_down(place)
    for _ in range(8):
        join(place, actor=place.agent)

    late = NOW.replace(hour=11, minute=50)
    estimates.forget_profiles()
    with pytest.raises(errors.QueueFull):
        join(place, now=late)
    kiosk = Actor(kind=ActorKind.KIOSK, branch_id=place.branch.pk)
    told = queries.ticket_view(join(place, now=late, actor=kiosk), late)

    assert told["why"]["served_chance"] < 0.8


def test_a_closed_queue_counts_from_its_opening():
    place = make_place(follows_opening_hours=True)
    open_from_eight_to_noon(place)
    early = NOW.replace(hour=7)
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=early)
    estimates.forget_profiles()

    estimate = queries.queue_status(place.queue.pk, early)["estimate"]

    assert estimate["low"] >= 3600

from datetime import time, timedelta

import pytest

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.agents.models import Skill
from smartqueue.common import tenancy
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.queues import errors, operations, queries
from smartqueue.queues.enums import TicketState
from smartqueue.queues.models import Queue, Ticket, TicketPeriod
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_branch,
    make_counter,
    make_member,
    make_place,
    make_queue,
    make_service,
    sit_down,
)
from smartqueue.realtime.models import TopicEvent

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


def queue_of(place: Place) -> Queue:
    return Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)


def ticket_of(ticket: Ticket) -> Ticket:
    return Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)


def call_next(place: Place, session, index: int = 0, *, now=LATER):
    return operations.call_next_for_session(
        actor=place.agents[index], session_id=session.pk, now=now
    )


# --- Joining ---------------------------------------------------------------------------------


def test_issue_ticket_numbers_from_one_with_the_prefix():
    place = make_place()

    numbers = [join(place).number for _ in range(3)]

    assert numbers == ["A001", "A002", "A003"]
    assert queue_of(place).waiting_count == 3


def test_issue_ticket_starts_again_on_the_next_service_day():
    place = make_place()
    join(place)

    tomorrow = join(place, now=NOW + timedelta(days=1))

    assert tomorrow.number == "A001"
    assert tomorrow.service_date.isoformat() == "2026-11-24"


def test_service_day_is_the_branch_s_own():
    place = make_place(timezone="Pacific/Apia")  # UTC+13

    ticket = join(place, now=NOW.replace(hour=12))

    assert ticket.service_date.isoformat() == "2026-11-24"


def test_a_day_that_comes_back_goes_on_where_it_was():
    place = make_place()
    join(place)
    join(place, now=NOW + timedelta(days=1))

    assert join(place, now=NOW + timedelta(minutes=1)).number == "A002"


def test_issue_ticket_refuses_a_closed_queue_and_writes_nothing():
    place = make_place()
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=NOW)

    with pytest.raises(errors.QueueClosed):
        join(place)

    assert not Ticket.objects.with_scopes_disabled().exists()
    assert queue_of(place).last_sequence == 0


def test_issue_ticket_refuses_past_the_daily_quota():
    place = make_place(daily_quota=1)
    join(place)

    with pytest.raises(errors.QueueFull):
        join(place)


def test_issue_ticket_refuses_before_the_published_hour():
    place = make_place(tickets_from=time(9, 30))

    with pytest.raises(errors.NotYetOpen):
        join(place)
    assert join(place, now=NOW + timedelta(minutes=30)).number == "A001"


def test_one_phone_may_hold_several_named_people_but_each_once():
    place = make_place()
    join(place, phone="+221771234567", customer_name="Awa Diop")
    join(place, phone="+221771234567", customer_name="Modou Diop")

    with pytest.raises(errors.AlreadyWaiting) as refused:
        join(place, phone="+221771234567", customer_name="awa  diop")

    # Whoever knows a phone number does not learn the ticket of its owner.
    assert "number" not in refused.value.extra
    with pytest.raises(errors.AlreadyWaiting) as told:
        join(place, phone="+221771234567", customer_name="Awa Diop", actor=place.agent)
    assert told.value.extra["number"] == "A001"


def test_an_event_never_tells_the_public_why_somebody_has_priority():
    place = make_place()
    join(place, priority="pregnant", actor=place.agent)

    event = TopicEvent.objects.get(topic=f"queue:{place.queue.pk}", type="ticket.issued")

    assert "pregnant" not in str(event.data)


def test_a_counter_whose_only_queue_was_retired_has_nobody_to_call():
    place = make_place()
    session = sit_down(place)
    operations.retire_queue(actor=place.owner, queue_id=place.queue.pk, now=NOW)

    assert call_next(place, session) is None


def test_a_customer_joins_once_in_their_own_name():
    place, customer = make_place(), make_actor()
    join(place, actor=customer)

    with pytest.raises(errors.AlreadyWaiting):
        join(place, actor=customer)


def test_issue_ticket_refuses_a_service_of_another_queue():
    place = make_place()
    other = make_service(place.organization)

    with pytest.raises(InvalidInput) as refused:
        join(place, service_id=other.pk)

    assert refused.value.errors[0].field == "service"


def test_a_priority_that_is_not_declarable_is_refused_from_a_customer():
    place = make_place()

    with pytest.raises(errors.PriorityNotOpen):
        join(place, priority="elderly")

    assert join(place, priority="elderly", actor=place.agent).priority == "elderly"


def test_a_kiosk_issues_at_its_own_branch_only():
    place = make_place()
    kiosk = Actor(kind=ActorKind.KIOSK, branch_id=place.branch.pk)
    stranger = Actor(kind=ActorKind.KIOSK, branch_id=make_branch(place.organization).pk)

    assert join(place, actor=kiosk).channel == "kiosk"
    with pytest.raises(NotFound):
        join(place, actor=stranger)


# --- Order -----------------------------------------------------------------------------------


def line(place: Place) -> list[str]:
    rows = Ticket.objects.with_scopes_disabled().filter(queue=place.queue, state="waiting")
    return list(rows.order_by("order_key", "id").values_list("number", flat=True))


def test_head_start_overtakes_who_joined_within_it():
    place = make_place(policy="head_start")
    join(place, now=NOW)
    join(place, now=NOW + timedelta(minutes=10))

    join(place, now=NOW + timedelta(minutes=20), priority="elderly", actor=place.agent)

    assert line(place) == ["A001", "A003", "A002"]


def test_nobody_is_overtaken_more_often_than_the_cap():
    place = make_place(policy="head_start", overtake_cap=2)
    join(place, now=NOW)

    for minute in (1, 2, 3):
        join(
            place,
            now=NOW + timedelta(minutes=minute),
            priority="pregnant",
            actor=place.agent,
        )

    assert line(place) == ["A002", "A003", "A001", "A004"]


def test_an_emergency_goes_before_everybody_whatever_the_cap():
    place = make_place(policy="fifo", overtake_cap=0)
    join(place, now=NOW)

    join(place, now=NOW + timedelta(hours=2), priority="urgent", actor=place.agent)

    assert line(place) == ["A002", "A001"]


def test_fifo_leaves_priority_people_where_they_joined():
    place = make_place(policy="fifo")
    join(place, now=NOW)

    join(place, now=NOW + timedelta(minutes=1), priority="elderly", actor=place.agent)

    assert line(place) == ["A001", "A002"]


def test_one_in_n_lets_n_ordinary_people_pass_between_priority_people():
    place = make_place(policy="one_in_n", ordinary_per_priority=2)
    for minute in range(5):
        join(place, now=NOW + timedelta(minutes=minute))

    for minute in (10, 11):
        join(
            place,
            now=NOW + timedelta(minutes=minute),
            priority="elderly",
            actor=place.agent,
        )

    assert line(place) == ["A006", "A001", "A002", "A007", "A003", "A004", "A005"]


def test_one_in_n_counts_the_ordinary_people_called_since_the_last_priority_person():
    place = make_place(policy="one_in_n", ordinary_per_priority=2)
    join(place, now=NOW, priority="elderly", actor=place.agent)
    for minute in (1, 2, 3, 4):
        join(place, now=NOW + timedelta(minutes=minute))
    session = sit_down(place)
    for minute in (5, 6):  # the priority person, then one ordinary
        ticket = call_next(place, session, now=NOW + timedelta(minutes=minute))
        at = NOW + timedelta(minutes=minute)
        operations.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=at)
        operations.complete_ticket(actor=place.agent, ticket_id=ticket.pk, now=at)

    join(place, now=NOW + timedelta(minutes=7), priority="elderly", actor=place.agent)

    assert line(place) == ["A003", "A006", "A004", "A005"]


def test_more_time_lets_people_pass_a_limited_number_of_times():
    place = make_place(more_time_limit=1)
    holder = join(place)
    for minute in (1, 2, 3):
        join(place, now=NOW + timedelta(minutes=minute))
    actor = Actor(kind=ActorKind.TICKET, ticket_id=holder.pk)

    operations.give_more_time(actor=actor, ticket_id=holder.pk, people=2, now=LATER)

    assert line(place) == ["A002", "A003", "A001", "A004"]
    with pytest.raises(errors.MoreTimeExhausted):
        operations.give_more_time(actor=actor, ticket_id=holder.pk, now=LATER)


# --- Calling ---------------------------------------------------------------------------------


def test_call_next_calls_the_first_and_says_why():
    place = make_place()
    first = join(place)
    join(place, now=NOW + timedelta(minutes=1))
    session = sit_down(place)

    called = call_next(place, session)

    assert called.pk == first.pk
    stored = ticket_of(first)
    assert stored.state == TicketState.CALLED
    assert stored.counter_id == place.counters[0].pk
    assert stored.call_reason == {
        "code": "first_in_line",
        "priority": "ordinary",
        "waited_seconds": 300,
    }
    assert queue_of(place).waiting_count == 1


def test_call_next_returns_none_when_nobody_waits():
    place = make_place()
    assert call_next(place, sit_down(place)) is None


def test_a_busy_counter_calls_nobody_else():
    place = make_place()
    join(place)
    join(place)
    session = sit_down(place)
    call_next(place, session)

    with pytest.raises(errors.CounterBusy):
        call_next(place, session)
    with pytest.raises(errors.CounterBusy):
        operations.call_next_ticket(
            actor=place.agent, queue_id=place.queue.pk, session_id=session.pk, now=LATER
        )


def test_call_next_takes_the_longest_weighted_wait_over_the_queues():
    place = make_place()
    other_service = make_service(place.organization)
    other = make_queue(place, "B", services=[other_service.pk])
    join(place, now=NOW)
    join(place, now=NOW + timedelta(minutes=2), queue_id=other.pk)
    Skill.objects.with_scopes_disabled().create(
        organization=place.organization,
        user_id=place.agent.user_id,
        service=other_service,
        weight=2,
    )

    assert call_next(place, sit_down(place)).number == "B001"  # 3 min x 2 > 5 min x 1


def test_a_service_of_weight_zero_is_never_called_to_that_agent():
    place = make_place()
    Skill.objects.with_scopes_disabled().create(
        organization=place.organization,
        user_id=place.agent.user_id,
        service=place.service,
        weight=0,
    )
    join(place)

    assert call_next(place, sit_down(place)) is None


def test_a_vehicle_is_called_only_to_its_lanes():
    place = make_place(asks_vehicle=True)
    lane = place.counters[1]
    operations.update_queue(
        actor=place.owner,
        queue_id=place.queue.pk,
        vehicle_categories=[
            {"code": "truck", "name": "Camion", "duration_minutes": 30, "lanes": [lane.pk]}
        ],
    )
    join(place, vehicle_category="truck", plate="DK 1234 A")

    assert call_next(place, sit_down(place, 0), 0) is None
    assert call_next(place, sit_down(place, 1), 1).number == "A001"


def test_call_ticket_names_the_state_to_the_loser():
    place = make_place()
    ticket = join(place)
    winner, loser = sit_down(place, 0), sit_down(place, 1)
    operations.call_ticket(
        actor=place.agents[0], ticket_id=ticket.pk, session_id=winner.pk, now=LATER
    )

    with pytest.raises(errors.TicketNotWaiting) as refused:
        operations.call_ticket(
            actor=place.agents[1], ticket_id=ticket.pk, session_id=loser.pk, now=LATER
        )

    assert refused.value.extra["state"] == "called"


def test_a_paused_queue_takes_nobody_and_calls_nobody():
    place = make_place()
    join(place)
    session = sit_down(place)
    operations.pause_queue(actor=place.owner, queue_id=place.queue.pk, reason="Coupure", now=NOW)

    with pytest.raises(errors.QueuePaused):
        join(place)
    with pytest.raises(errors.QueuePaused):
        operations.call_next_ticket(
            actor=place.agent, queue_id=place.queue.pk, session_id=session.pk, now=LATER
        )
    assert call_next(place, session) is None


def test_recall_past_the_limit_is_a_no_show():
    place = make_place(max_calls=2)
    ticket = join(place)
    call_next(place, sit_down(place))

    recalled = operations.recall_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)
    missed = operations.recall_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)

    assert (recalled.state, missed.state) == ("called", "no_show")
    assert missed.counter_id is None


# --- Serving ---------------------------------------------------------------------------------


def serve(place: Place, session, ticket: Ticket) -> None:
    operations.call_ticket(actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=LATER)
    operations.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)


def test_periods_tell_a_visit_without_gaps():
    place = make_place()
    ticket = join(place)
    session = sit_down(place)
    operations.call_ticket(actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=LATER)
    arrived, done = LATER + timedelta(minutes=1), LATER + timedelta(minutes=7)
    operations.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=arrived)
    operations.complete_ticket(actor=place.agent, ticket_id=ticket.pk, outcome="ok", now=done)

    periods = list(TicketPeriod.objects.with_scopes_disabled().order_by("started_at"))

    assert [p.state for p in periods] == ["waiting", "called", "serving", "completed"]
    assert [p.ended_at for p in periods[:-1]] == [p.started_at for p in periods[1:]]
    assert periods[2].agent_id == place.agent.user_id


def test_a_request_that_waited_for_the_lock_leaves_no_time_that_runs_backwards():
    place = make_place()
    ticket = join(place)
    session = sit_down(place)
    operations.call_ticket(actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=LATER)

    came_earlier = LATER - timedelta(milliseconds=200)
    operations.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=came_earlier)

    called, serving = TicketPeriod.objects.with_scopes_disabled().order_by("id")[1:]
    assert (called.started_at, called.ended_at) == (LATER, LATER)
    assert serving.started_at == LATER


def test_no_show_is_reinstated_within_the_grace_time_only():
    place = make_place(no_show_grace_minutes=10)
    ticket = join(place)
    call_next(place, sit_down(place))
    operations.mark_no_show(actor=place.agent, ticket_id=ticket.pk, now=LATER)

    with pytest.raises(errors.GraceOver):
        operations.resume_ticket(
            actor=place.agent, ticket_id=ticket.pk, now=LATER + timedelta(minutes=11)
        )
    back = operations.resume_ticket(
        actor=place.agent, ticket_id=ticket.pk, now=LATER + timedelta(minutes=9)
    )

    assert back.state == "waiting"
    assert back.order_key == NOW


def test_parking_frees_the_counter_and_keeps_the_place():
    place = make_place()
    ticket = join(place)
    join(place, now=NOW + timedelta(minutes=1))
    session = sit_down(place)
    call_next(place, session)
    operations.park_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)

    assert call_next(place, session).number == "A002"
    operations.resume_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)
    assert line(place) == ["A001"]


@pytest.mark.parametrize(("to", "order"), [("first", ["A002", "A001"]), ("last", ["A001", "A002"])])
def test_return_puts_first_or_last(to, order):
    place = make_place()
    join(place)
    second = join(place, now=NOW + timedelta(minutes=1))
    session = sit_down(place)
    operations.call_ticket(actor=place.agent, ticket_id=second.pk, session_id=session.pk, now=LATER)

    operations.return_ticket(actor=place.agent, ticket_id=second.pk, to=to, now=LATER)

    assert line(place) == order
    assert ticket_of(second).counter_id is None


def test_transfer_keeps_number_and_place_and_tells_both_queues():
    place = make_place()
    target = make_queue(place, "B")
    ticket = join(place)
    join(place, now=NOW + timedelta(minutes=1), queue_id=target.pk)
    session = sit_down(place)
    call_next(place, session)

    moved = operations.transfer_ticket(
        actor=place.agent, ticket_id=ticket.pk, target_queue_id=target.pk, now=LATER
    )

    assert (moved.number, moved.queue_id, moved.order_key) == ("A001", target.pk, NOW)
    source = queue_of(place)
    assert source.waiting_count == 0
    assert source.live["now_serving"] == []
    there = Queue.objects.with_scopes_disabled().get(pk=target.pk)
    assert there.waiting_count == 2
    for queue in (source, there):
        last = TopicEvent.objects.filter(topic=f"queue:{queue.pk}").order_by("version").last()
        assert (last.type, last.version) == ("ticket.transferred", queue.version)


def test_transfer_of_a_waiting_ticket_leaves_both_counts_right():
    place = make_place()
    target = make_queue(place, "B", after_transfer="last")
    ticket = join(place)

    moved = operations.transfer_ticket(
        actor=place.agent, ticket_id=ticket.pk, target_queue_id=target.pk, now=LATER
    )

    assert queue_of(place).waiting_count == 0
    assert Queue.objects.with_scopes_disabled().get(pk=target.pk).waiting_count == 1
    assert moved.order_key == LATER


def test_transfer_refuses_the_same_queue_and_another_branch():
    place, elsewhere = make_place(), make_place()
    ticket = join(place)

    with pytest.raises(InvalidInput):
        operations.transfer_ticket(
            actor=place.agent, ticket_id=ticket.pk, target_queue_id=place.queue.pk, now=LATER
        )
    with pytest.raises(NotFound):
        operations.transfer_ticket(
            actor=place.agent,
            ticket_id=ticket.pk,
            target_queue_id=elsewhere.queue.pk,
            now=LATER,
        )


# --- Undo ------------------------------------------------------------------------------------


def test_undo_walks_back_from_completed_to_waiting():
    place = make_place()
    ticket = join(place)
    serve(place, sit_down(place), ticket)
    operations.complete_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)

    states = [
        operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=LATER).state
        for _ in range(3)
    ]

    assert states == ["serving", "called", "waiting"]
    stored = ticket_of(ticket)
    assert (stored.counter_id, stored.called_at, stored.ended_at) == (None, None, None)
    assert queue_of(place).live == {"now_serving": [], "last_called": []}
    with pytest.raises(errors.NothingToUndo):
        operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=LATER)


def test_undo_is_refused_after_two_minutes_and_to_another_agent():
    place = make_place()
    ticket = join(place)
    call_next(place, sit_down(place))

    with pytest.raises(errors.NothingToUndo):
        operations.undo_step(
            actor=place.agent, ticket_id=ticket.pk, now=LATER + timedelta(minutes=3)
        )
    with pytest.raises(errors.NothingToUndo):
        operations.undo_step(actor=place.agents[1], ticket_id=ticket.pk, now=LATER)


def test_undo_is_refused_when_the_counter_serves_somebody_else():
    place = make_place()
    ticket = join(place)
    join(place)
    session = sit_down(place)
    serve(place, session, ticket)
    operations.complete_ticket(actor=place.agent, ticket_id=ticket.pk, now=LATER)
    call_next(place, session)

    with pytest.raises(errors.CounterBusy):
        operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=LATER)


# --- Closing ---------------------------------------------------------------------------------


def test_closing_expires_who_waits_and_leaves_who_is_served():
    place = make_place()
    served = join(place)
    parked, waiting = join(place), join(place)
    operations.park_ticket(actor=place.agent, ticket_id=parked.pk, now=NOW)
    serve(place, sit_down(place), served)
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=LATER)

    ended = operations.expire_tickets(queue_id=place.queue.pk, now=LATER)

    assert ended == 2
    assert [ticket_of(t).state for t in (served, parked, waiting)] == [
        "serving",
        "expired",
        "expired",
    ]
    assert queue_of(place).waiting_count == 0


def test_the_day_s_end_expires_what_is_left_at_a_counter():
    place = make_place()
    ticket = join(place)
    call_next(place, sit_down(place))

    assert operations.expire_tickets(queue_id=place.queue.pk, now=LATER) == 0
    tomorrow = NOW + timedelta(days=1)
    assert operations.expire_tickets(queue_id=place.queue.pk, now=tomorrow) == 1
    assert ticket_of(ticket).state == "expired"


# --- Sessions --------------------------------------------------------------------------------


def test_a_counter_takes_one_agent_and_an_agent_one_counter():
    place = make_place()
    sit_down(place, 0)

    with pytest.raises(errors.CounterTaken):
        operations.open_session(actor=place.agents[1], counter_id=place.counters[0].pk, now=NOW)
    with pytest.raises(errors.AgentElsewhere):
        operations.open_session(actor=place.agents[0], counter_id=place.counters[1].pk, now=NOW)


def test_breaks_and_ends_are_counted_on_the_queues_served():
    place = make_place()
    session = sit_down(place)
    assert queue_of(place).open_counters == 1

    operations.take_break(actor=place.agent, session_id=session.pk, now=NOW)
    assert queue_of(place).open_counters == 0
    with pytest.raises(errors.SessionNotOpen):
        call_next(place, session)
    operations.resume_session(actor=place.agent, session_id=session.pk, now=LATER)
    operations.end_session(actor=place.agent, session_id=session.pk, now=LATER)

    assert queue_of(place).open_counters == 0
    types = TopicEvent.objects.filter(topic=f"queue:{place.queue.pk}").order_by("version")
    assert list(types.values_list("type", flat=True)) == [
        "queue.opened",
        "counter.opened",
        "counter.paused",
        "counter.opened",
        "counter.closed",
    ]


def test_an_agent_with_somebody_at_the_counter_cannot_leave():
    place = make_place()
    join(place)
    session = sit_down(place)
    call_next(place, session)

    for leave in (operations.take_break, operations.end_session):
        with pytest.raises(errors.CounterBusy):
            leave(actor=place.agent, session_id=session.pk, now=LATER)


# --- Rights ----------------------------------------------------------------------------------


def test_staff_of_another_organization_or_branch_reach_nothing():
    place, other = make_place(), make_place()
    ticket = join(place)
    elsewhere = make_member(place.organization, Role.AGENT, make_branch(place.organization))

    for stranger in (other.owner, other.agent, elsewhere, make_actor()):
        with pytest.raises(NotFound):
            operations.cancel_ticket(actor=stranger, ticket_id=ticket.pk, now=NOW)
        with pytest.raises(NotFound):
            operations.close_queue(actor=stranger, queue_id=place.queue.pk, now=NOW)
        with pytest.raises(NotFound):
            operations.open_session(actor=stranger, counter_id=place.counters[0].pk, now=NOW)

    assert ticket_of(ticket).state == "waiting"
    assert queue_of(place).state == "open"


def test_another_agent_s_session_cannot_be_used():
    place = make_place()
    join(place)
    session = sit_down(place, 0)

    with pytest.raises(NotFound):
        call_next(place, session, 1)


def test_a_session_at_another_branch_calls_nobody_here():
    place = make_place()
    branch = make_branch(place.organization)
    there = make_counter(branch)
    other = make_place()
    other.branch, other.organization, other.owner = branch, place.organization, place.owner
    other.service = place.service
    make_queue(other, "Z")
    join(place)
    session = operations.open_session(actor=place.agent, counter_id=there.pk, now=NOW)

    with pytest.raises(NotFound):
        operations.call_next_ticket(
            actor=place.agent, queue_id=place.queue.pk, session_id=session.pk, now=LATER
        )


def test_who_overtakes_on_the_way_to_the_lock_does_not_overtake_in_line():
    place = make_place()
    second = join(place, now=NOW + timedelta(seconds=5))
    third = join(place, now=NOW)

    with tenancy.organizations([place.organization.pk]):
        line = list(queries.list_waiting([place.queue.pk]))

    assert [ticket.pk for ticket in line] == [second.pk, third.pk]
    assert queries.ticket_view(third, NOW)["people_ahead"] == 1


def test_the_place_of_the_last_in_line_is_known_without_counting(django_assert_num_queries):
    place = make_place()
    join(place)
    queries.ticket_view(join(place), NOW)
    with tenancy.organizations([place.organization.pk]):
        first, last = queries.list_tickets().order_by("order_key")

    with django_assert_num_queries(0):
        assert queries.people_ahead([last]) == {last.pk: 1}
    with django_assert_num_queries(1):
        assert queries.people_ahead([first]) == {first.pk: 0}

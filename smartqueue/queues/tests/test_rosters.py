"""Counters planned and usual, what they change in an estimate, and who may plan them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from smartqueue.accounts.enums import Role
from smartqueue.common import tenancy
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.queues import estimates, operations, queries, rosters
from smartqueue.queues.errors import QueueFull
from smartqueue.queues.models import CounterSession, QueueWaits, RosterDay, SessionBreak
from smartqueue.queues.operations import learning
from smartqueue.queues.rosters import Planned
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_branch,
    make_member,
    make_place,
    sit_down,
)

MONDAY = NOW.weekday()
MORNING, AFTERNOON = (8 * 60, 12 * 60, 2), (13 * 60, 17 * 60, 3)


def planned(*spans: Any, zone: str = "Africa/Dakar", **more: Any) -> Planned:
    return Planned(zone=zone, weekdays={MONDAY: spans}, **more)


def levels(plan: rosters.Plan) -> list[tuple[str, float]]:
    return [(f"{rosters.epoch(s.start):%H:%M}", s.counters) for s in plan[1]]


# --- Pure ------------------------------------------------------------------------------------


def test_while_serving_the_plan_begins_at_the_next_quarter_and_ends_the_day():
    plan = planned(MORNING, AFTERNOON).while_serving(NOW.replace(minute=3))

    assert plan[0] == "roster"
    assert levels(plan) == [("09:15", 2), ("12:00", 0), ("13:00", 3), ("17:00", 0)]


def test_neighbouring_ranges_leave_no_gap():
    plan = planned((480, 600, 2), (600, 720, 3)).while_serving(NOW)

    assert levels(plan) == [("09:15", 2), ("10:00", 3), ("12:00", 0)]


def test_once_the_plan_of_the_day_is_over_open_counters_say_more():
    assert planned(MORNING).while_serving(NOW.replace(hour=12, minute=1)) == rosters.NO_PLAN


def test_a_date_goes_before_its_weekday():
    exception = {NOW.date(): [(9 * 60, 10 * 60, 5)]}

    plan = planned(MORNING, dates=exception).while_serving(NOW)

    assert levels(plan) == [("09:15", 5), ("10:00", 0)]
    assert Planned(dates={NOW.date(): ()}).while_serving(NOW) == rosters.NO_PLAN


def test_an_open_queue_without_a_counter_waits_for_the_next_planned_one():
    known = planned(MORNING, AFTERNOON)

    lunch = known.from_opening(NOW.replace(hour=12, minute=20), None, by_hand=False)
    night = known.from_opening(NOW.replace(hour=20), None, by_hand=False)

    assert levels(lunch)[0] == ("13:00", 3)
    assert rosters.epoch(night[1][0].start) == NOW.replace(hour=8) + timedelta(days=7)


def test_a_closed_queue_opens_with_the_branch_and_as_many_counters_as_planned():
    eight = NOW.replace(hour=8)
    known = planned((9 * 60, 12 * 60, 4))

    assert levels(known.from_opening(NOW.replace(hour=7), eight, by_hand=True))[0] == ("09:00", 4)
    assert known.from_opening(NOW.replace(hour=7), None, by_hand=True) == rosters.NO_PLAN
    without = Planned(zone="Africa/Dakar").from_opening(NOW.replace(hour=7), eight, by_hand=True)
    assert levels(without) == [("08:00", 1.0)]


def test_an_opening_on_a_day_without_a_roster_does_not_wait_for_the_next_planned_day():
    tuesday = NOW.replace(hour=8) + timedelta(days=1)
    plan = planned(MORNING).from_opening(NOW.replace(hour=20), tuesday, by_hand=True)

    assert plan[1][0].start == tuesday.timestamp()


def test_a_range_to_the_day_s_end_has_no_end():
    plan = planned((0, 1440, 1)).while_serving(NOW)

    assert levels(plan) == [("09:15", 1)]


def test_usual_counters_begin_at_the_next_half_hour_and_never_tell_a_closing_time():
    half_hours = [0.0] * 48
    half_hours[16:24] = [2.0] * 8
    half_hours[26:34] = [1.5] * 8
    known = Planned(zone="Africa/Dakar", usual=[half_hours] * 7)

    plan = known.while_serving(NOW)

    assert plan[0] == "usual"
    assert levels(plan) == [("09:30", 2), ("12:00", 0), ("13:00", 1.5)]
    opening = known.from_opening(NOW.replace(hour=7), NOW.replace(hour=8), by_hand=True)
    assert levels(opening)[0] == ("08:00", 2)


def test_the_clock_on_the_wall_counts_where_it_is_put_back():
    # 25 October 2026, 3:00 becomes 2:00 in Paris.
    known = Planned(zone="Europe/Paris", dates={date(2026, 10, 25): [(60, 240, 1)]})

    plan = known.while_serving(datetime(2026, 10, 24, 23, 20, tzinfo=UTC))

    assert [rosters.epoch(s.start).hour for s in plan[1]] == [23, 3]


def test_usual_counters_are_the_mean_of_the_weekday_or_of_all_days():
    def day(n: int, hours: float) -> tuple[datetime, datetime]:
        start = NOW.replace(hour=8) - timedelta(days=n)
        return start, start + timedelta(hours=hours)

    stays = [day(0, 1), day(0, 1), day(7, 1), day(1, 0.5), (NOW, NOW)]

    usual = rosters.usual_counters(stays, "Africa/Dakar", least_days=3)

    assert usual[MONDAY][16:19] == [1.5, 1.5, 0.0]
    assert usual[(MONDAY + 1) % 7][16:18] == [1.33, 1.0]
    assert rosters.usual_counters(stays, "Africa/Dakar", least_days=4) == []


spans = st.lists(
    st.tuples(st.integers(0, 95), st.integers(1, 96), st.integers(1, 9)).filter(
        lambda one: one[0] < one[1]
    ),
    max_size=6,
)


@example(drawn=[(0, 96, 1)], minute=1425)
@given(drawn=spans, minute=st.integers(0, 1439))
def test_property_levels_are_those_of_the_ranges_and_in_order(drawn, minute):
    chosen: list[tuple[int, int, int]] = []
    for start, end, counters in sorted(drawn):
        if not chosen or start * 15 >= chosen[-1][1]:
            chosen.append((start * 15, end * 15, counters))
    now = NOW.replace(hour=minute // 60, minute=minute % 60)

    _, segments = planned(*chosen).while_serving(now)

    starts = [segment.start for segment in segments]
    assert starts == sorted(set(starts))
    midnight = NOW.replace(hour=0).timestamp()
    for segment in segments:
        into = (segment.start - midnight) / 60
        there = [c for a, b, c in chosen if a <= into < b]
        assert segment.counters == (there[0] if there else 0)


# --- In the product --------------------------------------------------------------------------


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    estimates.forget_profiles()
    yield make_place()
    estimates.forget_profiles()


def plan(place: Place, *spans: Any, day: Any = MONDAY) -> RosterDay:
    row = operations.plan_day(
        actor=place.owner, queue_id=place.queue.pk, day=day, spans=spans, now=NOW
    )
    estimates.forget_profiles()
    return row


def median_of(place: Place, at: datetime = NOW) -> Any:
    with tenancy.public():
        queue = queries.get_queue(place.queue.pk)
    return queries._estimate(queue, queue.waiting_count, at)


def test_an_estimate_changes_when_the_roster_says_two_counters_open_in_an_hour(place):
    sit_down(place)
    for _ in range(12):
        join(place, actor=place.agent)
    now_only = median_of(place)

    plan(place, (8 * 60, 10 * 60, 1), (10 * 60, 17 * 60, 3))
    with_more = median_of(place)
    plan(place, (8 * 60, 17 * 60, 1))
    with_one = median_of(place)

    assert now_only.basis == "counters"
    assert with_more.basis == "roster"
    assert with_more.base < now_only.base - 1200
    assert with_one.base == pytest.approx(now_only.base)
    with translation.override("en"):
        assert "planned" in estimates.why(with_more, "Africa/Dakar")["text"]


def test_a_counter_that_closes_at_the_planned_hour_makes_the_last_unsure(place):
    sit_down(place)
    for _ in range(8):
        join(place, actor=place.agent)

    plan(place, (8 * 60, 9 * 60 + 30, 1))

    assert median_of(place).served_chance < 0.2


def test_without_a_counter_the_next_planned_one_is_told(place):
    before = median_of(place)

    plan(place, (10 * 60, 12 * 60, 2))
    told = median_of(place)

    assert before.explanation.state == "unknown"
    assert not before.has_figure
    assert told.explanation.state == "opens_at"
    assert told.delay == 3600
    assert "10:00" in estimates.why(told, "Africa/Dakar")["text"]


def test_nobody_is_sent_to_a_line_that_the_plan_ends_before(place):
    session = sit_down(place)
    for _ in range(8):
        join(place, actor=place.agent)
    plan(place, (8 * 60, 9 * 60 + 30, 1))

    with pytest.raises(QueueFull):
        join(place)
    assert join(place, actor=place.agent).session_id is None
    assert session.state == "open"


def test_a_break_of_minutes_counts_as_open_and_a_longer_one_does_not(place):
    session = sit_down(place)
    for _ in range(3):
        join(place, actor=place.agent)
    serving = median_of(place)
    operations.take_break(actor=place.agent, session_id=session.pk, now=NOW)
    estimates.forget_profiles()

    soon = median_of(place, NOW + timedelta(minutes=9))
    long = median_of(place, NOW + timedelta(minutes=11))

    assert (soon.explanation.state, soon.explanation.counters) == ("ok", 1)
    assert soon.has_figure
    assert serving.has_figure
    assert (long.explanation.state, long.has_figure) == ("paused", False)


def test_who_is_back_from_a_break_is_counted_once(place):
    sessions = [sit_down(place, index) for index in (0, 1)]
    operations.take_break(actor=place.agent, session_id=sessions[0].pk, now=NOW)
    estimates.forget_profiles()
    assert median_of(place).explanation.counters == 2

    operations.resume_session(actor=place.agent, session_id=sessions[0].pk, now=NOW)

    assert median_of(place).explanation.counters == 2


def test_a_manager_plans_reads_and_forgets_days(place, entrance, django_assert_num_queries):
    owner = Api(place.owner)
    path = f"queues/queues/{place.queue.pk}/roster/"
    spans = [{"since": "08:00", "until": "12:00", "counters": 2}]
    body = {"spans": spans}

    assert owner.call("put", f"{path}0/", body).json() == {"day": "0", **body}
    with django_assert_num_queries(4):
        assert owner.get(path).json()["count"] == 1
    for day in ("2026-12-24", "6"):
        assert owner.call("put", f"{path}{day}/", {"spans": []}).status_code == 200
    owner.call("put", f"{path}0/", {"spans": [{**spans[0], "until": "24:00"}]})

    with django_assert_num_queries(4):
        rows = owner.get(path).json()["results"]
    assert [row["day"] for row in rows] == ["0", "6", "2026-12-24"]
    assert owner.get(f"{path}0/").json()["spans"][0]["until"] == "24:00"
    assert owner.get(f"{path}1/").json() == {"day": "1", "spans": None, "usual": []}
    assert owner.call("delete", f"{path}6/").status_code == 204
    assert owner.call("delete", f"{path}6/").status_code == 404


WRONG = {
    "overlap": ([("08:00", "12:00"), ("11:00", "13:00")], "overlap"),
    "backwards": ([("12:00", "08:00")], "order"),
    "off the quarter": ([("08:05", "12:00")], "quarters"),
    "no time": ([("25:00", "26:00")], "invalid_time"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_cannot_be_planned_is_refused(place, entrance, case):
    given_spans, code = WRONG[case]
    body = {"spans": [{"since": a, "until": b, "counters": 1} for a, b in given_spans]}

    answer = Api(place.owner).call("put", f"queues/queues/{place.queue.pk}/roster/0/", body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code
    assert not RosterDay.objects.with_scopes_disabled().exists()


@pytest.mark.parametrize("day", ["7", "2026-13-01", "monday", "x"])
def test_a_day_that_does_not_exist_is_not_found(place, entrance, day):
    path = f"queues/queues/{place.queue.pk}/roster/{day}/"

    assert Api(place.owner).call("put", path, {"spans": []}).status_code == 404


def test_a_past_day_is_refused(place):
    with pytest.raises(InvalidInput):
        plan(place, day=NOW.date() - timedelta(days=1))


def test_only_who_manages_the_branch_plans(place):
    elsewhere = make_branch(place.organization)
    others = {
        "agent": place.agent,
        "viewer": make_member(place.organization, Role.VIEWER),
        "manager elsewhere": make_member(place.organization, Role.MANAGER, elsewhere),
        "other owner": make_place().owner,
    }
    for name, actor in others.items():
        with pytest.raises(NotFound):
            operations.plan_day(
                actor=actor, queue_id=place.queue.pk, day=0, spans=[MORNING], now=NOW
            )
        assert not RosterDay.objects.with_scopes_disabled().exists(), name

    manager = make_member(place.organization, Role.MANAGER, place.branch)
    operations.plan_day(actor=manager, queue_id=place.queue.pk, day=0, spans=[MORNING], now=NOW)

    assert RosterDay.objects.with_scopes_disabled().count() == 1


def test_the_database_keeps_one_row_a_day(place):
    plan(place, MORNING)
    rows = RosterDay.objects.with_scopes_disabled()
    of = {"organization": place.organization, "queue": place.queue}
    wrong: list[dict[str, Any]] = [
        {"weekday": MONDAY},
        {"weekday": 7},
        {},
        {"weekday": 1, "date": NOW.date()},
    ]
    for values in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.create(**of, **values)


def test_the_usual_counters_are_learned_from_sessions_without_their_breaks(place):
    of = {"organization": place.organization}
    for days in (0, 7, 14):
        start = NOW.replace(hour=8) - timedelta(days=days)
        session = CounterSession.objects.with_scopes_disabled().create(
            **of,
            branch=place.branch,
            counter=place.counters[0],
            agent_id=place.agent.user_id,
            queue_ids=[place.queue.pk],
            state="ended",
            started_at=start,
            ended_at=start + timedelta(hours=2),
        )
        SessionBreak.objects.with_scopes_disabled().create(
            **of,
            session=session,
            started_at=start + timedelta(minutes=30),
            ended_at=start + timedelta(minutes=60),
        )
    later = NOW + timedelta(hours=3)

    operations.learn_usual_counters(queue_id=place.queue.pk, now=later)

    usual = QueueWaits.objects.get(queue=place.queue).usual
    assert usual[MONDAY][15:21] == [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    with tenancy.organizations([place.organization.pk]):
        assert queries.usual_on(place.queue, MONDAY) == [(480, 510, 1.0), (540, 600, 1.0)]
    estimates.forget_profiles()
    sit_down(place)
    assert median_of(place).basis == "usual"


def test_a_half_hour_that_comes_twice_has_no_more_counters():
    night = datetime(2026, 10, 24, 22, tzinfo=UTC)
    stays = [
        (night + timedelta(days=days), night + timedelta(days=days, hours=6)) for days in (-7, 0, 7)
    ]

    usual = rosters.usual_counters(stays, "Europe/Paris", least_days=3)

    # On the second Sunday the clock shows 2 to 3 twice.
    assert max(max(day) for day in usual) == 1.0


def test_a_session_left_open_counts_until_the_last_that_happened_at_its_counter(place):
    of = {"organization": place.organization, "branch": place.branch}
    opened = NOW.replace(hour=8)
    for days in (7, 14):
        start = opened - timedelta(days=days)
        CounterSession.objects.with_scopes_disabled().create(
            **of,
            counter=place.counters[0],
            agent_id=place.agent.user_id,
            queue_ids=[place.queue.pk],
            state="ended",
            started_at=start,
            ended_at=start + timedelta(hours=20),
        )
    session = sit_down(place, now=opened)
    ticket = join(place, now=opened)
    actor = {"actor": place.agent, "ticket_id": ticket.pk}
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=opened)
    operations.start_ticket(**actor, now=opened + timedelta(minutes=10))
    operations.complete_ticket(**actor, now=opened + timedelta(minutes=60))

    operations.learn_usual_counters(queue_id=place.queue.pk, now=opened + timedelta(hours=20))

    # On the other two days nothing shows that anybody was there.
    assert QueueWaits.objects.get(queue=place.queue).usual == []
    stays = learning._stays(place.queue, opened - timedelta(days=28), opened + timedelta(hours=20))
    with tenancy.organizations([place.organization.pk]):
        assert list(stays) == [(opened, opened + timedelta(minutes=60))]

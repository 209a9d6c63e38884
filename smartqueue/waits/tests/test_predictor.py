import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.waits.errors import CorruptState, InvalidSnapshot, UnknownTicket
from smartqueue.waits.estimate import ShownEstimate, shown
from smartqueue.waits.handling import KEPT_SERVICES
from smartqueue.waits.predictor import Predictor
from smartqueue.waits.ratios import BUCKET_STARTS, DEFAULT_RATIOS, RatioHistory
from smartqueue.waits.snapshot import Booking, LineSummary, Pool, Segment, Snapshot, WaitingTicket
from smartqueue.waits.synthetic import crowded_snapshot, seasoned_predictor
from smartqueue.waits.tests.lines import (
    DAY,
    NOW,
    fill_ratios,
    snapshot,
    summary,
    usual_predictor,
    waiting_line,
    warm_predictor,
)
from smartqueue.waits.usual import UsualCalls

SERVICES = frozenset({"s"})
PLANS = st.lists(st.integers(0, 5), max_size=8).map(
    lambda levels: tuple(Segment(NOW + 900.0 * (i + 1), c) for i, c in enumerate(levels))
)
POOLS = st.builds(
    Pool,
    services=st.just(SERVICES),
    counters=st.integers(0, 6),
    plan=PLANS,
    closes_at=st.none() | st.floats(NOW - 600, NOW + 20_000),
    priority_rate=st.sampled_from([0.0, 1 / 600]),
    priority_head_start=st.sampled_from([0.0, 900.0]),
)
RATIOS = st.lists(st.floats(0, 5), max_size=60)
HISTORY_STATES = {
    "none": Predictor().to_state(),
    "days": warm_predictor().to_state(),
    "usual calls": usual_predictor().to_state(),
}
HISTORIES = st.sampled_from(sorted(HISTORY_STATES))
LEAVING = st.none() | st.sampled_from([0.0, 1e-5, 1e-3])
BOOKINGS = st.lists(
    st.builds(
        Booking,
        slot_at=st.floats(NOW - 900, NOW + 7200),
        service=st.just("s"),
        head_start=st.sampled_from([0.0, 1500.0]),
        count=st.floats(0, 4),
    ),
    max_size=4,
).map(tuple)


def predictor_with(ratios: list[float], *, history: str) -> Predictor:
    predictor = Predictor.from_state(HISTORY_STATES[history])
    fill_ratios(predictor, ratios)
    return predictor


def figures(estimate):
    return [math.inf if v is None else v for v in (estimate.low, estimate.median, estimate.high)]


@settings(deadline=None)
@given(
    count=st.integers(0, 40),
    pool=POOLS,
    idle=st.integers(0, 3),
    ratios=RATIOS,
    history=HISTORIES,
    bookings=BOOKINGS,
    skew=st.floats(-1e5, 1e5),
)
def test_figures_are_ordered_and_never_shorter_further_back(
    *, count, pool, idle, ratios, history, bookings, skew
):
    predictor = predictor_with(ratios, history=history)
    line = replace(
        snapshot(count, replace(pool, idle=min(idle, pool.counters))),
        now=NOW + skew,
        bookings=bookings,
    )
    previous = [0.0, 0.0, 0.0]
    for number in range(count):
        estimate = predictor.predict(line)[f"t{number}"]
        assert 0 <= figures(estimate)[0] <= figures(estimate)[1] <= figures(estimate)[2]
        assert all(a <= b for a, b in zip(previous, figures(estimate), strict=True))
        assert estimate.served_chance is None or 0 <= estimate.served_chance <= 1
        assert estimate.explanation.people_ahead == number
        previous = figures(estimate)


@settings(deadline=None)
@given(
    pool=POOLS,
    idle=st.integers(0, 3),
    ratios=RATIOS,
    history=HISTORIES,
    head_waited=st.none() | st.floats(0, 7200),
    leaving=LEAVING,
    bookings=BOOKINGS,
)
def test_more_people_ahead_never_shortens(
    *, pool, idle, ratios, history, head_waited, leaving, bookings
):
    predictor = predictor_with(ratios, history=history)
    line = replace(
        summary(replace(pool, idle=min(idle, pool.counters))),
        head_waited=head_waited,
        leaving_rate=leaving,
        bookings=bookings,
    )
    previous, chance = [0.0, 0.0, 0.0], 1.0
    for people_ahead in (*range(26), 100, 1000, 10_000):
        estimate = predictor.predict_position(people_ahead, line)
        found = figures(estimate)
        assert all(a <= b for a, b in zip(previous, found, strict=True))
        assert estimate.served_chance is None or estimate.served_chance <= chance
        previous, chance = found, estimate.served_chance


@settings(deadline=None)
@given(
    pool=POOLS,
    was_idle=st.integers(0, 3),
    idle=st.booleans(),
    people_ahead=st.integers(0, 60),
    ratios=RATIOS,
    history=HISTORIES,
    head_waited=st.none() | st.floats(0, 7200),
    leaving=LEAVING,
    bookings=BOOKINGS,
)
def test_one_more_open_counter_never_lengthens(
    *, pool, was_idle, idle, people_ahead, ratios, history, head_waited, leaving, bookings
):
    predictor = predictor_with(ratios, history=history)
    line = replace(summary(pool), head_waited=head_waited, leaving_rate=leaving, bookings=bookings)
    pool = replace(pool, idle=min(was_idle, pool.counters))
    line = replace(line, pool=pool)
    more = replace(pool, counters=pool.counters + 1, idle=pool.idle + idle)
    before = figures(predictor.predict_position(people_ahead, line))
    after = figures(predictor.predict_position(people_ahead, replace(line, pool=more)))

    assert all(a <= b for a, b in zip(after, before, strict=True))


@settings(deadline=None)
@given(count=st.integers(1, 40), pool=POOLS, history=HISTORIES, number=st.integers(0, 39))
def test_one_more_counter_never_lengthens_in_a_whole_line(count, pool, history, number):
    predictor = predictor_with([], history=history)
    ticket = f"t{number % count}"
    more = replace(pool, counters=pool.counters + 1)
    before = figures(predictor.predict(snapshot(count, pool), ticket))
    after = figures(predictor.predict(snapshot(count, more), ticket))

    assert all(a <= b for a, b in zip(after, before, strict=True))


@settings(deadline=None)
@given(
    services=st.lists(st.sampled_from(["s", "quick", "long"]), min_size=1, max_size=25),
    inserted=st.sampled_from(["s", "quick", "long"]),
    place=st.integers(0, 24),
    pool=POOLS,
    idle=st.integers(0, 3),
    leavers=st.integers(0, 30),
    history=HISTORIES,
    joined_ago=st.floats(0, 7200),
)
def test_a_person_let_in_ahead_never_lowers_the_base_whatever_their_service(
    *, services, inserted, place, pool, idle, leavers, history, joined_ago
):
    predictor = predictor_with([], history=history)
    for number in range(60 * (leavers > 0)):
        at = NOW - 3600 + number
        predictor.observe_wait(at, at + 600, outcome="left" if number < leavers else "called")
    pool = replace(pool, services=frozenset({"s", "quick", "long"}), idle=min(idle, pool.counters))
    waiting = [
        replace(person, service=service)
        for person, service in zip(waiting_line(len(services)), services, strict=True)
    ]
    place = min(place, len(waiting) - 1)
    key = waiting[place].effective_at - 1
    intruder = WaitingTicket("new", inserted, key, max(NOW - joined_ago, key))
    durations = {"s": 300, "quick": 30, "long": 1800}
    before = predictor.predict(Snapshot(NOW, (pool,), tuple(waiting), durations))
    after = predictor.predict(Snapshot(NOW, (pool,), (*waiting, intruder), durations))

    for person in waiting[place:]:
        earlier, later = before[person.id].base, after[person.id].base
        assert later is None or (earlier is not None and earlier <= later + 1e-6)


@settings(deadline=None)
@given(
    count=st.integers(1, 40),
    pool=POOLS.map(lambda pool: replace(pool, priority_rate=0.0)),
    ratios=RATIOS,
)
def test_constant_cost_path_equals_the_whole_line(count, pool, ratios):
    predictor = predictor_with(ratios, history="days")
    line = summary(pool, count - 1, predictor.handling_time("s", 300.0))

    found = predictor.predict_position(count - 1, line)
    exact = predictor.predict(snapshot(count, pool), f"t{count - 1}")

    assert figures(found) == pytest.approx(figures(exact), abs=1)
    assert found.explanation == exact.explanation
    assert found.basis == exact.basis
    assert found.served_chance == pytest.approx(exact.served_chance)


@pytest.mark.parametrize("people_ahead", [0, 1, 2, 4, 7, 30])
def test_cold_start_is_declared_duration_and_default_ratios(people_ahead):
    line = summary(Pool(counters=2))
    estimate = Predictor().predict_position(people_ahead, line)
    equivalent = (0.92 * 300 + 0.08 * 60) / 300
    base = (people_ahead * equivalent + 1) * 300 / 2
    low, median, high = DEFAULT_RATIOS[
        max(i for i, start in enumerate(BUCKET_STARTS) if start <= people_ahead)
    ]

    assert estimate.base == pytest.approx(base)
    assert (estimate.low, estimate.median, estimate.high) == (
        math.floor(low * base),
        round(median * base),
        math.ceil(high * base),
    )
    assert (estimate.basis, estimate.explanation.state) == ("counters", "ok")


def test_cold_start_blends_in_the_head_of_the_line():
    pool = Pool(services=SERVICES, counters=2)
    line = replace(summary(pool, waiting=10), head_waited=2400.0)
    equivalent = (0.92 * 300 + 0.08 * 60) / 300
    drain = (10 * equivalent + 1) * 150
    estimate = Predictor().predict_position(10, line)

    assert estimate.base == pytest.approx(math.sqrt(drain * 2400))
    assert estimate.basis == "head_of_line"
    assert warm_predictor().predict_position(10, line).basis == "counters"


def test_head_of_the_line_counts_within_a_factor_of_ten():
    line = summary(Pool(counters=2), waiting=10)
    plain = Predictor().predict_position(10, line).base
    at_once = Predictor().predict_position(10, replace(line, head_waited=0.0)).base
    stuck = Predictor().predict_position(10, replace(line, head_waited=1e6)).base

    assert (at_once, stuck) == (pytest.approx(plain / 10), pytest.approx(plain * 10))


def test_roster_replaces_the_head_of_the_line():
    pool = Pool(counters=2, plan=(Segment(NOW + 900, 3),))
    line = replace(summary(pool, waiting=10), head_waited=2400.0)

    assert Predictor().predict_position(10, line).basis == "roster"
    usual = replace(line, pool=replace(pool, plan_kind="usual"))
    assert Predictor().predict_position(10, usual).basis == "usual"


@pytest.mark.parametrize(
    ("pool", "state", "chance"),
    [
        (Pool(services=SERVICES), "unknown", None),
        (Pool(services=SERVICES, paused=2), "paused", None),
        (Pool(services=SERVICES, counters=2, closes_at=NOW), "closed", 0.0),
        (Pool(services=SERVICES, plan=(Segment(NOW + 60, 0),)), "unknown", None),
        (Pool(services=frozenset({"other"}), counters=2), "unknown", None),
    ],
)
def test_nobody_serving_gives_a_position_and_no_figure(pool, state, chance):
    estimate = warm_predictor().predict(snapshot(3, pool), "t2")

    assert (estimate.low, estimate.median, estimate.high) == (None, None, None)
    assert (estimate.has_figure, estimate.basis) == (False, "none")
    assert estimate.explanation.state == state
    assert estimate.served_chance == chance
    assert shown(estimate, NOW) is None
    if "s" in pool.services:
        assert estimate.explanation.people_ahead == 2
        assert warm_predictor().predict_position(2, summary(pool)) == estimate


def test_frozen_queue_stops_pretending():
    line = replace(snapshot(3, Pool(services=SERVICES, counters=2)), frozen=True)
    estimate = warm_predictor().predict(line, "t0")

    assert (estimate.median, estimate.explanation.state) == (None, "paused")


def test_known_opening_is_the_time_until_it_plus_the_drain():
    pool = Pool(services=SERVICES, plan=(Segment(NOW + 3600, 2),))
    estimate = warm_predictor().predict(snapshot(3, pool), "t2")
    open_now = warm_predictor().predict(snapshot(3, Pool(services=SERVICES, counters=2)), "t2")

    assert estimate.explanation.state == "opens_at"
    assert estimate.explanation.starts_at == NOW + 3600
    assert estimate.base == pytest.approx(3600 + open_now.base)
    assert figures(estimate) == pytest.approx([3600 + f for f in figures(open_now)], abs=1)


def test_announced_return_is_a_pause_with_a_figure():
    pool = Pool(services=SERVICES, paused=1, returns=(NOW + 600,))
    estimate = warm_predictor().predict(snapshot(1, pool), "t0")

    assert (estimate.explanation.state, estimate.explanation.starts_at) == ("paused", NOW + 600)
    assert estimate.base == pytest.approx(900)
    assert estimate.basis == "counters"


def test_free_counter_means_now():
    pool = Pool(services=SERVICES, counters=3, idle=1)
    estimates = warm_predictor().predict(snapshot(2, pool))

    assert figures(estimates["t0"]) == [0, 0, 0]
    assert estimates["t0"].explanation.state == "now"
    assert estimates["t1"].base == pytest.approx(100)
    assert estimates["t1"].explanation.state == "ok"
    assert warm_predictor().predict_position(0, summary(pool)) == estimates["t0"]


def test_chance_to_be_served_falls_towards_closing():
    predictor = warm_predictor()
    chances = [
        predictor.predict_position(
            people_ahead, summary(Pool(counters=2, closes_at=NOW + 3600))
        ).served_chance
        for people_ahead in (0, 10, 22, 60)
    ]

    assert chances[0] > 0.99
    assert chances == sorted(chances, reverse=True)
    assert 0.4 < chances[2] < 0.6
    assert chances[3] < 0.1


def test_chance_never_rises_where_the_history_says_otherwise():
    predictor = warm_predictor()
    for _ in range(100):
        predictor.ratios.observe(0, 5.0)
        predictor.ratios.observe(1, 0.1)
    pool = Pool(services=SERVICES, counters=1, closes_at=NOW + 600)
    first, second = predictor.predict(snapshot(2, pool)).values()

    assert (first.served_chance, second.served_chance) == (0.0, 0.0)


def test_line_no_plan_can_serve_has_no_figure_and_no_chance():
    plan = (Segment(NOW + 900, 0), Segment(NOW + 7200, 2))
    pool = Pool(services=SERVICES, counters=1, plan=plan, closes_at=NOW + 3600)
    estimate = warm_predictor().predict(snapshot(20, pool), "t19")

    assert (estimate.median, estimate.served_chance) == (None, 0.0)
    assert estimate.explanation.state == "unknown"


def test_base_has_a_floor():
    assert warm_predictor().predict_position(0, summary(Pool(counters=1000))).base == 10


def test_other_services_wait_in_their_own_pool():
    waiting = (*waiting_line(5), WaitingTicket("other", "o", NOW, NOW))
    line = Snapshot(
        NOW,
        (
            Pool(id="a", services=SERVICES, counters=1),
            Pool(id="b", services=frozenset({"o"}), counters=1),
        ),
        waiting,
        {"s": 300, "o": 600},
    )
    estimate = Predictor().predict(line, "other")

    assert estimate.explanation.people_ahead == 0


def test_ticket_of_several_pools_gets_the_earliest():
    slow = Pool(id="slow", services=SERVICES, counters=1)
    quick = Pool(id="quick", services=SERVICES, counters=3)
    predictor = warm_predictor()
    alone = predictor.predict(snapshot(6, quick))
    both = predictor.predict(replace(snapshot(6, slow), pools=(slow, quick)))

    assert both == alone


def test_order_key_decides_who_is_ahead():
    waiting = (
        WaitingTicket("plain", "s", NOW - 600, NOW - 600),
        WaitingTicket("priority", "s", NOW - 900, NOW),
    )
    estimates = Predictor().predict(
        snapshot(2, Pool(services=SERVICES, counters=1), waiting=waiting)
    )

    assert estimates["priority"].explanation.people_ahead == 0
    assert estimates["plain"].explanation.people_ahead == 1


def test_a_service_that_weighs_more_with_the_agents_comes_earlier():
    waiting = (
        WaitingTicket("first", "s", NOW - 900, NOW - 900),
        WaitingTicket("heavy", "h", NOW - 600, NOW - 600),
        WaitingTicket("last", "s", NOW - 300, NOW - 300),
    )
    pool = Pool(services=frozenset({"s", "h"}), counters=1, weights={"h": 2.0})
    told = warm_predictor().predict(snapshot(3, pool, waiting=waiting))

    assert {name: told[name].explanation.people_ahead for name in told} == {
        "heavy": 0,
        "first": 1,
        "last": 2,
    }
    assert told["heavy"].base < told["first"].base < told["last"].base
    even = warm_predictor().predict(snapshot(3, replace(pool, weights={}), waiting=waiting))
    assert told["heavy"].base < even["heavy"].base


def test_a_service_that_weighs_nothing_is_not_called_and_not_counted():
    waiting = (
        WaitingTicket("never", "h", NOW - 900, NOW - 900),
        WaitingTicket("next", "s", NOW - 300, NOW - 300),
    )
    pool = Pool(services=frozenset({"s", "h"}), counters=1, weights={"h": 0.0})
    told = warm_predictor().predict(snapshot(2, pool, waiting=waiting))

    assert told["never"].has_figure is False
    assert told["next"].explanation.people_ahead == 0


@settings(deadline=None)
@given(
    count=st.integers(1, 25),
    pool=POOLS,
    weights=st.dictionaries(st.sampled_from(["s", "quick"]), st.floats(0, 3)),
    ratios=RATIOS,
    bookings=BOOKINGS,
)
def test_weights_keep_figures_ordered_in_the_order_of_calling(
    *, count, pool, weights, ratios, bookings
):
    services = ["s", "quick"]
    waiting = tuple(
        replace(person, service=services[number % 2])
        for number, person in enumerate(waiting_line(count))
    )
    pool = replace(pool, services=frozenset(services), weights=weights)
    line = replace(snapshot(count, pool, waiting=waiting), bookings=bookings)
    told = predictor_with(ratios, history="days").predict(line).values()
    served = [estimate for estimate in told if estimate.has_figure]
    served.sort(key=lambda estimate: estimate.explanation.people_ahead)

    assert all(0 <= t.low <= t.median <= t.high for t in served)
    assert all(
        earlier <= later
        for a, b in pairwise(served)
        for earlier, later in zip(figures(a), figures(b), strict=True)
    )


@settings(deadline=None)
@given(count=st.integers(1, 25), pool=POOLS, more=POOLS, history=HISTORIES)
def test_one_more_pool_never_lengthens(count, pool, more, history):
    predictor = predictor_with([], history=history)
    other = Pool(id="other", services=frozenset({"o"}), counters=1)
    first = replace(snapshot(count, replace(pool, id="a")), pools=(replace(pool, id="a"), other))
    both = replace(first, pools=(*first.pools, replace(more, id="b")))
    before, after = predictor.predict(first), predictor.predict(both)

    for ticket, told in before.items():
        assert all(a <= b for a, b in zip(figures(after[ticket]), figures(told), strict=True))


def test_longer_services_ahead_count_for_more():
    def base(service):
        waiting = (
            WaitingTicket("a", service, NOW - 60, NOW - 60),
            WaitingTicket("b", "s", NOW, NOW),
        )
        pool = Pool(services=frozenset({"s", "long"}), counters=1)
        line = Snapshot(NOW, (pool,), waiting, {"s": 300, "long": 1800})
        predictor = warm_predictor()
        return predictor.predict(line, "b").base

    assert base("long") - base("s") == pytest.approx(1500, rel=0.01)


def test_expected_priority_arrivals_pass_within_their_head_start():
    pool = Pool(counters=1, priority_rate=1 / 600, priority_head_start=900.0)
    estimate = warm_predictor().predict_position(9, summary(pool))

    assert estimate.explanation.overtakers == pytest.approx(1.5)
    assert estimate.base == pytest.approx(11.5 * 300, rel=0.01)


def test_booked_people_pass_when_their_key_is_smaller_and_they_come_in_time():
    bookings = (
        Booking(NOW + 1000, head_start=1500.0, count=2),
        Booking(NOW + 1600, head_start=1500.0),
        Booking(NOW + 100_000, head_start=200_000.0),
    )
    line = replace(summary(Pool(counters=1)), bookings=bookings, show_rate=0.5)
    estimate = warm_predictor().predict_position(9, line)

    assert estimate.explanation.overtakers == 1.0
    assert estimate.base == pytest.approx(11 * 300, rel=0.01)


def test_unknown_ticket_is_a_typed_error():
    with pytest.raises(UnknownTicket):
        Predictor().predict(snapshot(1, Pool()), "nobody")


def test_empty_snapshot_has_no_estimates():
    assert Predictor().predict(Snapshot(NOW, ())) == {}
    assert Predictor().predict(snapshot(0, Pool(services=SERVICES, counters=1))) == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_senseless_times_are_rejected(value):
    with pytest.raises(InvalidSnapshot):
        Snapshot(value, ())
    with pytest.raises(InvalidSnapshot):
        WaitingTicket("t", "s", value, NOW)
    with pytest.raises(InvalidSnapshot):
        LineSummary(NOW, Pool(), 1, value)
    with pytest.raises(InvalidSnapshot):
        Booking(value)
    with pytest.raises(InvalidSnapshot):
        Snapshot(NOW, (), show_rate=value)
    with pytest.raises(InvalidSnapshot):
        Snapshot(NOW, (), durations={"s": value})


def test_declared_duration_of_zero_still_gives_a_figure():
    line = snapshot(3, Pool(services=SERVICES, counters=1), duration=0.0)

    assert Predictor().predict(line, "t2").has_figure
    assert Predictor().predict_position(2, summary(Pool(counters=1), handling=0.0)).has_figure


@settings(deadline=None)
@given(
    joined_at=st.floats(),
    ended_at=st.floats(),
    made_at=st.floats(),
    base=st.floats(),
    delay=st.floats(),
    seconds=st.floats(),
    outcome=st.sampled_from(["called", "left"]),
)
def test_senseless_observations_never_break_the_predictor(
    *, joined_at, ended_at, made_at, base, delay, seconds, outcome
):
    predictor = Predictor()
    estimate = ShownEstimate(made_at, 3, base, 10.0, 20.0, 30.0, delay)
    for _ in range(60):
        predictor.observe_wait(joined_at, ended_at, outcome=outcome, shown=[estimate])
        predictor.observe_service("s", seconds)
        predictor.observe_service("s", seconds, no_show=True)
    estimate = predictor.predict_position(5, summary(Pool(counters=1)))

    assert 0 <= estimate.low <= estimate.median <= estimate.high
    assert Predictor.from_state(json.loads(json.dumps(predictor.to_state(), allow_nan=False)))


@pytest.mark.parametrize(
    ("joined_at", "ended_at"), [(NOW, NOW - 3600), (NOW, NOW + 2 * DAY), (math.nan, NOW)]
)
def test_waits_across_a_clock_jump_teach_nothing(joined_at, ended_at):
    predictor = Predictor()
    predictor.observe_wait(joined_at, ended_at, outcome="called")

    assert predictor.to_state() == Predictor().to_state()


def test_clock_set_back_keeps_figures_sane():
    predictor = warm_predictor()
    line = snapshot(5, Pool(services=SERVICES, counters=1))

    assert predictor.predict(replace(line, now=NOW - 1e6), "t4").base == pytest.approx(
        predictor.predict(line, "t4").base
    )


def test_first_estimate_of_each_bucket_teaches_a_ratio():
    predictor = Predictor()
    made = [(NOW, 6, 1000.0), (NOW + 100, 5, 900.0), (NOW + 500, 1, 400.0)]
    estimates = [ShownEstimate(at, ahead, base, 0, base, 2 * base) for at, ahead, base in made]
    predictor.observe_wait(NOW, NOW + 800, outcome="called", shown=reversed(estimates))

    assert predictor.to_state()["ratios"]["buckets"] == [[], [750], [], [], [800], [], [], []]
    assert predictor.to_state()["coverage"]["recent"] == "1"


def test_ratio_is_of_the_time_after_opening():
    predictor = Predictor()
    estimate = ShownEstimate(NOW, 0, 900.0, 600, 700, 1500, delay=600.0)
    predictor.observe_wait(NOW, NOW + 1200, outcome="called", shown=[estimate])

    assert predictor.to_state()["ratios"]["buckets"][0] == [2000]


def test_people_who_leave_teach_no_ratio():
    predictor = Predictor()
    estimate = ShownEstimate(NOW, 0, 900.0, 600, 700, 1500)
    predictor.observe_wait(NOW, NOW + 1200, outcome="left", shown=[estimate])

    assert predictor.ratios.count(0) == 0


def test_stored_estimate_comes_from_the_shown_one():
    estimate = warm_predictor().predict_position(4, summary(Pool(counters=2)))
    kept = shown(estimate, NOW)

    assert kept == ShownEstimate(
        NOW, 4, estimate.base, estimate.low, estimate.median, estimate.high
    )
    now = warm_predictor().predict_position(0, summary(Pool(counters=2, idle=1)))
    assert shown(now, NOW) is None


def test_state_round_trip_predicts_the_same():
    predictor = seasoned_predictor()
    organization = RatioHistory()
    restored = Predictor.from_state(json.loads(json.dumps(predictor.to_state())), organization)

    assert restored.to_state() == predictor.to_state()
    assert restored.predict(crowded_snapshot()) == predictor.predict(crowded_snapshot())


def test_fullest_state_stays_below_64_kb():
    predictor = Predictor()
    fill_ratios(predictor, [50.0] * 1500)
    for number in range(2 * KEPT_SERVICES):
        predictor.observe_service(f"00000000-0000-4000-8000-{number:012d}", 1234.56789012345)
    for number in range(300):
        predictor.coverage.observe(below=number % 3 == 0, above=False)
    for number in range(30 * 48):
        joined_at = NOW + 1800.123456 * number
        for _ in range(5):
            predictor.usual.see(joined_at)
            predictor.usual.observe(joined_at, joined_at + 1800.123456)

    assert len(json.dumps(predictor.to_state())) < 64_000


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"version": None},
        {"usual": None},
        {"usual": UsualCalls().to_state() | {"day_began_at": "yesterday"}},
        {"usual": UsualCalls().to_state() | {"last_call_at": float("nan")}},
        {"usual": UsualCalls().to_state() | {"days": -1}},
        {"usual": UsualCalls().to_state() | {"days": 10**9}},
        {"usual": UsualCalls().to_state() | {"calls": [0.0] * 47}},
        {"usual": UsualCalls().to_state() | {"busy": [-1.0] * 48}},
        {"usual": {"days": 0}},
        {"services": None},
        {"no_shows": {}},
        {"leaving": {"tickets": -1, "left": 0, "waited": 0}},
        {"ratios": {"buckets": []}},
        {"coverage": {"low_tail": 0.1}},
    ],
)
def test_corrupt_state_is_rejected(change):
    with pytest.raises(CorruptState):
        Predictor.from_state(warm_predictor().to_state() | change)


@pytest.mark.parametrize("missing", sorted(Predictor().to_state()))
def test_incomplete_state_is_rejected(missing):
    state = Predictor().to_state()
    del state[missing]
    with pytest.raises(CorruptState):
        Predictor.from_state(state)


@pytest.mark.parametrize("state", [None, 1, "x", [], {}, {"version": 2}])
def test_state_of_another_shape_is_rejected(state):
    with pytest.raises(CorruptState):
        Predictor.from_state(state)

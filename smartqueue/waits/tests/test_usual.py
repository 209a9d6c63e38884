from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smartqueue.waits.predictor import Predictor
from smartqueue.waits.ratios import RatioHistory
from smartqueue.waits.snapshot import Pool, Segment, Snapshot
from smartqueue.waits.tests.lines import (
    DAY,
    NOW,
    fill_ratios,
    snapshot,
    summary,
    usual_predictor,
    warm_predictor,
)
from smartqueue.waits.usual import HALF_HOUR, SLOTS, UsualCalls

MIDNIGHT = NOW - NOW % DAY


def busy_day(usual: UsualCalls, day: int, gaps: dict[int, float]) -> None:
    """A line that never empties, with one call every so many seconds in each half-hour given."""
    for slot, gap in gaps.items():
        moment = MIDNIGHT + day * DAY + slot * HALF_HOUR
        for number in range(int(HALF_HOUR / gap) + 1):
            called_at = moment + number * gap
            usual.see(called_at)
            usual.observe(called_at - 3600, called_at)


def test_nothing_is_usual_in_the_first_three_days():
    usual = UsualCalls()
    for day in range(3):
        busy_day(usual, day, {16: 60.0, 17: 60.0})
    assert (usual.is_known, usual.plan(NOW, 300.0)) == (False, ())
    busy_day(usual, 3, {16: 60.0})

    assert usual.is_known


def test_fifty_calls_are_needed():
    usual = UsualCalls()
    for day in range(5):
        busy_day(usual, day, {16: 300.0})

    assert (usual.is_cold, usual.is_known) == (False, False)


def test_each_half_hour_has_its_own_rate():
    usual = UsualCalls()
    for day in range(20):
        busy_day(usual, day, {16: 30.0, 17: 120.0, 18: 300.0})
    rates = usual.rates()

    assert rates[16] == pytest.approx(1 / 30, rel=0.05)
    assert rates[17] == pytest.approx(1 / 120, rel=0.15)
    assert rates[18] == pytest.approx(1 / 300, rel=0.3)


def test_a_change_of_clocks_moves_no_half_hour():
    paris = ZoneInfo("Europe/Paris")
    usual, of_the_world = UsualCalls(paris), UsualCalls()
    # Clocks go back on the 25th of October 2026.
    for day in range(5, 25):
        opens_at = datetime(2026, 10, day, 9, tzinfo=paris).timestamp()
        for number in range(121):
            # Quick until half past nine, slow until eleven.
            called_at = opens_at + (30 * min(number, 60) + 90 * max(number - 60, 0))
            for learner in (usual, of_the_world):
                learner.see(called_at)
                learner.observe(called_at - 3600, called_at)
    monday = datetime(2026, 10, 26, 8, 45, tzinfo=paris)
    read = UsualCalls.from_state(usual.to_state(), paris)

    def counters(learner: UsualCalls) -> list[float]:
        plan = learner.plan(monday.timestamp(), 60.0)
        assert plan[0].start == (monday + timedelta(minutes=15)).timestamp()
        return [segment.counters for segment in plan[:2]]

    assert counters(usual) == pytest.approx([2.0, 0.67], rel=0.05)
    assert counters(read) == pytest.approx(counters(usual), rel=0.01)
    assert counters(of_the_world)[0] < 1.5


def test_half_hours_that_differ_by_chance_only_count_as_one():
    random = np.random.default_rng(2)
    usual = UsualCalls()
    for day in range(20):
        moment = MIDNIGHT + day * DAY
        usual.see(moment)
        while moment < MIDNIGHT + (day + 1) * DAY:
            moment += random.exponential(300.0)
            usual.observe(moment - 3600, moment)

    assert np.std(usual.rates()) * 300 < 0.06
    assert np.mean(usual.rates()) * 300 == pytest.approx(1, rel=0.05)


def test_calls_into_an_empty_line_do_not_tell_the_capacity():
    usual = UsualCalls()
    for day in range(10):
        for number in range(100):
            called_at = MIDNIGHT + day * DAY + 300.0 * number
            usual.see(called_at)
            usual.observe(called_at - 5, called_at)

    assert not usual.is_known


def test_nights_are_not_slow_calls():
    usual = UsualCalls()
    for day in range(10):
        busy_day(usual, day, {16: 60.0})
        # Somebody was left over from the evening before.
        usual.observe(MIDNIGHT + day * DAY, MIDNIGHT + day * DAY + 20 * 3600)

    assert min(usual.rates()) == pytest.approx(1 / 60, rel=0.05)


def test_old_days_are_forgotten():
    usual = UsualCalls()
    for day in range(60):
        busy_day(usual, day, {16: 60.0 if day < 30 else 20.0, 17: 60.0})

    assert usual.rates()[16] == pytest.approx(1 / 20, rel=0.15)


def test_a_clock_set_back_and_forward_is_no_day_and_no_gap():
    usual = UsualCalls()
    for day in (0, 400, 0, 400, 1, -400):
        usual.see(MIDNIGHT + day * DAY)
    before = usual.days
    for day in (0, 400, 0, 400, 1, -400):
        usual.observe(MIDNIGHT + day * DAY - 60, MIDNIGHT + day * DAY)

    assert before <= 4
    assert sum(usual.to_state()["calls"]) == 0


@pytest.mark.parametrize("moment", [1e300, -1e300, 1e18, 1e12])
def test_moments_out_of_any_calendar_teach_nothing(moment):
    predictor = usual_predictor()
    learned = predictor.usual.to_state()
    predictor.observe_wait(moment, moment, outcome="called")

    assert predictor.usual.to_state() == learned
    assert predictor.usual.plan(moment, 300.0) == ()


def test_usual_calls_stand_in_for_a_missing_roster():
    pool = Pool(services=frozenset({"s"}), counters=1)
    predictor = usual_predictor()
    estimate = predictor.predict(snapshot(12, pool), "t11")

    assert estimate.basis == "usual"
    assert warm_predictor().predict(snapshot(12, pool), "t11").basis == "counters"
    assert estimate.base != pytest.approx(12 * 300, rel=0.05)


def test_a_roster_comes_before_usual_calls():
    plan = (Segment(NOW + 900, 1),)
    pool = Pool(services=frozenset({"s"}), counters=1, plan=plan)

    assert usual_predictor().predict(snapshot(12, pool), "t11").base == pytest.approx(
        3600, rel=0.01
    )


def test_usual_calls_come_before_usual_counters_but_leave_closed_hours_closed():
    counters = (
        Segment(NOW + 900, 40.0),
        Segment(NOW + 2 * 3600, 0.0),
        Segment(NOW + 4 * 3600, 40.0),
    )
    pool = Pool(services=frozenset({"s"}), counters=1, plan=counters, plan_kind="usual")
    predictor = usual_predictor()
    alone = predictor.predict(snapshot(4, replace(pool, plan=())), "t3")
    told = predictor.predict(snapshot(4, pool), "t3")

    assert told.base == alone.base
    assert warm_predictor().predict(snapshot(4, pool), "t3").base < told.base
    late = predictor.predict(snapshot(60, pool), "t59")
    assert late.base > 4 * 3600
    assert late.base > predictor.predict(snapshot(60, replace(pool, plan=())), "t59").base


def test_usual_calls_are_no_opening():
    pool = Pool(services=frozenset({"s"}))
    estimate = usual_predictor().predict(snapshot(3, pool), "t2")

    assert (estimate.has_figure, estimate.explanation.state) == (False, "unknown")
    assert usual_predictor().predict_position(2, summary(pool)).has_figure is False


def test_usual_calls_of_the_queue_are_not_those_of_each_of_several_pools():
    one = Pool(id="a", services=frozenset({"s"}), counters=1)
    other = Pool(id="b", services=frozenset({"o"}), counters=1)
    whole = snapshot(5, one)
    both = Snapshot(NOW, (one, other), whole.waiting, whole.durations)

    assert usual_predictor().predict(both, "t4").basis == "counters"


def test_no_shows_among_usual_calls_are_not_counted_twice():
    predictor = usual_predictor()
    before = predictor.predict_position(20, summary(Pool(counters=1))).base
    for _ in range(2000):
        predictor.observe_service("s", 0.0, no_show=True)
        predictor.observe_service("s", 300.0)
    after = predictor.predict_position(20, summary(Pool(counters=1))).base

    # Counters of now are quicker with half of the people missing; later calls are what they were.
    assert 0.6 * before < after < before


def test_ratios_of_the_first_three_days_are_dropped_on_the_fourth():
    predictor = Predictor()
    for day in range(3):
        predictor.observe_wait(NOW + day * DAY, NOW + day * DAY + 60, outcome="called")
    fill_ratios(predictor, [2.0] * 60)
    assert predictor.is_cold
    assert predictor.ratios.count(0) == 60
    predictor.observe_wait(NOW + 3 * DAY, NOW + 3 * DAY + 60, outcome="called")
    assert not predictor.is_cold
    assert predictor.ratios.count(0) == 0
    fill_ratios(predictor, [2.0] * 60)
    predictor.observe_wait(NOW + 4 * DAY, NOW + 4 * DAY + 60, outcome="called")

    assert predictor.ratios.count(0) == 60


def test_state_holds_every_half_hour():
    usual = usual_predictor().usual
    state = usual.to_state()
    planned = [segment.counters for segment in usual.plan(NOW, 300.0)]
    read = [segment.counters for segment in UsualCalls.from_state(state).plan(NOW, 300.0)]

    assert (len(state["calls"]), len(state["busy"])) == (SLOTS, SLOTS)
    assert planned
    assert read == pytest.approx(planned, rel=1e-3)


def test_an_organization_takes_the_latest_of_each_queue():
    long, short = RatioHistory(), RatioHistory()
    for number in range(1000):
        long.observe(0, number / 1000)
    for _ in range(10):
        short.observe(0, 5.0)
    whole = RatioHistory.merged([long, short, RatioHistory()])
    kept = whole.to_state()["buckets"][0]

    assert len(kept) == 1000
    assert kept.count(5000) == 10
    assert min(kept) == 10
    assert RatioHistory.merged([]).count(0) == 0


def test_a_queue_leans_on_its_organization():
    organization, own = RatioHistory(), None
    for _ in range(100):
        organization.observe(0, 1.0)
    own = RatioHistory(organization)
    for _ in range(500):
        own.observe(0, 2.0)

    assert own.quantiles((0.5,))[0, 0] == pytest.approx(1.5)

import math

import pytest

from smartqueue.waits.capacity import (
    Counter,
    CounterCount,
    count_counters,
    segments_from_calls,
    timeline,
)
from smartqueue.waits.errors import InvalidSnapshot
from smartqueue.waits.snapshot import Pool, Segment
from smartqueue.waits.tests.lines import NOW


def test_short_pause_counts_as_open_and_long_one_as_closed():
    counters = [
        Counter("open", NOW - 60, busy=True),
        Counter("open", NOW - 60),
        Counter("paused", NOW - 599),
        Counter("paused", NOW - 600),
        Counter("closed", NOW - 60),
    ]

    assert count_counters(counters, NOW) == CounterCount(3, 1, 1, ())


def test_announced_pause_is_closed_until_its_end():
    counters = [Counter("paused", NOW - 5, resumes_at=NOW + 900)]

    assert count_counters(counters, NOW) == CounterCount(0, 0, 1, (NOW + 900,))


def test_overdue_return_is_an_unannounced_pause():
    paused = Counter("paused", NOW - 3600, resumes_at=NOW - 300)

    assert count_counters([paused], NOW) == CounterCount(1, 0, 0, ())
    assert count_counters([paused], NOW + 300) == CounterCount(0, 0, 1, ())


def test_open_counters_hold_until_the_next_planned_segment():
    plan = (Segment(NOW - 900, 5), Segment(NOW, 4), Segment(NOW + 900, 2))
    capacity = timeline(Pool(counters=1, plan=plan), NOW)

    assert capacity.starts.tolist() == [0, 900]
    assert capacity.counters.tolist() == [1, 2]
    assert (capacity.delay, capacity.closing) == (0, None)


def test_announced_returns_add_counters_until_the_plan():
    pool = Pool(counters=1, returns=(NOW + 300, NOW + 1200), plan=(Segment(NOW + 900, 3),))
    capacity = timeline(pool, NOW)

    assert capacity.starts.tolist() == [0, 300, 900]
    assert capacity.counters.tolist() == [1, 2, 3]


def test_plan_that_ends_without_counters_tells_the_closing_time():
    plan = (Segment(NOW + 900, 2), Segment(NOW + 1800, 0), Segment(NOW + 2700, 0))
    capacity = timeline(Pool(counters=1, plan=plan), NOW)

    assert capacity.counters.tolist() == [1, 2]
    assert capacity.closing == 1800


def test_nothing_known_means_no_end_to_the_delay():
    capacity = timeline(Pool(plan=(Segment(NOW + 900, 0),)), NOW)

    assert math.isinf(capacity.delay)


def test_openings_after_closing_do_not_count():
    capacity = timeline(Pool(plan=(Segment(NOW + 900, 3),), closes_at=NOW + 600), NOW)

    assert math.isinf(capacity.delay)


def test_usual_calls_become_counters():
    assert segments_from_calls([(NOW, 0.4)], handling=300) == (Segment(NOW, 2.0),)


@pytest.mark.parametrize(
    "fields",
    [
        {"counters": -1},
        {"counters": 1, "idle": 2},
        {"closes_at": float("nan")},
        {"returns": (float("inf"),)},
        {"plan": (Segment(NOW, 1), Segment(NOW, 2))},
        {"priority_rate": float("nan")},
    ],
)
def test_senseless_pools_are_rejected(fields):
    with pytest.raises(InvalidSnapshot):
        Pool(**fields)


def test_senseless_segments_are_rejected():
    with pytest.raises(InvalidSnapshot):
        Segment(float("nan"), 1)
    with pytest.raises(InvalidSnapshot):
        Segment(NOW, -1)

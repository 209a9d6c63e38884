import random

import pytest

from smartqueue.waits.coverage import CoverageLevels
from smartqueue.waits.errors import CorruptState


def test_levels_stay_while_coverage_is_right():
    levels = CoverageLevels()
    for number in range(400):
        levels.observe(below=number % 10 == 0, above=number % 10 == 1)

    assert levels.coverage == 0.8
    assert levels.levels == (0.1, 0.5, 0.9)


def test_levels_stay_before_two_hundred_tickets():
    levels = CoverageLevels()
    for _ in range(199):
        levels.observe(below=False, above=True)

    assert levels.coverage is None
    assert levels.levels == (0.1, 0.5, 0.9)


def test_waits_above_the_interval_raise_its_upper_end_only():
    levels = CoverageLevels()
    for _ in range(201):
        levels.observe(below=False, above=True)

    assert levels.high_tail == pytest.approx(0.1 - 2 * 0.005 * 0.9)
    assert levels.low_tail == pytest.approx(0.1 + 2 * 0.005 * 0.1)


@pytest.mark.parametrize(("missed", "tail"), [(True, 0.02), (False, 0.45)])
def test_levels_are_clipped(missed, tail):
    levels = CoverageLevels()
    for _ in range(3000):
        levels.observe(below=missed, above=missed)

    assert levels.levels == pytest.approx((tail, 0.5, 1 - tail))


def test_coverage_returns_to_the_accepted_band():
    source = random.Random(3)
    levels = CoverageLevels()
    inside = []
    for _ in range(4000):
        rank = source.random() ** 2
        below, above = rank < levels.low_tail, rank > 1 - levels.high_tail
        levels.observe(below=below, above=above)
        inside.append(not below and not above)

    assert 0.74 <= sum(inside[1000:]) / 3000 <= 0.86


@pytest.mark.parametrize(
    "change",
    [
        {"low_tail": 0.5},
        {"high_tail": float("nan")},
        {"high_tail": "0.1"},
        {"recent": "012"},
        {"recent": "1" * 201},
        {"recent": None},
    ],
)
def test_corrupt_state_is_rejected(change):
    with pytest.raises(CorruptState):
        CoverageLevels.from_state(CoverageLevels().to_state() | change)

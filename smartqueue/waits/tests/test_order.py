import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartqueue.waits.errors import InvalidSnapshot
from smartqueue.waits.order import EMERGENCY_HEAD_START, effective_time
from smartqueue.waits.tests.lines import NOW


def test_walk_in_keeps_the_moment_of_joining():
    assert effective_time(NOW) == NOW


def test_early_check_in_waits_for_the_slot():
    assert effective_time(NOW, checked_in_at=NOW + 60, slot_at=NOW + 900) == NOW + 900


def test_late_check_in_counts_from_check_in():
    key = effective_time(NOW, checked_in_at=NOW + 1000, slot_at=NOW + 900, head_start=1500)

    assert key == NOW - 500


def test_emergency_precedes_the_whole_day():
    assert effective_time(NOW, head_start=EMERGENCY_HEAD_START) < effective_time(NOW - 86_399)


@given(late=st.floats(0, 1e5), head_start=st.floats(0, 1e5))
def test_head_start_never_costs_a_place(late, head_start):
    assert effective_time(NOW + late, head_start=head_start) <= effective_time(NOW + late)


@pytest.mark.parametrize(
    "fields",
    [
        {"joined_at": float("nan")},
        {"joined_at": NOW, "slot_at": float("inf")},
        {"joined_at": float("nan"), "checked_in_at": NOW},
        {"joined_at": NOW, "head_start": -1.0},
        {"joined_at": NOW, "head_start": float("nan")},
    ],
)
def test_senseless_times_are_rejected(fields):
    with pytest.raises(InvalidSnapshot):
        effective_time(**fields)


def test_mean_wait_over_everybody_is_the_same_for_every_head_start():
    source = random.Random(5)
    joined, now = [], NOW
    for _ in range(400):
        now += source.expovariate(1 / 100)
        joined.append((now, source.random() < 0.2))
    services = [source.expovariate(1 / 95) for _ in joined]

    means = []
    for head_start in (0.0, 900.0, EMERGENCY_HEAD_START):
        coming, waiting, waits, free_at = list(joined), [], [], NOW
        for service in services:
            free_at = max(free_at, coming[0][0]) if not waiting else free_at
            while coming and coming[0][0] <= free_at:
                moment, favoured = coming.pop(0)
                key = effective_time(moment, head_start=head_start if favoured else 0.0)
                waiting.append((key, moment))
            first = min(waiting)
            waiting.remove(first)
            waits.append(free_at - first[1])
            free_at += service
        means.append(sum(waits) / len(waits))

    assert means[1:] == pytest.approx([means[0]] * 2)
    assert means[0] > 0

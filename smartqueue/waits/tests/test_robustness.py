"""Whatever is seen or stored, figures stay honest; and much of it stays small."""

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.waits.errors import CorruptState
from smartqueue.waits.estimate import shown
from smartqueue.waits.predictor import Predictor
from smartqueue.waits.snapshot import Pool, Snapshot
from smartqueue.waits.tests.lines import NOW, snapshot, summary, usual_predictor

SERVICES = frozenset({"s", "quick", "long"})
JUNK = st.sampled_from(
    [None, "x", -1, 10**400, 1.5, True, [], {}, [[]], float("nan"), float("inf"), -0.5, 1e308]
)


def assert_honest(predictor: Predictor) -> None:
    """Figures exist, are ordered and do not fall with people ahead, for one and for all."""
    previous = (0, 0, 0)
    for people_ahead in (0, 1, 2, 4, 7, 12, 20, 50, 500):
        told = predictor.predict_position(people_ahead, summary(Pool(counters=2)))
        assert told.has_figure
        assert 0 <= told.low <= told.median <= told.high
        figures = (told.low, told.median, told.high)
        assert all(a <= b for a, b in zip(previous, figures, strict=True))
        previous = figures
    line = snapshot(5, Pool(services=frozenset({"s"}), counters=2))
    assert all(told.has_figure for told in predictor.predict(line).values())


@settings(deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([60.0, 3600.0, 90_000.0, -3600.0, -1e7, 1e7, 0.0]),
            st.sampled_from([0.0, 30.0, 600.0, 7200.0, -60.0]),
            st.booleans(),
        ),
        max_size=120,
    )
)
def test_clocks_that_jump_back_and_forward(steps):
    predictor, now = usual_predictor(), NOW
    for jump, waited, left in steps:
        now += jump
        kept = shown(
            predictor.predict_position(3, replace(summary(Pool(counters=2)), now=now)), now
        )
        predictor.observe_wait(
            now - waited, now, outcome="left" if left else "called", shown=[kept] if kept else []
        )

    assert_honest(predictor)
    assert Predictor.from_state(json.loads(json.dumps(predictor.to_state(), allow_nan=False)))


def test_a_hundred_thousand_observations():
    random = np.random.default_rng(6)
    predictor, now = Predictor(), NOW - 200 * 86_400.0
    told = predictor.predict_position(4, summary(Pool(counters=2)))
    for number, (gap, waited, lasted) in enumerate(
        random.exponential((170, 900, 300), (50_000, 3))
    ):
        now += gap
        if number % 50 == 0:
            told = predictor.predict_position(number % 40, summary(Pool(counters=2)))
        kept = shown(told, now - waited)
        predictor.observe_wait(
            now - waited,
            now,
            outcome="left" if number % 9 == 0 else "called",
            shown=[kept] if kept else [],
        )
        predictor.observe_service(f"s{number % 150}", lasted, no_show=number % 11 == 0)

    assert len(json.dumps(predictor.to_state())) < 64_000
    assert_honest(predictor)


def leaves(state: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    if isinstance(state, dict):
        return [path, *(leaf for key in state for leaf in leaves(state[key], (*path, key)))]
    if isinstance(state, list):
        return [
            path,
            *(leaf for i in range(min(len(state), 2)) for leaf in leaves(state[i], (*path, i))),
        ]
    return [path]


STATE = usual_predictor().to_state()
PLACES = [path for path in leaves(STATE) if path]


@settings(deadline=None, max_examples=300)
@given(place=st.sampled_from(PLACES), junk=JUNK)
def test_corrupted_state_is_refused_or_harmless(place, junk):
    state = copy.deepcopy(STATE)
    inside = state
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = junk
    try:
        predictor = Predictor.from_state(state)
    except CorruptState:
        return
    assert_honest(predictor)


@pytest.mark.parametrize("place", PLACES, ids=lambda path: "-".join(map(str, path)))
def test_text_in_the_place_of_anything_is_refused(place):
    state = copy.deepcopy(STATE)
    inside = state
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = "0101" if place[-1] != "recent" else "0121"

    with pytest.raises(CorruptState):
        Predictor.from_state(state)


@settings(deadline=None)
@given(
    counters=st.integers(0, 6),
    people=st.integers(1, 30),
    closed_for=st.floats(0, 1e6),
    frozen=st.booleans(),
)
def test_a_closed_or_frozen_queue_gives_no_figure(counters, people, closed_for, frozen):
    pool = Pool(
        services=frozenset({"s"}),
        counters=counters,
        closes_at=None if frozen else NOW - closed_for,
    )
    line = replace(snapshot(people, pool), frozen=frozen)
    for told in usual_predictor().predict(line).values():
        assert (told.low, told.median, told.high, told.has_figure) == (None, None, None, False)
        assert told.explanation.state == ("paused" if frozen else "closed")


def test_nothing_learned_and_nothing_declared_still_tells_something():
    line = Snapshot(
        NOW, (Pool(services=frozenset({"s"}), counters=1),), snapshot(2, Pool()).waiting
    )

    assert Predictor().predict(line, "t1").has_figure
    assert math.isfinite(Predictor().handling_time("never seen"))

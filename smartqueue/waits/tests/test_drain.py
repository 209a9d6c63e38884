import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.waits.drain import drain_times

SEGMENTS = st.lists(
    st.tuples(st.floats(60, 1800), st.sampled_from([0.0, 1 / 600, 2 / 300, 5 / 300])),
    min_size=1,
    max_size=5,
)


def integrate(people: float, starts: list[float], rates: list[float], theta: float) -> float:
    """Step dn/du = -r(u) - theta n with the trapezoid rule until the line is empty."""
    step, time = 0.25, 0.0
    while people > 0 and time < 40_000:
        rate = rates[np.searchsorted(starts, time + step / 2, side="right") - 1]
        half = people - step / 2 * (rate + theta * people)
        following = people - step * (rate + theta * half)
        if following <= 0:
            return time + step * people / (people - following)
        people, time = following, time + step
    return time if people <= 0 else math.inf


@settings(max_examples=40, deadline=None)
@given(segments=SEGMENTS, people=st.floats(0.5, 20), theta=st.sampled_from([0.0, 1e-4, 1e-3]))
def test_closed_form_equals_numeric_integration(segments, people, theta):
    lengths, rates = zip(*segments, strict=True)
    rates = (*rates, 3 / 300)
    starts = [0.0, *np.cumsum(lengths)]
    exact = drain_times(np.array([people]), np.array(starts), np.array(rates), theta)[0]

    assert exact == pytest.approx(integrate(people, starts, list(rates), theta), rel=2e-3, abs=1)


def test_one_rate_without_leaving_is_people_over_rate():
    times = drain_times(np.array([0.0, 1.0, 6.0]), np.array([0.0]), np.array([2 / 300]), 0.0)

    assert times.tolist() == pytest.approx([0.0, 150.0, 900.0])


def test_one_rate_with_leaving_is_the_logarithm():
    theta, rate = 1e-3, 2 / 300
    times = drain_times(np.array([6.0]), np.array([0.0]), np.array([rate]), theta)

    assert times[0] == pytest.approx(math.log(1 + 6 * theta / rate) / theta)


def test_line_waits_for_a_closed_segment_to_end():
    starts, rates = np.array([0.0, 600.0]), np.array([0.0, 1 / 300])

    assert drain_times(np.array([2.0]), starts, rates, 0.0)[0] == pytest.approx(1200)


def test_line_that_nobody_serves_never_drains():
    times = drain_times(np.array([1.0, 5.0]), np.array([0.0, 300.0]), np.array([1 / 300, 0.0]), 0.0)

    assert times.tolist() == [300.0, math.inf]


def test_everybody_leaving_at_once_does_not_overflow():
    starts, rates = np.array([0.0, 1e6, 2e6]), np.array([0.0, 1.0, 1.0])
    times = drain_times(np.array([1.0, 1e5]), starts, rates, 1 / 60)

    assert np.isfinite(times).all()

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartqueue.waits import ratios
from smartqueue.waits.errors import CorruptState
from smartqueue.waits.ratios import (
    BUCKETS,
    DEFAULT_RATIOS,
    KEPT_PER_BUCKET,
    RatioHistory,
    bucket_of,
)

LEVELS = (0.1, 0.5, 0.9)


def test_buckets_are_those_of_the_design():
    ahead = np.array([0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 20, 21, 9999])

    assert bucket_of(ahead).tolist() == [0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]


def test_empty_history_gives_the_defaults():
    assert RatioHistory().quantiles(LEVELS) == pytest.approx(np.array(DEFAULT_RATIOS))


def test_own_ratios_count_from_fifty_and_alone_from_a_hundred():
    history = RatioHistory()
    medians = []
    for count in (49, 50, 100):
        while history.count(0) < count:
            history.observe(0, 2.0)
        medians.append(history.quantiles(LEVELS)[0, 1])

    assert medians == pytest.approx([0.72, (2.0 + 0.72) / 2, 2.0])


def test_organization_stands_in_for_a_short_history():
    organization = RatioHistory()
    for _ in range(100):
        organization.observe(4, 3.0)
    history = RatioHistory(organization)

    assert history.quantiles(LEVELS)[3].tolist() == [3.0, 3.0, 3.0]
    assert history.quantiles(LEVELS)[4] == pytest.approx(np.array(DEFAULT_RATIOS[4]))


def test_only_the_last_thousand_count():
    history = RatioHistory()
    for ratio in [5.0] * 500 + [1.0] * KEPT_PER_BUCKET:
        history.observe(0, ratio)

    assert history.count(0) == KEPT_PER_BUCKET
    assert history.quantiles((0.99,))[0, 0] == 1.0


def _share_of_new_days_within(lines: int, alike: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """
    How many waits of new lines fall within what a few lines of 28 people taught, over 400 histories.

    People of one line share a third of the variance of their logarithm, as on the Warsaw log.
    """
    monkeypatch.setattr(ratios, "ALIKE", alike)
    random = np.random.default_rng(3)
    inside = []
    for _ in range(400):
        history = RatioHistory()
        luck = np.repeat(random.normal(0, 0.25, lines), 28)
        for ratio in np.exp(luck + random.normal(0, 0.35, luck.size)).tolist():
            history.observe(8, ratio)
        low, _, high = history.quantiles(LEVELS)[5]
        new = np.exp(random.normal(0, 0.25, 200) + random.normal(0, 0.35, 200))
        inside.append(np.mean((low <= new) & (new <= high)))
    return float(np.mean(inside))


def test_few_lines_whose_people_share_their_luck_still_cover_new_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert 0.79 <= _share_of_new_days_within(4, 10, monkeypatch) <= 0.84
    assert 0.79 <= _share_of_new_days_within(35, 10, monkeypatch) <= 0.81
    # Taken one by one, ratios of four lines promise more than they know.
    assert _share_of_new_days_within(4, 0, monkeypatch) < 0.765


def test_an_interval_of_many_ratios_is_hardly_wider_than_they_are():
    history = RatioHistory()
    for number in range(KEPT_PER_BUCKET):
        history.observe(0, 1 + number / KEPT_PER_BUCKET)

    assert history.quantiles(LEVELS)[0] == pytest.approx([1.1, 1.5, 1.9], abs=0.006)
    assert history.quantiles((0.02, 0.5, 0.98))[0] == pytest.approx([1.02, 1.5, 1.98], abs=0.002)


def test_quantiles_cover_what_they_say():
    random = np.random.default_rng(1)
    history = RatioHistory()
    for ratio in random.gamma(4, 0.25, 1000):
        history.observe(3, float(ratio))
    low, _, high = history.quantiles(LEVELS)[3]
    fresh = random.gamma(4, 0.25, 20_000)

    assert np.mean((fresh >= low) & (fresh <= high)) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("ratio", [float("nan"), float("inf"), -1.0])
def test_senseless_ratios_are_left_out(ratio):
    history = RatioHistory()
    history.observe(0, ratio)
    history.observe(-1, 1.0)

    assert history.count(0) == 0


@given(
    ratios=st.lists(st.floats(0, 20), max_size=120),
    points=st.lists(st.floats(0, 30), min_size=2, max_size=2),
)
def test_share_below_grows_and_stays_a_probability(ratios, points):
    history = RatioHistory()
    for ratio in ratios:
        history.observe(0, ratio)
    low, high = history.share_below(np.zeros(2, dtype=np.int64), np.array(sorted(points)))

    assert 0 <= low <= high <= 1


def test_share_below_is_the_inverse_of_the_quantile():
    quantiles = RatioHistory().quantiles(LEVELS)[:, 2]

    assert RatioHistory().share_below(np.arange(BUCKETS), quantiles) == pytest.approx(0.9)


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"buckets": [[]] * 7},
        {"buckets": [[1]] * 7 + [["1"]]},
        {"buckets": [[1]] * 7 + [[-1]]},
        {"buckets": [[1]] * 7 + [[True]]},
        {"buckets": [[1]] * 7 + [[10_000]]},
        {"buckets": [[1]] * 7 + [[1] * 1001]},
        {"buckets": [[1]] * 7 + [None]},
    ],
)
def test_corrupt_state_is_rejected(state):
    with pytest.raises(CorruptState):
        RatioHistory.from_state(state)

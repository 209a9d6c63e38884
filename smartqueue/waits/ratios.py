"""Empirical ratios of the real wait to its base, by position in the line (waits.md 2.4)."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartqueue.waits import stored
from smartqueue.waits.coverage import LEAST_TAIL
from smartqueue.waits.drain import FloatArray
from smartqueue.waits.errors import CorruptState

BUCKET_STARTS = np.array([0, 1, 2, 3, 5, 8, 13, 21])
BUCKETS = BUCKET_STARTS.size
KEPT_PER_BUCKET = 1000
LEAST_PER_BUCKET = 50
FULL_WEIGHT_AT = 100
WIDER_WEIGHT = 500
ALIKE = 10
SCALE = 1000
LARGEST_STORED = 9_999

DEFAULT_RATIOS = (
    (0.18, 0.72, 2.55),
    (0.18, 0.68, 2.09),
    (0.21, 0.76, 1.96),
    (0.29, 0.85, 1.82),
    (0.39, 0.91, 1.73),
    (0.48, 0.97, 1.66),
    (0.48, 0.97, 1.66),
    (0.48, 0.97, 1.66),
)


def bucket_of(people_ahead: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position bucket of each count of people ahead."""
    return np.searchsorted(BUCKET_STARTS, people_ahead, side="right").astype(np.int64) - 1


def _default_sample(low: float, median: float, high: float, size: int = 199) -> FloatArray:
    """
    Return a sample whose 10, 50 and 90 % quantiles are the given ones.

    Each side of the median is log-normal, so that adapted levels and chances read from defaults
    in the same way as from a history.
    """
    normal = NormalDist()
    scores = np.array([normal.inv_cdf(i / (size + 1)) for i in range(1, size + 1)])
    reach = normal.inv_cdf(0.9)
    below, above = math.log(median / low) / reach, math.log(high / median) / reach
    sample: FloatArray = median * np.exp(np.where(scores < 0, below, above) * scores)
    return sample


DEFAULT_SAMPLES = tuple(_default_sample(*ratios) for ratios in DEFAULT_RATIOS)


def _quantile(sample: FloatArray, level: float) -> float:
    place = min(max(level * (sample.size + 1) - 1, 0.0), sample.size - 1.0)
    whole = int(place)
    upper = min(whole + 1, sample.size - 1)
    return float(sample[whole] + (place - whole) * (sample[upper] - sample[whole]))


def _widened(level: float, size: float) -> float:
    """
    Return the level to take from a history of this size, further from the middle.

    Among n independent ratios the level p is at the rank p (n + 1) of split conformal prediction
    (V. Vovk, 2005), that is p + (p - 1/2)/n of the way. Ratios of one line and day share their luck
    (on the Warsaw log a third of the variance of their logarithm), so that n of them are worth
    n/ALIKE.
    """
    reach = abs(level - 0.5)
    wider = min(reach * (1 + ALIKE / size), max(reach, 0.5 - LEAST_TAIL))
    return 0.5 + math.copysign(wider, level - 0.5)


def _share_below(sample: FloatArray, ratios: FloatArray) -> FloatArray:
    levels = np.arange(1, sample.size + 1) / (sample.size + 1)
    return np.interp(ratios, sample, levels, left=0.0, right=1.0)


class RatioHistory:
    """
    The last 1,000 ratios wait/base of each position bucket, of a queue or an organization.

    A bucket speaks for itself from 50 ratios on. Beside the defaults, which are a guess, it counts
    fully from 100; a wider history that has 50 of its own keeps the weight of 500 ratios, because
    those of one queue and day resemble each other and say less than their number.
    """

    def __init__(self, wider: "RatioHistory | None" = None) -> None:
        self.wider = wider
        self._stored: list[deque[int]] = [deque(maxlen=KEPT_PER_BUCKET) for _ in range(BUCKETS)]
        self._sorted: list[FloatArray | None] = [None] * BUCKETS

    def observe(self, people_ahead: int, ratio: float) -> None:
        """Add one ratio; values that are not finite or negative are left out."""
        if people_ahead < 0 or not math.isfinite(ratio) or ratio < 0:
            return
        bucket = int(bucket_of(np.array([people_ahead]))[0])
        self._stored[bucket].append(round(min(ratio * SCALE, LARGEST_STORED)))
        self._sorted[bucket] = None

    @classmethod
    def merged(cls, histories: Iterable["RatioHistory"]) -> "RatioHistory":
        """
        Return the history of an organization: the latest ratios of its queues, a share of each.

        A bucket takes the last one of every queue, then the one before, up to 1,000.
        """
        whole = cls()
        every = list(histories)
        for bucket, kept in enumerate(whole._stored):
            latest = zip_longest(*(reversed(history._stored[bucket]) for history in every))
            chosen = islice(
                (ratio for rank in latest for ratio in rank if ratio is not None), KEPT_PER_BUCKET
            )
            kept.extendleft(chosen)
        return whole

    def forget(self) -> None:
        """Drop the ratios of this history; the wider one stays."""
        for bucket, kept in enumerate(self._stored):
            kept.clear()
            self._sorted[bucket] = None

    def count(self, bucket: int) -> int:
        return len(self._stored[bucket])

    def quantiles(self, levels: tuple[float, ...]) -> FloatArray:
        """Return the ratio at each level, one row per bucket."""
        return np.array(
            [[self._quantile(bucket, level) for level in levels] for bucket in range(BUCKETS)]
        )

    def share_below(self, buckets: NDArray[np.int64], ratios: FloatArray) -> FloatArray:
        """Return the probability that the ratio of each bucket stays below the given one."""
        shares = np.zeros_like(ratios)
        for bucket in np.unique(buckets):
            chosen = buckets == bucket
            for weight, sample, _size in self._layers(int(bucket)):
                shares[chosen] += weight * _share_below(sample, ratios[chosen])
        return np.clip(shares, 0.0, 1.0)

    def _quantile(self, bucket: int, level: float) -> float:
        return sum(
            weight * _quantile(sample, _widened(level, size))
            for weight, sample, size in self._layers(bucket)
        )

    def _layers(self, bucket: int) -> Iterator[tuple[float, FloatArray, float]]:
        """Yield weight, sample and how many ratios stand behind it; a guess is not one of a few."""
        remaining = 1.0
        history = self._next_speaking(bucket)
        while history is not None:
            following = history.wider and history.wider._next_speaking(bucket)
            count = history.count(bucket)
            full = min(1.0, count / FULL_WEIGHT_AT)
            weight = remaining * (count / (count + WIDER_WEIGHT) if following else full)
            yield weight, history._sample(bucket), count
            remaining -= weight
            history = following
        if remaining > 0:
            yield remaining, DEFAULT_SAMPLES[bucket], math.inf

    def _next_speaking(self, bucket: int) -> "RatioHistory | None":
        history: RatioHistory | None = self
        while history is not None and history.count(bucket) < LEAST_PER_BUCKET:
            history = history.wider
        return history

    def _sample(self, bucket: int) -> FloatArray:
        sample = self._sorted[bucket]
        if sample is None:
            sample = np.sort(np.array(self._stored[bucket], dtype=np.float64)) / SCALE
            self._sorted[bucket] = sample
        return sample

    def to_state(self) -> dict[str, Any]:
        """Return a JSON-able state: ratios in thousandths, oldest first, by bucket."""
        return {"buckets": [list(values) for values in self._stored]}

    @classmethod
    def from_state(cls, state: object, wider: "RatioHistory | None" = None) -> "RatioHistory":
        """
        Read a state back.

        :raises CorruptState: it was not written by to_state
        """
        buckets = stored.items(stored.mapping(state, "ratios"), "buckets", BUCKETS)
        if len(buckets) != BUCKETS:
            raise CorruptState("ratios must have one list per bucket")
        history = cls(wider)
        for bucket, values in enumerate(buckets):
            if not isinstance(values, list) or len(values) > KEPT_PER_BUCKET:
                raise CorruptState("ratios of a bucket must be a short list")
            for value in values:
                if isinstance(value, bool) or not isinstance(value, int):
                    raise CorruptState("ratios must be whole thousandths")
                if not 0 <= value <= LARGEST_STORED:
                    raise CorruptState("ratio is out of range")
            history._stored[bucket].extend(values)
        return history

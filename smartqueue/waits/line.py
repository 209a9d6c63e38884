"""Wait figures for people in one pool's line: drain, overtakers, ratios (waits.md 2.2 to 2.4)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartqueue.waits.capacity import Timeline
from smartqueue.waits.drain import FloatArray, drain_times
from smartqueue.waits.ratios import RatioHistory, bucket_of

BASE_FLOOR = 10.0
OVERTAKER_ROUNDS = 2
HEAD_OF_LINE_BOUND = 10.0


@dataclass(frozen=True, slots=True)
class Overtakers:
    """
    People expected to arrive later and be called before (waits.md 2.2).

    arrives_in: seconds from now until booked people may check in for their turn, 0 when due.
    booked_effective: their order key, seconds from now. booked_people: people-equivalents.
    priority_rate: arrivals per second with a head start of priority_head_start seconds.
    """

    arrives_in: FloatArray
    booked_effective: FloatArray
    booked_people: FloatArray
    priority_rate: float
    priority_head_start: float

    def expected(self, effective: FloatArray, bases: FloatArray) -> FloatArray:
        """
        Return the people-equivalents expected to pass each person.

        :param effective: order keys, seconds from now, not falling
        :param bases: time until each is called, seconds, not falling
        """
        passing = self.priority_rate * np.clip(
            effective + self.priority_head_start, 0.0, np.maximum(bases, 0.0)
        )
        if self.booked_people.size:
            first_passed = np.maximum(
                np.searchsorted(effective, self.booked_effective, side="right"),
                np.searchsorted(bases, self.arrives_in, side="right"),
            )
            booked = np.bincount(first_passed, self.booked_people, minlength=effective.size + 1)
            passing = passing + np.cumsum(booked)[: effective.size]
        return passing


@dataclass(frozen=True, slots=True)
class Line:
    """
    A line in front of one pool, by position; arrays share one order and length.

    ahead: people ahead of each. people: people-equivalents ahead of each, those about to be
    called to an idle counter left out. effective: order keys, seconds from now.
    handling: m, seconds. head_of_line: (people-equivalents of the whole line, seconds the
    longest waiting has waited) when the cold-start correction applies, else None.
    """

    ahead: NDArray[np.int64]
    people: FloatArray
    effective: FloatArray
    idle: int
    handling: float
    leaving_rate: float
    overtakers: Overtakers
    head_of_line: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from now by position; chance is not a number when closing is not known."""

    base: FloatArray
    low: FloatArray
    median: FloatArray
    high: FloatArray
    chance: FloatArray
    overtakers: FloatArray


def line_figures(
    line: Line, capacity: Timeline, ratios: RatioHistory, factors: FloatArray
) -> Figures:
    """
    Return base, quantiles and the chance to be served before closing for each position.

    None of the times falls with more people ahead. With a plan, opening a counter before its next
    segment is never worse than leaving all closed until then; the intervals of the two cases have
    different origins, so the earlier of the two is taken.

    :param factors: low, median and high ratio, one row per position bucket
    """
    figures = _figures(line, capacity, ratios, factors)
    if capacity.counters[0] > 0 and not capacity.is_constant:
        late = _figures(line, capacity.closed_until_next(), ratios, factors)
        figures = Figures(
            base=figures.base,
            low=np.minimum(figures.low, late.low),
            median=np.minimum(figures.median, late.median),
            high=np.minimum(figures.high, late.high),
            chance=np.maximum(figures.chance, late.chance),
            overtakers=figures.overtakers,
        )
    return figures


def _figures(line: Line, capacity: Timeline, ratios: RatioHistory, factors: FloatArray) -> Figures:
    delay = capacity.delay
    if math.isinf(delay):
        return no_figures(line, chance=0.0)
    base, overtakers = _bases(line, capacity, delay)
    buckets = bucket_of(line.ahead)
    drain = base - delay
    scaled = delay + drain[:, np.newaxis] * factors[buckets]
    quantiles = np.maximum.accumulate(scaled, axis=0)
    chance = np.full_like(base, math.nan)
    if capacity.closing is not None:
        chance = ratios.share_below(buckets, (capacity.closing - delay) / drain)
        chance = np.minimum.accumulate(chance)
    called = line.ahead < (line.idle if capacity.counters[0] > 0 else 0)
    if called.any():
        base, overtakers = np.where(called, 0.0, base), np.where(called, 0.0, overtakers)
        quantiles = np.where(called[:, np.newaxis], 0.0, quantiles)
        chance = np.where(called & ~np.isnan(chance), 1.0, chance)
    return Figures(base, quantiles[:, 0], quantiles[:, 1], quantiles[:, 2], chance, overtakers)


def _bases(line: Line, capacity: Timeline, delay: float) -> tuple[FloatArray, FloatArray]:
    rates = capacity.counters / line.handling
    scale = _head_of_line_scale(line, capacity, rates)

    def drain(people: FloatArray) -> FloatArray:
        times = scale * drain_times(people, capacity.starts, rates, line.leaving_rate)
        return np.maximum.accumulate(np.maximum(times, delay + BASE_FLOOR))

    own = line.people + 1
    base = drain(own)
    passing = np.zeros_like(base)
    for _ in range(OVERTAKER_ROUNDS):
        passing = line.overtakers.expected(line.effective, base)
        if not passing.any():
            break
        base = drain(own + passing)
    return base, passing


def _head_of_line_scale(line: Line, capacity: Timeline, rates: FloatArray) -> float:
    if line.head_of_line is None:
        return 1.0
    people, waited = line.head_of_line
    expected = drain_times(np.array([people + 1]), capacity.starts, rates, line.leaving_rate)[0]
    # On the Warsaw log a bound of 2 costs 8.6 min of mean absolute error, none at all costs 0.3.
    scale = math.sqrt(waited / expected)
    return min(max(scale, 1 / HEAD_OF_LINE_BOUND), HEAD_OF_LINE_BOUND)


def no_figures(line: Line, chance: float = math.nan) -> Figures:
    """Return figures that say never, with the given chance of being served before closing."""
    never = np.full(line.ahead.size, math.inf)
    chances = np.full(line.ahead.size, chance)
    return Figures(never, never, never, never, chances, np.zeros(line.ahead.size))

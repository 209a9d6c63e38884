"""Counters over time: who counts as open now, and what is expected later (waits.md 2.3)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from smartqueue.waits.drain import FloatArray
from smartqueue.waits.snapshot import Pool, Segment

UNANNOUNCED_PAUSE_LIMIT = 600.0


@dataclass(frozen=True, slots=True)
class Counter:
    """
    A counter as it stands now.

    since: start of the present state, epoch seconds. resumes_at: announced end of a pause.
    busy: somebody is called to it or served at it.
    """

    state: Literal["open", "paused", "closed"]
    since: float
    busy: bool = False
    resumes_at: float | None = None


@dataclass(frozen=True, slots=True)
class CounterCount:
    """The counter fields of a Pool: open, idle and paused counters, announced returns."""

    counters: int
    idle: int
    paused: int
    returns: tuple[float, ...]


def count_counters(counters: Iterable[Counter], now: float) -> CounterCount:
    """
    Count counters for a Pool; an unannounced pause counts as closed after 10 minutes.

    An announced return that has passed without a reopening starts an unannounced pause.
    """
    opened = idle = paused = 0
    returns: list[float] = []
    for counter in counters:
        if counter.state == "open":
            opened += 1
            idle += not counter.busy
        elif counter.state == "paused":
            if counter.resumes_at is not None and counter.resumes_at > now:
                paused += 1
                returns.append(counter.resumes_at)
            elif now - (counter.resumes_at or counter.since) < UNANNOUNCED_PAUSE_LIMIT:
                opened += 1
            else:
                paused += 1
    return CounterCount(opened, idle, paused, tuple(sorted(returns)))


def segments_from_calls(
    calls_per_minute: Sequence[tuple[float, float]], handling: float
) -> tuple[Segment, ...]:
    """
    Turn usual calls per minute by half-hour into counters (no roster, 3 days of history).

    :param calls_per_minute: (start in epoch seconds, calls per minute), in order of time
    :param handling: mean handling time m, seconds
    """
    return tuple(Segment(start, calls / 60 * handling) for start, calls in calls_per_minute)


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    Capacity from now on.

    starts: seconds from now, the first 0. counters: level from each start on, the last for good.
    closing: seconds from now to closing, None when unknown.
    """

    starts: FloatArray
    counters: FloatArray
    closing: float | None

    @property
    def delay(self) -> float:
        """Seconds until somebody serves, infinite when that is not known."""
        serving = np.flatnonzero(self.counters > 0)
        return float(self.starts[serving[0]]) if serving.size else math.inf

    @property
    def is_constant(self) -> bool:
        return self.starts.size == 1

    def closed_until_next(self) -> "Timeline":
        """Return the same timeline with nobody serving before its second segment."""
        counters = self.counters.copy()
        counters[0] = 0.0
        return Timeline(self.starts, counters, self.closing)


def timeline(pool: Pool, now: float) -> Timeline:
    """
    Return the pool's capacity: open counters now, then announced returns, then the plan.

    A plan that ends without counters tells the closing time. Levels after closing are left out,
    so that a line too long for today still has a length to compare with closing.
    """
    plan = [segment for segment in pool.plan if segment.start > now]
    plan_start = plan[0].start if plan else math.inf
    closes_at = pool.closes_at if pool.closes_at is not None else math.inf
    while plan and plan[-1].counters == 0:
        closes_at = min(closes_at, plan.pop().start)
    levels = [(now, float(pool.counters))]
    for number, moment in enumerate(sorted(t for t in pool.returns if now < t < plan_start), 1):
        levels.append((moment, float(pool.counters + number)))
    levels.extend((segment.start, segment.counters) for segment in plan)
    kept = [levels[0], *(level for level in levels[1:] if level[0] < closes_at)]
    return Timeline(
        starts=np.array([start - now for start, _ in kept]),
        counters=np.array([counters for _, counters in kept]),
        closing=closes_at - now if math.isfinite(closes_at) else None,
    )

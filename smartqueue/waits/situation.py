"""Whether anybody serves, and what a page may say when nobody does (waits.md 2, special states)."""

import math
from dataclasses import dataclass

from smartqueue.waits.capacity import Timeline
from smartqueue.waits.estimate import State
from smartqueue.waits.snapshot import Pool


@dataclass(frozen=True, slots=True)
class Situation:
    """
    State of one pool.

    counters: counters counted as open. starts_at: opening or announced return, epoch seconds.
    delay: seconds until then. has_figure: whether a wait can be told honestly.
    """

    state: State
    has_figure: bool
    counters: int = 0
    starts_at: float | None = None
    delay: float = 0.0


def situation(pool: Pool, capacity: Timeline, now: float, *, frozen: bool) -> Situation:
    """
    Tell the pool's state from its capacity.

    Serving beats everything but freezing and closing; an announced return that comes first is a
    pause, a planned opening is an opening; without either there is no figure.
    """
    if frozen:
        return Situation("paused", has_figure=False, counters=pool.counters)
    if capacity.closing is not None and capacity.closing <= 0:
        return Situation("closed", has_figure=False)
    if pool.counters > 0:
        return Situation("ok", has_figure=True, counters=pool.counters)
    delay = capacity.delay
    if math.isinf(delay):
        return Situation("paused" if pool.paused else "unknown", has_figure=False)
    starts_at = now + delay
    planned = any(segment.start > now and segment.start <= starts_at for segment in pool.plan)
    return Situation("opens_at" if planned else "paused", True, 0, starts_at, delay)

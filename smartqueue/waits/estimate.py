"""What the estimator answers, and what is kept of an answer to learn from it."""

from dataclasses import dataclass
from typing import Literal

ESTIMATOR_VERSION = 1

State = Literal["ok", "now", "opens_at", "paused", "closed", "unknown"]
"""
ok: people are being served. now: a counter is free for this person.
opens_at: nobody serves yet, service begins at starts_at.
paused: every counter is in a pause, or the queue is frozen; starts_at is the announced return.
closed: closing time has passed. unknown: no counter open and no opening known.
"""

Basis = Literal["counters", "roster", "usual", "head_of_line", "none"]
"""
Where the figure comes from: counters open now, planned roster, usual capacity of these hours,
the head of the line (first three days), or no figure.
"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    Why the estimate is what it is, for pages to put in words.

    people_ahead: waiting people with a smaller order key whom the pool can serve.
    counters: counters counted as open now.
    overtakers: people expected to arrive later and be called before (waits.md 2.2).
    starts_at: opening or announced return, epoch seconds.
    elsewhere: people ahead whom a caller that shows several lines leaves out of people_ahead.
    """

    state: State
    people_ahead: int
    counters: int
    overtakers: float = 0.0
    starts_at: float | None = None
    elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    Remaining wait until the call, whole seconds from now (waits.md 2.4).

    low, median, high: 10, 50 and 90 % quantiles, all None when no honest figure exists.
    base: drain time before ratios, seconds. delay: part of it before anybody serves.
    served_chance: probability of the call coming before closing, None when no closing is known.
    """

    low: int | None
    median: int | None
    high: int | None
    basis: Basis
    explanation: Explanation
    base: float | None = None
    delay: float = 0.0
    served_chance: float | None = None
    version: int = ESTIMATOR_VERSION

    @property
    def has_figure(self) -> bool:
        return self.median is not None


@dataclass(frozen=True, slots=True)
class ShownEstimate:
    """
    An estimate as it was stored when shown (waits.md 2), to be compared with the real wait.

    made_at: epoch seconds. base, delay, low, median, high: seconds, as in Estimate.
    """

    made_at: float
    people_ahead: int
    base: float
    low: float
    median: float
    high: float
    delay: float = 0.0


def shown(estimate: Estimate, made_at: float) -> ShownEstimate | None:
    """Return the part of an estimate worth storing, None when it has no figure to score."""
    if (
        estimate.explanation.state == "now"
        or estimate.base is None
        or estimate.low is None
        or estimate.median is None
        or estimate.high is None
    ):
        return None
    return ShownEstimate(
        made_at=made_at,
        people_ahead=estimate.explanation.people_ahead,
        base=estimate.base,
        low=estimate.low,
        median=estimate.median,
        high=estimate.high,
        delay=estimate.delay,
    )

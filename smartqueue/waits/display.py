"""When a shown estimate changes (waits.md 2.6)."""

from dataclasses import replace

from smartqueue.waits.estimate import Estimate

LEAST_CHANGE = 120.0
LEAST_SHARE = 0.15


def has_moved(shown: float, fresh: float) -> bool:
    """Tell whether a shown figure is off by more than max(2 min, 15 %); both in seconds."""
    return abs(fresh - shown) > max(LEAST_CHANGE, LEAST_SHARE * shown)


def settle(previous: Estimate | None, fresh: Estimate) -> Estimate:
    """
    Return what to show: the previous figures while they still hold, else the fresh ones.

    The explanation is always the fresh one; a change of state always shows.
    """
    if (
        previous is None
        or previous.explanation.state != fresh.explanation.state
        or previous.low is None
        or previous.median is None
        or previous.high is None
        or fresh.low is None
        or fresh.median is None
        or fresh.high is None
        or has_moved(previous.low, fresh.low)
        or has_moved(previous.median, fresh.median)
        or has_moved(previous.high, fresh.high)
    ):
        return fresh
    return replace(fresh, low=previous.low, median=previous.median, high=previous.high)

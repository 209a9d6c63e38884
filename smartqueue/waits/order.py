"""The order in which waiting people are called (waits.md 5)."""

import math

from smartqueue.waits.errors import InvalidSnapshot

LEGAL_PRIORITY_HEAD_START = 15 * 60.0
APPOINTMENT_HEAD_START = 25 * 60.0
EMERGENCY_HEAD_START = 24 * 3600.0
MAX_OVERTAKES = 6


def effective_time(
    joined_at: float,
    *,
    checked_in_at: float | None = None,
    slot_at: float | None = None,
    head_start: float = 0.0,
) -> float:
    """
    Return the order key e = max(check-in or join, slot) - head start, epoch seconds.

    The key is set once, so places are stable and an order can be explained. Bounding the head
    start so that nobody is overtaken more than MAX_OVERTAKES times is the caller's decision at
    insertion.

    :raises InvalidSnapshot: a time is not finite or the head start is negative
    """
    times = [joined_at if checked_in_at is None else checked_in_at]
    if slot_at is not None:
        times.append(slot_at)
    if not all(math.isfinite(value) for value in (*times, joined_at)):
        raise InvalidSnapshot("order times must be finite")
    if not 0 <= head_start < math.inf:
        raise InvalidSnapshot("head start must be finite and not negative")
    return max(times) - head_start

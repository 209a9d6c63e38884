"""Wait estimates: pure functions of a snapshot and of what was learned before."""

from smartqueue.waits.capacity import Counter, CounterCount, count_counters, segments_from_calls
from smartqueue.waits.display import settle
from smartqueue.waits.errors import CorruptState, InvalidSnapshot, UnknownTicket
from smartqueue.waits.estimate import Basis, Estimate, Explanation, ShownEstimate, State, shown
from smartqueue.waits.order import effective_time
from smartqueue.waits.predictor import Outcome, Predictor
from smartqueue.waits.ratios import RatioHistory
from smartqueue.waits.snapshot import (
    Booking,
    LineSummary,
    Pool,
    Segment,
    Snapshot,
    WaitingTicket,
)

__all__ = [
    "Basis",
    "Booking",
    "CorruptState",
    "Counter",
    "CounterCount",
    "Estimate",
    "Explanation",
    "InvalidSnapshot",
    "LineSummary",
    "Outcome",
    "Pool",
    "Predictor",
    "RatioHistory",
    "Segment",
    "ShownEstimate",
    "Snapshot",
    "State",
    "UnknownTicket",
    "WaitingTicket",
    "count_counters",
    "effective_time",
    "segments_from_calls",
    "settle",
    "shown",
]

"""Wait estimates: pure functions of a snapshot and of what was learned before."""

from smartqueue.waits.capacity import Counter, CounterCount, count_counters, segments_from_calls
from smartqueue.waits.display import settle
from smartqueue.waits.errors import (
    CorruptState,
    InvalidDemand,
    InvalidHistory,
    InvalidSnapshot,
    UnknownTicket,
)
from smartqueue.waits.estimate import Basis, Estimate, Explanation, ShownEstimate, State, shown
from smartqueue.waits.forecast import Day, DayForecast, ForecastSlot, Grounds, forecast_day
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
from smartqueue.waits.staffing import (
    Demand,
    Performance,
    SlotDemand,
    StaffingRow,
    Target,
    erlang_b,
    erlang_c,
    performance,
    servers_needed,
    staffing_table,
)

__all__ = [
    "Basis",
    "Booking",
    "CorruptState",
    "Counter",
    "CounterCount",
    "Day",
    "DayForecast",
    "Demand",
    "Estimate",
    "Explanation",
    "ForecastSlot",
    "Grounds",
    "InvalidDemand",
    "InvalidHistory",
    "InvalidSnapshot",
    "LineSummary",
    "Outcome",
    "Performance",
    "Pool",
    "Predictor",
    "RatioHistory",
    "Segment",
    "ShownEstimate",
    "SlotDemand",
    "Snapshot",
    "StaffingRow",
    "State",
    "Target",
    "UnknownTicket",
    "WaitingTicket",
    "count_counters",
    "effective_time",
    "erlang_b",
    "erlang_c",
    "forecast_day",
    "performance",
    "segments_from_calls",
    "servers_needed",
    "settle",
    "shown",
    "staffing_table",
]

"""What the estimator is told about a line at one moment.

Times are epoch seconds, durations and rates are in seconds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from smartqueue.waits.errors import InvalidSnapshot

PlanKind = Literal["roster", "usual"]

DEFAULT_SHOW_RATE = 0.9


def _require_finite(name: str, *values: float | None) -> None:
    for value in values:
        if value is not None and not math.isfinite(value):
            raise InvalidSnapshot(f"{name} must be finite")


def _require_at_least_zero(name: str, *values: float | None) -> None:
    for value in values:
        if value is not None and not 0 <= value < math.inf:
            raise InvalidSnapshot(f"{name} must be finite and not negative")


@dataclass(frozen=True, slots=True)
class Segment:
    """
    Counters expected from one moment until the next segment (waits.md 2.3, c(u)).

    start: epoch seconds. counters: mean number of counters, may be fractional for usual capacity.
    """

    start: float
    counters: float

    def __post_init__(self) -> None:
        _require_finite("segment start", self.start)
        _require_at_least_zero("segment counters", self.counters)


@dataclass(frozen=True, slots=True)
class Pool:
    """
    Counters that share skills (waits.md 2, "per pool").

    services: ids of the services every counter of the pool can serve.
    counters: open counters, short pauses included; see capacity.count_counters.
    idle: those of them with nobody at the counter and ready to call.
    paused: counters in a pause that is not counted as open.
    returns: announced ends of pauses, epoch seconds; each adds one counter until the plan begins.
    plan: expected counters by segment, in order; segments up to now are replaced by counters.
    plan_kind: whether the plan is a roster or the usual capacity of these hours.
    closes_at: moment after which nobody who waits is called, epoch seconds.
    priority_rate: arrivals per second of people with a head start (waits.md 2.2).
    priority_head_start: their head start, seconds.
    weights: what a second of waiting counts for by service when a counter chooses whom to call, the
    mean over the pool's agents; 1 for services not named, 0 for those the pool never calls.
    """

    id: str = ""
    services: frozenset[str] = frozenset()
    counters: int = 0
    idle: int = 0
    paused: int = 0
    returns: tuple[float, ...] = ()
    plan: tuple[Segment, ...] = ()
    plan_kind: PlanKind = "roster"
    closes_at: float | None = None
    priority_rate: float = 0.0
    priority_head_start: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _require_at_least_zero("weights", *self.weights.values())
        _require_at_least_zero("counters", self.counters, self.idle, self.paused)
        if self.idle > self.counters:
            raise InvalidSnapshot("idle counters cannot outnumber open counters")
        _require_finite("returns", *self.returns)
        if any(a.start >= b.start for a, b in zip(self.plan, self.plan[1:], strict=False)):
            raise InvalidSnapshot("plan segments must be in order of time")
        _require_finite("closes_at", self.closes_at)
        _require_at_least_zero("priority", self.priority_rate, self.priority_head_start)

    def called_services(self) -> frozenset[str]:
        """Return the services whose people the pool ever calls."""
        return frozenset(name for name in self.services if self.weights.get(name, 1.0) > 0)

    def weighted_wait(self, service: str, waited: float) -> float:
        """Return what waiting since the order key counts for; the largest is called next."""
        return waited * self.weights.get(service, 1.0)


@dataclass(frozen=True, slots=True)
class WaitingTicket:
    """
    One waiting person.

    effective_at: order key e, epoch seconds (waits.md 5, order.effective_time).
    joined_at: epoch seconds; only the waited time of the head of the line is taken from it.
    """

    id: str
    service: str
    effective_at: float
    joined_at: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.effective_at) and math.isfinite(self.joined_at)):
            raise InvalidSnapshot("ticket times must be finite")


@dataclass(frozen=True, slots=True)
class Booking:
    """
    Booked people of one slot who have not checked in (waits.md 2.2, expected overtakers).

    slot_at: epoch seconds. head_start: seconds taken off their order key. count: people.
    """

    slot_at: float
    service: str = ""
    head_start: float = 0.0
    count: float = 1.0

    def __post_init__(self) -> None:
        _require_finite("slot_at", self.slot_at)
        _require_at_least_zero("booking", self.head_start, self.count)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    Everybody who waits, and the pools that will serve them.

    now: epoch seconds. waiting: in any order.
    durations: declared duration of each service, seconds (cold start, waits.md 2).
    show_rate: share of the booked who come.
    frozen: service is suspended with no known end; no figure is given.
    """

    now: float
    pools: tuple[Pool, ...]
    waiting: tuple[WaitingTicket, ...] = ()
    durations: Mapping[str, float] = field(default_factory=dict)
    bookings: tuple[Booking, ...] = ()
    show_rate: float = DEFAULT_SHOW_RATE
    frozen: bool = False

    def __post_init__(self) -> None:
        _require_finite("now", self.now)
        _require_at_least_zero("durations", *self.durations.values())
        _require_show_rate(self.show_rate)


@dataclass(frozen=True, slots=True)
class LineSummary:
    """
    One pool and its line without the people in it, for predictions at constant cost.

    now: epoch seconds. waiting: people the pool can serve who wait now.
    handling: mean handling time of their services, seconds (Predictor.handling_time).
    head_waited: seconds the first in line has waited, None when nobody waits or unknown.
    leaving_rate: theta per waiting second, None for the learned one (waits.md 2.3).
    bookings: booked people this pool will serve; their service is not looked at.
    """

    now: float
    pool: Pool
    waiting: int
    handling: float
    head_waited: float | None = None
    leaving_rate: float | None = None
    bookings: tuple[Booking, ...] = ()
    show_rate: float = DEFAULT_SHOW_RATE
    frozen: bool = False

    def __post_init__(self) -> None:
        _require_finite("now", self.now)
        _require_at_least_zero(
            "line", self.waiting, self.handling, self.head_waited, self.leaving_rate
        )
        _require_show_rate(self.show_rate)


def _require_show_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise InvalidSnapshot("show_rate must be between 0 and 1")

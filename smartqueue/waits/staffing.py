"""
How many counters a demand needs (waits.md 6): M/M/s+M, "Erlang-A", and M/M/s, "Erlang-C".

People come at random, are served by s counters in the time that a service and its wrap-up take, and
leave after a patience of 1/theta on average; Erlang-C is the case theta = 0. Formulas: Erlang (1917);
Palm (1957) for leaving; Zeltyn and Mandelbaum, "Call centers with impatient customers: many-server
asymptotics of the M/M/n+G queue", Queueing Systems 51 (2005), for the wait's distribution. They hold
for a demand that stays as it is: a half-hour is taken by itself, as if what the one before left in
line were as much as it leaves to the next. Durations in seconds, rates per second.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from smartqueue.waits.drain import NEGLIGIBLE_LEAVING, FloatArray
from smartqueue.waits.errors import InvalidDemand
from smartqueue.waits.handling import LONGEST_HANDLING, SHORTEST_HANDLING

MOST_SERVERS = 10_000
LARGEST_LOAD = 5_000.0
LARGEST_RATE = 100.0
LONGEST_TARGET = 86_400.0
# Beyond so many people in line their number is as good as its mean, and so is their wait.
FLUID_LINE = 1e6
NEGLIGIBLE_TERM = -45.0


@dataclass(frozen=True, slots=True)
class Demand:
    """
    What comes to the counters.

    arrivals: people per second. handling: mean seconds of a counter per person, wrap-up included.
    leaving_rate: theta, leaving people per waiting person and second; 0 when nobody leaves.
    """

    arrivals: float
    handling: float
    leaving_rate: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.arrivals <= LARGEST_RATE:
            raise InvalidDemand("arrivals must be between 0 and 100 a second")
        if not SHORTEST_HANDLING <= self.handling <= LONGEST_HANDLING:
            raise InvalidDemand("handling must be between a second and a day")
        if not 0 <= self.leaving_rate <= LARGEST_RATE:
            raise InvalidDemand("leaving_rate must be between 0 and 100 a second")
        if self.load > LARGEST_LOAD:
            raise InvalidDemand("a demand for more than 5,000 counters cannot be staffed")

    @property
    def load(self) -> float:
        """R, the counters that would be busy all the time: arrivals times handling."""
        return self.arrivals * self.handling


@dataclass(frozen=True, slots=True)
class Target:
    """
    What service should be: at most a share of the people waits longer than some seconds.

    wait: seconds. share_over: share of everybody who comes, between 0 and 1 (both excluded).
    share_leaving: share that may leave unserved; without it a line that drives people away would
    look like a short one.
    """

    wait: float
    share_over: float = 0.2
    share_leaving: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.wait <= LONGEST_TARGET:
            raise InvalidDemand("the wait of a target must be between 0 and a day")
        if not 1e-6 <= self.share_over < 1:
            raise InvalidDemand("share_over must be above 0 and under 1")
        if not 1e-6 <= self.share_leaving <= 1:
            raise InvalidDemand("share_leaving must be above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class Performance:
    """
    How a number of counters copes with a demand.

    wait_chance: P(W > 0). leave_chance: P(leave) before being served. mean_wait: seconds, over
    everybody who comes, infinite when the line grows without end. over_target: P(W > target).
    Both take the time really spent in line, also by those who leave. occupancy: share of their time
    that the counters are busy.
    """

    servers: int
    wait_chance: float
    leave_chance: float
    mean_wait: float
    over_target: float
    occupancy: float

    def meets(self, target: Target) -> bool:
        """Tell whether this is the service that was asked for."""
        return self.over_target <= target.share_over and self.leave_chance <= target.share_leaving


@dataclass(frozen=True, slots=True)
class SlotDemand:
    """
    People expected in a stretch of time.

    start, seconds: where it begins, seconds after local midnight, and how long it is.
    people: what to be ready for, the q80 of the forecast (ForecastSlot.planned).
    """

    start: float
    people: float
    seconds: float = 1800.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.start):
            raise InvalidDemand("start must be finite")
        if not 0 <= self.people < math.inf:
            raise InvalidDemand("people must be finite and not negative")
        if not 0 < self.seconds < math.inf:
            raise InvalidDemand("seconds must be finite and above 0")


@dataclass(frozen=True, slots=True)
class StaffingRow:
    """
    One row of the table.

    start: seconds after local midnight. people: what it is for. servers: the fewest that meet the
    target. options: how one counter less, that many and one more cope; none is without a counter.
    """

    start: float
    people: float
    servers: int
    options: tuple[Performance, ...]


def erlang_b(servers: int, load: float) -> float:
    """
    Return the share of people turned away by s counters without a line, B(s, R).

    By the recursion B(n) = R B(n-1) / (n + R B(n-1)), which loses no digits.

    :raises InvalidDemand: servers below 0, or a load that is negative or not finite
    """
    _require_servers(servers, least=0)
    if not 0 <= load <= LARGEST_LOAD:
        raise InvalidDemand("load must be between 0 and 5,000")
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """
    Return the chance to wait when nobody leaves, C(s, R) = s B / (s - R (1 - B)).

    1 when R reaches s: the line then grows without end.

    :raises InvalidDemand: fewer than one server, or a load that is negative or not finite
    """
    _require_servers(servers)
    blocked = erlang_b(servers, load)
    if load >= servers:
        return 1.0
    return servers * blocked / (servers - load * (1 - blocked))


def performance(demand: Demand, servers: int, target_wait: float = 0.0) -> Performance:
    """
    Return how this many counters cope with a demand, exactly.

    With B = B(s - 1, R) and J(t) = the integral from t on of exp(lambda H(x) - s mu x), where
    H(x) = (1 - exp(-theta x))/theta (Zeltyn and Mandelbaum):
    P(W > 0) = lambda J(0) / (1/B + lambda J(0)), P(W > t) = exp(-theta t) J(t)/J(0) P(W > 0).
    The number in line is distributed as the terms of the series of J(0) (Palm), its mean is the mean
    wait times lambda (Little), and P(leave) = theta times the mean wait.

    :param target_wait: t of over_target, seconds
    :raises InvalidDemand: fewer than one server, or a target that is negative or over a day
    """
    _require_servers(servers)
    if not 0 <= target_wait <= LONGEST_TARGET:
        raise InvalidDemand("the wait of a target must be between 0 and a day")
    if demand.arrivals == 0:
        return Performance(servers, 0.0, 0.0, 0.0, 0.0, 0.0)
    if demand.leaving_rate < NEGLIGIBLE_LEAVING:
        return _patient(demand, servers, target_wait)
    if _mean_line_if_full(demand, servers) > _fluid_from(demand):
        return _fluid(demand, servers, target_wait)
    return _with_leaving(demand, servers, target_wait)


def servers_needed(demand: Demand, target: Target, fewest: int = 1) -> int:
    """
    Return the fewest counters that meet a target, and no fewer than `fewest`.

    More counters never make a wait longer, so the number is found by halving.

    :raises InvalidDemand: fewest below 1
    """
    _require_servers(fewest)

    def meets(servers: int) -> bool:
        return performance(demand, servers, target.wait).meets(target)

    low, high = fewest - 1, max(fewest, math.ceil(demand.load))
    while not meets(high):
        low, high = high, high + max(high // 8, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return high


def staffing_table(
    slots: Iterable[SlotDemand],
    *,
    handling: float,
    target: Target,
    leaving_rate: float = 0.0,
    fewest: int = 1,
) -> tuple[StaffingRow, ...]:
    """
    Return the counters for each stretch of time, with one fewer and one more beside them.

    :param handling: mean seconds of a counter per person, wrap-up included
    :param leaving_rate: theta, per waiting person and second
    :param fewest: counters that are open even when nobody is expected
    :raises InvalidDemand: a value is not finite or out of range
    """
    rows = []
    for slot in slots:
        demand = Demand(slot.people / slot.seconds, handling, leaving_rate)
        servers = servers_needed(demand, target, fewest)
        options = tuple(
            performance(demand, number, target.wait)
            for number in (servers - 1, servers, servers + 1)
            if number >= 1
        )
        rows.append(StaffingRow(slot.start, slot.people, servers, options))
    return tuple(rows)


def _require_servers(servers: int, least: int = 1) -> None:
    if not least <= servers <= MOST_SERVERS + 1:
        raise InvalidDemand(f"servers must be at least {least} and at most {MOST_SERVERS}")


def _patient(demand: Demand, servers: int, target_wait: float) -> Performance:
    waiting = erlang_c(servers, demand.load)
    spare = servers / demand.handling - demand.arrivals
    if waiting == 1.0 or spare <= 0:
        return Performance(servers, 1.0, 0.0, math.inf, 1.0, 1.0)
    return Performance(
        servers=servers,
        wait_chance=waiting,
        leave_chance=0.0,
        mean_wait=waiting / spare,
        over_target=waiting * math.exp(-spare * target_wait),
        occupancy=demand.load / servers,
    )


def _with_leaving(demand: Demand, servers: int, target_wait: float) -> Performance:
    arrivals, theta = demand.arrivals, demand.leaving_rate
    capacity = servers / demand.handling
    terms, log_scale = _terms(arrivals, capacity, theta)
    total = float(terms.sum())
    log_line = math.log(arrivals) + log_scale + math.log(total)
    blocked = erlang_b(servers - 1, demand.load)
    waiting = _share(math.log(blocked) + log_line) if blocked > 0 else 0.0
    mean_line = waiting * float(np.arange(terms.size) @ terms) / total
    mean_wait = mean_line / arrivals
    leaving = min(theta * mean_wait, 1.0)
    later, later_scale = _terms(arrivals * math.exp(-theta * target_wait), capacity, theta)
    passed = -math.expm1(-theta * target_wait) / theta
    log_rest = (
        (arrivals * passed - capacity * target_wait - theta * target_wait)
        + (later_scale + math.log(float(later.sum())))
        - (log_scale + math.log(total))
    )
    return Performance(
        servers=servers,
        wait_chance=waiting,
        leave_chance=leaving,
        mean_wait=mean_wait,
        over_target=waiting * math.exp(min(log_rest, 0.0)),
        occupancy=min(demand.load * (1 - leaving) / servers, 1.0),
    )


def _terms(arrivals: float, capacity: float, theta: float) -> tuple[FloatArray, float]:
    """
    Return the terms of J = sum over k of x^k / ((c)(c + theta) ... (c + k theta)), scaled.

    All are positive, so nothing cancels; they grow while c + k theta < x and then fall faster than
    any geometric series. Returned: the terms over the largest, and the logarithm of that.
    """
    peak = max((arrivals - capacity) / theta, 0.0)
    spread = math.sqrt(max(arrivals, capacity) / theta)
    # Past the peak a term is below exp(-j^2 theta / 2x) and, once c + k theta > x, below any ratio.
    count = int(peak + 12 * spread) + 64
    if capacity > arrivals > 0:
        count = min(count, int(-NEGLIGIBLE_TERM / math.log(capacity / arrivals)) + 64)
    rates = capacity + theta * np.arange(count)
    logs = np.full(count, -math.log(capacity))
    if arrivals > 0:
        logs[1:] += np.cumsum(math.log(arrivals) - np.log(rates[1:]))
    else:
        logs[1:] = -np.inf
    largest = float(logs.max())
    return np.exp(logs - largest), largest


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0


def _mean_line_if_full(demand: Demand, servers: int) -> float:
    return (demand.arrivals - servers / demand.handling) / demand.leaving_rate


def _fluid_from(demand: Demand) -> float:
    return max(FLUID_LINE, 10 * math.sqrt(demand.arrivals / demand.leaving_rate))


def _fluid(demand: Demand, servers: int, target_wait: float) -> Performance:
    """Return the limit for a line so long that chance plays no part (Whitt, Management Science 50, 2004)."""
    leaving = 1 - servers / demand.load
    offered = math.log(demand.load / servers) / demand.leaving_rate
    patient = math.exp(-demand.leaving_rate * target_wait)
    return Performance(
        servers=servers,
        wait_chance=1.0,
        leave_chance=leaving,
        mean_wait=leaving / demand.leaving_rate,
        over_target=patient if target_wait < offered else 0.0,
        occupancy=1.0,
    )

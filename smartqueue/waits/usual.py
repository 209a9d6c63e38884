"""Usual calls per minute of each half-hour, learned from the calls themselves (waits.md 2.3)."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np

from smartqueue.waits import stored
from smartqueue.waits.capacity import segments_from_calls
from smartqueue.waits.drain import FloatArray
from smartqueue.waits.errors import CorruptState
from smartqueue.waits.snapshot import Segment

HALF_HOUR = 1800.0
SLOTS = 48
SLOTS_AHEAD = 16
LONGEST_GAP = 2 * 3600.0
DAY_APART = 20 * 3600.0
KEPT_PER_DAY = 0.95
LEAST_DAYS = 3
LEAST_CALLS = 50.0
LEAST_PRIOR_CALLS = 5.0
MOST_PRIOR_CALLS = 1e6
MOST_DAYS = 100_000
SHORTEST_GAP = 0.1
LAST_MOMENT = 1e11
FIRST_MOMENT = -6e10
MOST_IN_SLOT = 1e6


class UsualCalls:
    """
    Calls per busy second of each half-hour of the day, with a memory of about 20 days.

    Only the time between two calls during which somebody waited counts, so that an empty line
    does not look like a slow one. Half-hours are those of the clock on the wall, so that a change to
    summer time moves nothing. Each half-hour leans on the whole day, the more so the more alike
    half-hours are (gamma-Poisson shrinkage by the method of moments), by 5 calls at least.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        """
        Start without calls.

        :param zone: of the clock on the wall
        """
        self.zone = zone
        self.days = 0
        self._day_began_at: float | None = None
        self._last_call_at: float | None = None
        self._calls = np.zeros(SLOTS)
        self._busy = np.zeros(SLOTS)

    @property
    def is_cold(self) -> bool:
        """Whether the queue is in its first three days."""
        return self.days <= LEAST_DAYS

    @property
    def is_known(self) -> bool:
        """Whether three days and 50 calls of a busy line are behind this."""
        return (
            not self.is_cold
            and float(self._calls.sum()) >= LEAST_CALLS
            and float(self._busy.sum()) >= SHORTEST_GAP * float(self._calls.sum())
        )

    def see(self, moment: float) -> None:
        """Count days; a day begins 20 hours after the one before."""
        began = self._day_began_at
        if abs(moment) > LAST_MOMENT:
            return
        if began is not None and abs(moment - began) < DAY_APART:
            return
        if began is not None and moment < began:
            # A clock set back is no day, but what follows counts from it.
            self._day_began_at = moment
            return
        self._day_began_at = moment
        self.days = min(self.days + 1, MOST_DAYS)
        self._calls *= KEPT_PER_DAY
        self._busy *= KEPT_PER_DAY

    def observe(self, joined_at: float, called_at: float) -> None:
        """
        Add a call; it tells the capacity when its person waited already at the call before.

        Gaps of more than two hours, as over a night, are left out.
        """
        if abs(called_at) > LAST_MOMENT:
            return
        last, self._last_call_at = self._last_call_at, called_at
        if last is None or joined_at > last or not 0 <= called_at - last <= LONGEST_GAP:
            return
        self._calls[self._slot(called_at)] += 1
        moment = last
        while moment < called_at:
            following = min((math.floor(moment / HALF_HOUR) + 1) * HALF_HOUR, called_at)
            self._busy[self._slot(moment)] += following - moment
            moment = following

    def rates(self) -> list[float]:
        """Return calls per second of each half-hour of the day, once known."""
        overall = self._calls.sum() / self._busy.sum()
        prior = self._prior_calls(overall * self._busy)
        rates = (self._calls + prior) / (self._busy + prior / overall)
        return [float(rate) for rate in rates]

    def _prior_calls(self, expected: FloatArray) -> float:
        """
        Return how many calls the rate of the whole day counts for in each half-hour.

        Calls scatter around what the busy time lets expect by their own chance, which is as large
        as the expectation, and by differences between half-hours, which are the rest.
        """
        differences = float(np.sum((self._calls - expected) ** 2) - np.sum(expected))
        if differences <= 0:
            return MOST_PRIOR_CALLS
        prior = float(np.sum(expected**2)) / differences
        return min(max(prior, LEAST_PRIOR_CALLS), MOST_PRIOR_CALLS)

    def plan(
        self, now: float, counter_time: float, closed: Sequence[Segment] = ()
    ) -> tuple[Segment, ...]:
        """
        Return the counters to expect in each of the next half-hours, nothing before it is known.

        :param now: epoch seconds
        :param counter_time: seconds of a counter that one call takes on average
        :param closed: usual counters; in half-hours where they are 0 nobody is called
        """
        if not self.is_known or abs(now) > LAST_MOMENT:
            return ()
        rates = self.rates()
        first = math.floor(now / HALF_HOUR) + 1
        numbers = range(first, first + SLOTS_AHEAD)
        starts = [segment.start for segment in closed]
        calls_per_minute = []
        for number in numbers:
            at = number * HALF_HOUR
            place = bisect_right(starts, at) - 1
            is_closed = place >= 0 and closed[place].counters == 0
            calls_per_minute.append((at, 0.0 if is_closed else 60 * rates[self._slot(at)]))
        return segments_from_calls(calls_per_minute, counter_time)

    def _slot(self, moment: float) -> int:
        """
        Return the half-hour of the wall's day that a half-hour of the world begins in.

        Zones are whole half-hours from UTC, but for a few: there it is the nearest one before.
        """
        began = math.floor(moment / HALF_HOUR) * HALF_HOUR
        wall = datetime.fromtimestamp(max(began, FIRST_MOMENT), self.zone)
        return wall.hour * 2 + wall.minute // 30

    def to_state(self) -> dict[str, Any]:
        """Return a JSON-able state: decayed calls and busy seconds by half-hour of the day."""
        return {
            "days": self.days,
            "day_began_at": self._day_began_at,
            "last_call_at": self._last_call_at,
            "calls": [round(float(value), 3) for value in self._calls],
            "busy": [round(float(value), 1) for value in self._busy],
        }

    @classmethod
    def from_state(cls, state: object, zone: tzinfo = UTC) -> "UsualCalls":
        """
        Read a state back.

        :raises CorruptState: it was not written by to_state
        """
        values = stored.mapping(state, "usual")
        usual = cls(zone)
        usual.days = stored.whole(values, "days")
        if usual.days > MOST_DAYS:
            raise CorruptState("days is out of range")
        usual._day_began_at = stored.moment(values, "day_began_at", LAST_MOMENT)
        usual._last_call_at = stored.moment(values, "last_call_at", LAST_MOMENT)
        usual._calls = _by_slot(values, "calls")
        usual._busy = _by_slot(values, "busy")
        return usual


def _by_slot(values: Mapping[str, Any], name: str) -> FloatArray:
    listed = stored.items(values, name, SLOTS)
    if len(listed) != SLOTS:
        raise CorruptState(f"{name} must have one number per half-hour")
    return np.array([stored.checked_number(value, name, 0.0, MOST_IN_SLOT) for value in listed])

"""Learned handling times and no-shows (waits.md 2.2 and cold start)."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from smartqueue.waits import stored
from smartqueue.waits.errors import CorruptState

DEFAULT_DURATION = 600.0
SHORTEST_HANDLING = 1.0
LONGEST_HANDLING = 86_400.0
OUTLIER_FACTOR = 8.0
PRIOR_SERVICES = 20.0
MEMORY_SERVICES = 200
KEPT_SERVICES = 100

PRIOR_NO_SHOW = 0.08
PRIOR_NO_SHOW_WEIGHT = 50.0
PRIOR_NO_SHOW_TIME = 60.0
MEMORY_CALLS = 1000


class HandlingTimes:
    """
    Mean handling time of each service, the gap to the next call included.

    A plain mean over the first 200 services, exponentially weighted after. The declared duration
    counts as 20 services and fades out over those 200. One service lasting over 8 times the mean
    (a counter left open) counts as 8 times.
    """

    def __init__(self) -> None:
        self._services: dict[str, tuple[float, int]] = {}

    def observe(self, service: str, seconds: float, declared: float | None = None) -> None:
        """Add one handling time; values that are not finite, negative or over a day are left out."""
        if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_HANDLING:
            return
        seconds = min(seconds, OUTLIER_FACTOR * self.mean(service, declared))
        mean, count = self._services.pop(service, (0.0, 0))
        count += 1
        mean += (seconds - mean) / min(count, MEMORY_SERVICES)
        if len(self._services) >= KEPT_SERVICES:
            del self._services[next(iter(self._services))]
        self._services[service] = (mean, count)

    def mean(self, service: str, declared: float | None = None) -> float:
        """Return the mean handling time, seconds, given the service's declared duration."""
        prior = declared or DEFAULT_DURATION
        mean, count = self._services.get(service, (0.0, 0))
        weight = min(count, MEMORY_SERVICES)
        prior_weight = PRIOR_SERVICES * (1 - weight / MEMORY_SERVICES)
        return max(
            (prior_weight * prior + weight * mean) / (prior_weight + weight), SHORTEST_HANDLING
        )

    def mix_mean(self, services: Iterable[str], declared: Mapping[str, float]) -> float:
        """
        Return m of a pool: the mean over its services by how often each was seen, seconds.

        It does not depend on who waits now, so one more person cannot shorten a wait.
        """
        total = weights = 0.0
        for service in sorted(services):
            weight = PRIOR_SERVICES + self._services.get(service, (0.0, 0))[1]
            total += weight * self.mean(service, declared.get(service))
            weights += weight
        return total / weights if weights else DEFAULT_DURATION

    def to_state(self) -> dict[str, Any]:
        """Return a JSON-able state: (mean seconds, count) by service, oldest used first."""
        return {name: [mean, count] for name, (mean, count) in self._services.items()}

    @classmethod
    def from_state(cls, state: object) -> "HandlingTimes":
        """
        Read a state back.

        :raises CorruptState: it was not written by to_state
        """
        values = stored.mapping(state, "services")
        if len(values) > KEPT_SERVICES:
            raise CorruptState("too many services")
        times = cls()
        for name, entry in values.items():
            if not isinstance(entry, list) or len(entry) != 2:
                raise CorruptState("a service must be a mean and a count")
            mean = stored.checked_number(entry[0], "mean", 0.0, LONGEST_HANDLING)
            count = stored.whole({"count": entry[1]}, "count")
            times._services[name] = (mean, count)
        return times


class NoShows:
    """
    Share of called people who do not come, and the counter time such a call takes.

    Prior .08 with the weight of 50 calls; memory of about 1,000 calls.
    """

    def __init__(self) -> None:
        self._calls = 0.0
        self._missed = 0.0
        self._missed_time = 0.0

    @property
    def rate(self) -> float:
        """p_noshow, between 0 and 1."""
        return (PRIOR_NO_SHOW * PRIOR_NO_SHOW_WEIGHT + self._missed) / (
            PRIOR_NO_SHOW_WEIGHT + self._calls
        )

    @property
    def time(self) -> float:
        """t_noshow, seconds."""
        prior = PRIOR_NO_SHOW * PRIOR_NO_SHOW_WEIGHT
        return (prior * PRIOR_NO_SHOW_TIME + self._missed_time) / (prior + self._missed)

    def observe(self, seconds: float | None) -> None:
        """Add one call: None when the person came, else the counter time lost."""
        if seconds is not None and not (
            math.isfinite(seconds) and 0 <= seconds <= LONGEST_HANDLING
        ):
            return
        keep = 1 - 1 / MEMORY_CALLS
        self._calls = self._calls * keep + 1
        self._missed = self._missed * keep + (seconds is not None)
        self._missed_time = self._missed_time * keep + (seconds or 0.0)

    def to_state(self) -> dict[str, Any]:
        """Return a JSON-able state."""
        return {
            "calls": self._calls,
            "missed": self._missed,
            "missed_time": self._missed_time,
        }

    @classmethod
    def from_state(cls, state: object) -> "NoShows":
        """
        Read a state back.

        :raises CorruptState: it was not written by to_state
        """
        values = stored.mapping(state, "no_shows")
        shows = cls()
        shows._calls = stored.number(values, "calls", 0.0, 2.0 * MEMORY_CALLS)
        shows._missed = stored.number(values, "missed", 0.0, shows._calls)
        shows._missed_time = stored.number(
            values, "missed_time", 0.0, 2.0 * MEMORY_CALLS * LONGEST_HANDLING
        )
        return shows

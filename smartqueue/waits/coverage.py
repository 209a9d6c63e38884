"""Interval levels that follow their measured coverage (waits.md 2.5, adaptive conformal)."""

from collections import deque
from typing import Any

from smartqueue.waits import stored
from smartqueue.waits.errors import CorruptState

TAIL = 0.1
STEP = 0.005
LEAST_TAIL = 0.02
MOST_TAIL = 0.45
WINDOW = 200
ACCEPTED = (0.75, 0.85)


class CoverageLevels:
    """
    The two tail levels of the interval.

    They move only while the coverage of the last 200 tickets is outside .75 to .85: each ticket
    then changes each tail by step (target - missed on that side).
    """

    def __init__(self) -> None:
        self.low_tail = TAIL
        self.high_tail = TAIL
        self._recent: deque[bool] = deque(maxlen=WINDOW)

    @property
    def levels(self) -> tuple[float, float, float]:
        """Quantile levels of low, median and high."""
        return self.low_tail, 0.5, 1 - self.high_tail

    @property
    def coverage(self) -> float | None:
        """Share of recent tickets inside their interval, None before 200 tickets."""
        if len(self._recent) < WINDOW:
            return None
        return sum(self._recent) / WINDOW

    def observe(self, *, below: bool, above: bool) -> None:
        """Take in one called ticket: was its wait below low, or above high?"""
        self._recent.append(not below and not above)
        coverage = self.coverage
        if coverage is None or ACCEPTED[0] <= coverage <= ACCEPTED[1]:
            return
        self.low_tail = _moved(self.low_tail, below)
        self.high_tail = _moved(self.high_tail, above)

    def to_state(self) -> dict[str, Any]:
        """Return a JSON-able state; recent is a text of 1 (inside) and 0, oldest first."""
        return {
            "low_tail": self.low_tail,
            "high_tail": self.high_tail,
            "recent": "".join("1" if inside else "0" for inside in self._recent),
        }

    @classmethod
    def from_state(cls, state: object) -> "CoverageLevels":
        """
        Read a state back.

        :raises CorruptState: it was not written by to_state
        """
        values = stored.mapping(state, "coverage")
        levels = cls()
        levels.low_tail = stored.number(values, "low_tail", LEAST_TAIL, MOST_TAIL)
        levels.high_tail = stored.number(values, "high_tail", LEAST_TAIL, MOST_TAIL)
        recent = values.get("recent")
        if not isinstance(recent, str) or len(recent) > WINDOW or set(recent) - {"0", "1"}:
            raise CorruptState("recent must be a short text of 0 and 1")
        levels._recent.extend(mark == "1" for mark in recent)
        return levels


def _moved(tail: float, missed: bool) -> float:
    return min(max(tail + STEP * (TAIL - missed), LEAST_TAIL), MOST_TAIL)

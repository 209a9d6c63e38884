"""Learned rate at which waiting people leave (theta of waits.md 2.3)."""

from typing import Any

from smartqueue.waits import stored

TICKETS_BEFORE_USE = 50
MEMORY_TICKETS = 1000
MOST_RATE = 1 / 60


class LeavingRate:
    """Leavers per waiting second over about the last 1,000 tickets; 0 before 50 tickets."""

    def __init__(self) -> None:
        self._tickets = 0
        self._left = 0.0
        self._waited = 0.0

    @property
    def rate(self) -> float:
        """Theta, per second, at most one a minute."""
        if self._tickets < TICKETS_BEFORE_USE or self._left == 0:
            return 0.0
        return min(self._left / max(self._waited, self._left), MOST_RATE)

    def observe(self, waited: float, *, left: bool) -> None:
        """Add one ticket's waiting time in seconds, and whether leaving ended it."""
        keep = 1 - 1 / MEMORY_TICKETS
        self._tickets += 1
        self._left = self._left * keep + left
        self._waited = self._waited * keep + waited

    def to_state(self) -> dict[str, Any]:
        """Return a JSON-able state."""
        return {"tickets": self._tickets, "left": self._left, "waited": self._waited}

    @classmethod
    def from_state(cls, state: object) -> "LeavingRate":
        """
        Read a state back.

        :raises CorruptState: it was not written by to_state
        """
        values = stored.mapping(state, "leaving")
        leaving = cls()
        leaving._tickets = stored.whole(values, "tickets")
        leaving._left = stored.number(values, "left", 0.0, 2.0 * MEMORY_TICKETS)
        leaving._waited = stored.number(values, "waited", 0.0)
        return leaving

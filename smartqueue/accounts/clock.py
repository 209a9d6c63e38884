"""The time that credentials live by."""

from datetime import UTC, datetime


def wall_now() -> datetime:
    """
    Return the real time. A demonstration may run its day at sixty times the speed, where a code of
    ten minutes would be gone before anybody could type it.
    """
    return datetime.now(UTC)

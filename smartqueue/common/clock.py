"""
The time at the entrance.

Interfaces read the time here once and pass it in as `now`; nothing below them reads a clock.
A demonstration may shift and scale this clock through a small JSON file; production refuses one.
"""

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

CLOCK_FILE_VARIABLE = "SMARTQUEUE_CLOCK_FILE"
RECHECK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ClockScale:
    """The demonstration's time: at real second `anchor` it was `start`, and `speed` passes a second."""

    anchor: float
    start: float
    speed: float

    def at(self, real: float) -> float:
        """Return the demonstration's Unix time at a real Unix time, both in seconds."""
        return self.start + (real - self.anchor) * self.speed


class _ScaleFile:
    """Reads the scale again when its file changed, looking at most every RECHECK_SECONDS."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._modified_ns = 0
        self._scale: ClockScale | None = None

    def scale(self, real: float) -> ClockScale | None:
        if abs(real - self._looked_at) < RECHECK_SECONDS:
            return self._scale
        self._looked_at = real
        path = os.environ.get(CLOCK_FILE_VARIABLE)
        if not path:
            self._scale = None
            return None
        try:
            modified_ns = Path(path).stat().st_mtime_ns
            if modified_ns != self._modified_ns:
                self._scale = ClockScale(**json.loads(Path(path).read_text()))
                self._modified_ns = modified_ns
        except FileNotFoundError:
            self._scale = None
            self._modified_ns = 0
        return self._scale


_file = _ScaleFile()


def now() -> datetime:
    """Return the aware UTC time that this request or task happens at."""
    real = time.time()
    scale = _file.scale(real)
    return datetime.fromtimestamp(scale.at(real) if scale else real, UTC)


def write_scale(path: Path, scale: ClockScale) -> None:
    """Put a new scale in place for every process that watches the file."""
    temporary = path.with_suffix(".new")
    temporary.write_text(
        json.dumps({"anchor": scale.anchor, "start": scale.start, "speed": scale.speed})
    )
    temporary.replace(path)


def service_date(at: datetime, zone: str) -> date:
    """Return the calendar day that a moment belongs to in a branch's time zone."""
    return at.astimezone(ZoneInfo(zone)).date()

"""Figures as a table on the screen and as JSON in a file."""

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.scratch import REPORTS
from bench.session import Options, Side

COLUMNS = (
    ("per s", 9),
    ("ratio", 7),
    ("CPU ms", 9),
    ("ratio", 7),
    ("PG ms", 8),
    ("p50 ms", 9),
    ("p99 ms", 9),
)
NOTE = "The load generator shares the {cores} cores with the servers and PostgreSQL."


@dataclass(frozen=True)
class Aim:
    """What one side should reach, as ratios to the base: at least this rate, at most this CPU."""

    side: str
    rate: float
    cpu: float | None = None


@dataclass
class Table:
    """Sides of one measurement; ratios are to the side named `against`."""

    name: str
    title: str
    sides: list[Side]
    against: str
    notes: list[str] = field(default_factory=list)
    aim: Aim | None = None

    def _base(self) -> Side:
        return next(side for side in self.sides if side.name == self.against)

    def ratio(self, side: Side, figure: str) -> float | None:
        """Return a side's figure over the base's: of rounds next to each other, at the median."""
        own, base = getattr(side, figure), getattr(self._base(), figure)
        if not own or not base:
            return None
        if len(own) != len(base):
            return statistics.median(own) / statistics.median(base)
        return statistics.median(one / other for one, other in zip(own, base, strict=True))

    def text(self) -> str:
        """Return the table as lines."""
        names = "".join(f"{name:>{width}}" for name, width in COLUMNS)
        lines = [f"\n{self.title} (ratios to: {self.against})", " " * 36 + names]
        for side in self.sides:
            cells = [
                (side.middle("per_second"), 0),
                (self.ratio(side, "per_second"), 2),
                (side.middle("server_cpu_ms"), 3),
                (self.ratio(side, "server_cpu_ms"), 2),
                (side.middle("postgres_cpu_ms"), 3),
                (side.middle("p50_ms"), 2),
                (side.middle("p99_ms"), 2),
            ]
            texts = ["" if value is None else f"{value:.{digits}f}" for value, digits in cells]
            widths = [width for _, width in COLUMNS]
            row = (f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))
            lines.append(f"{side.name:36}" + "".join(row))
        lines += [f"  {note}" for note in [*self._verdict(), *self.notes]]
        return "\n".join(lines)

    def _verdict(self) -> list[str]:
        if self.aim is None:
            return []
        side = next(side for side in self.sides if side.name == self.aim.side)
        rate, cpu = self.ratio(side, "per_second") or 0.0, self.ratio(side, "server_cpu_ms")
        told = [f"rate at least {self.aim.rate:.2f}: {_reached(rate >= self.aim.rate)}"]
        if self.aim.cpu is not None and cpu is not None:
            told.append(f"CPU at most {self.aim.cpu:.2f}: {_reached(cpu <= self.aim.cpu)}")
        return [f"aim of {side.name}: " + ", ".join(told)]

    def data(self) -> dict[str, Any]:
        """Return the table for the report."""
        return {
            "title": self.title,
            "against": self.against,
            "sides": {
                side.name: {
                    **side.figures(),
                    "rate_ratio": self.ratio(side, "per_second"),
                    "server_cpu_ratio": self.ratio(side, "server_cpu_ms"),
                    "rounds": [round(rate, 1) for rate in side.per_second],
                }
                for side in self.sides
            },
            "notes": [*self._verdict(), *self.notes],
        }


def _reached(reached: bool) -> str:
    return "reached" if reached else "not reached"


def head(options: Options) -> str:
    """Return what the figures were taken on."""
    cores = os.cpu_count() or 1
    busy = os.getloadavg()[0]
    return (
        f"Python {platform.python_version()}, {cores} cores, load {busy:.1f} at the start;"
        f" granian WSGI, {options.workers} workers of {options.threads} threads;"
        f" {options.rounds} rounds of {options.seconds:g} s in turn, medians.\n"
        + NOTE.format(cores=cores)
    )


class Shown(Protocol):
    """What stands in a report: a table of speeds, or figures of another kind."""

    name: str

    def text(self) -> str: ...
    def data(self) -> dict[str, Any]: ...


def save(name: str, options: Options, tables: Sequence[Shown]) -> Path:
    """Write a report; return its path."""
    path = REPORTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}.json"
    report = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_at_the_end": os.getloadavg(),
        },
        "options": asdict(options),
        "tables": {table.name: table.data() for table in tables},
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    return path

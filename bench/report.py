"""Figures as a table on the screen and as JSON in a file."""

import json
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.scratch import REPORTS
from bench.session import Options, Side

NOTE = "The load generator shares the {cores} cores with the servers and PostgreSQL."


@dataclass
class Table:
    """Sides of one measurement; ratios are to the side named `against`."""

    name: str
    title: str
    sides: list[Side]
    against: str
    notes: list[str] = field(default_factory=list)
    aims: dict[str, float] = field(default_factory=dict)

    def _base(self) -> Side:
        return next(side for side in self.sides if side.name == self.against)

    def ratio(self, side: Side, figure: str) -> float | None:
        """Return a side's figure over the base's."""
        own, base = side.middle(figure), self._base().middle(figure)
        return own / base if own is not None and base else None

    def text(self) -> str:
        """Return the table as lines."""
        head = f"{'':34}{'per s':>9}{'ratio':>7}{'CPU ms':>9}{'ratio':>7}{'PG ms':>8}{'p50 ms':>9}{'p99 ms':>9}"
        lines = [f"\n{self.title} (ratios to: {self.against})", head]
        for side in self.sides:
            cells = [
                _cell(side.middle("per_second"), 9, 0),
                _cell(self.ratio(side, "per_second"), 7, 2),
                _cell(side.middle("server_cpu_ms"), 9, 3),
                _cell(self.ratio(side, "server_cpu_ms"), 7, 2),
                _cell(side.middle("postgres_cpu_ms"), 8, 3),
                _cell(side.middle("p50_ms"), 9, 1),
                _cell(side.middle("p99_ms"), 9, 1),
            ]
            lines.append(f"{side.name:34}" + "".join(cells))
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

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
            "notes": self.notes,
        }


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'' if value is None else format(value, f'.{digits}f'):>{width}}"


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


def save(name: str, options: Options, tables: list[Table]) -> Path:
    """Write a report; return its path."""
    path = REPORTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}.json"
    report = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "options": vars(options) if hasattr(options, "__dict__") else {},
        "tables": {table.name: table.data() for table in tables},
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    return path

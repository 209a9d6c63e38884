"""The table of a real day (see `smartqueue/queues/data/README.md`) and what happens when."""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

TABLE: Final = Path(__file__).resolve().parents[2] / "data" / "warsaw_day.csv"
STEP_MINUTES: Final = 5

Kind = Literal["counters", "join", "call"]


@dataclass(frozen=True, slots=True)
class FiveMinutes:
    """
    What happened in the five minutes that end at `minute` of the day.

    `counters` is how many were open at their end.
    """

    minute: int
    arrivals: int
    calls: int
    counters: int


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """Something to do at a second of the day; `counters` says how many shall be open from then on."""

    at: float
    kind: Kind
    counters: int = 0


def read_day(path: Path = TABLE) -> list[FiveMinutes]:
    """Return the table in order of time."""
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        return [FiveMinutes(**{name: int(value) for name, value in row.items()}) for row in rows]


def part_of(day: Sequence[FiveMinutes], since: int, until: int) -> list[FiveMinutes]:
    """
    Return the rows between two minutes of the day.

    Who was in line before comes as arrivals of the first row.
    """
    before = [row for row in day if row.minute <= since]
    part = [row for row in day if since < row.minute <= until]
    in_line = sum(row.arrivals - row.calls for row in before)
    if part and in_line:
        first = part[0]
        part[0] = FiveMinutes(first.minute, first.arrivals + in_line, first.calls, first.counters)
    return part


def steps_of(part: Sequence[FiveMinutes]) -> list[Step]:
    """
    Return what to do, in order.

    The table tells five minutes apart; within them people come at moments that are drawn, the same
    each time, and calls follow at even distances, none before its person has come.
    """
    chance = random.Random(part[0].minute if part else 0)  # noqa: S311  # moments of arrival
    steps: list[Step] = []
    open_counters, called = -1, 0
    arrivals: list[float] = []
    for row in part:
        start = (row.minute - STEP_MINUTES) * 60.0
        counters = max(row.counters, 1 if row.calls else 0)
        if counters != open_counters:
            steps.append(Step(start, "counters", counters))
            open_counters = counters
        arrivals += sorted(start + chance.uniform(0, 280) for _ in range(row.arrivals))
        for at in _evenly(start, row.calls):
            # Calls are of people who have come: one at the end of the five minutes waits for them.
            steps.append(Step(max(at, arrivals[called] + 1), "call"))
            called += 1
    steps += [Step(at, "join") for at in arrivals]
    return sorted(steps, key=lambda step: step.at)


def _evenly(start: float, count: int) -> Iterator[float]:
    length = STEP_MINUTES * 60.0
    for number in range(count):
        yield start + length * (number + 0.5) / count

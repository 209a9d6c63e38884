"""
Arrivals of real offices forecast day by day, each from the days before it only.

The log is that of the district offices of Warsaw (api.um.warszawa.pl, collected in the R package
kolejkeR by HaZdula, MIT licence): every five minutes, for each queue, the number being served N and
the people waiting L. N + L is the last number issued, its growth are the people who came.
"""

import csv
import gzip
import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import holidays
import numpy as np

from bench.session import say
from smartqueue.waits.forecast import SLOTS, Day, DayForecast, forecast_day

LOGS = Path(
    os.environ.get("WARSAW_LOGS") or Path(__file__).parents[2] / "shared" / "data" / "warsaw"
)
# The weights and the usual scatter of smartqueue/waits/forecast.py were chosen on the days before.
SCORED_FROM = date(2020, 1, 7)
LARGEST_STEP = 15
MOST_BACKWARD = 0.05
LEAST_GROWING = 0.9
LEAST_A_DAY = 20.0
NOON = 24

Reading = tuple[int, int, int]
"""Minute of the day, number being served, people waiting."""


@dataclass
class Tally:
    """Absolute errors of one method, people per half-hour, and of the product on the same ones."""

    own: list[float] = field(default_factory=list)
    product: list[float] = field(default_factory=list)

    def add(self, came: float, said: float, product: float) -> None:
        self.own.append(abs(came - said))
        self.product.append(abs(came - product))


@dataclass
class Scores:
    """How far off the forecasts of one kind of series were."""

    name: str
    title: str
    series: int = 0
    days: int = 0
    errors: list[float] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)
    below_planned: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)
    poisson: list[bool] = field(default_factory=list)
    pinball: list[float] = field(default_factory=list)
    others: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def text(self) -> str:
        """Return the figures as lines."""
        if not self.errors:
            return f"\n{self.title}: nothing to score"
        lines = [
            (
                f"\n{self.title}: {self.series} series, {self.days} days of them,"
                f" {len(self.errors)} half-hours, {np.mean(self.expected):.1f} people each"
            ),
            f"  mean absolute error          {np.mean(self.errors):6.2f} people",
        ]
        for name, tally in self.others.items():
            own, product = np.mean(tally.own), np.mean(tally.product)
            lines.append(
                f"  {name:28} {own:6.2f}; product on the same {len(tally.own)}: {product:.2f},"
                f" {product / own:.2f} of it"
            )
        large = np.array(self.expected) >= 5
        lines += [
            (
                f"  coverage of the 80 % interval {np.mean(self.inside):5.3f}, width"
                f" {np.mean(self.widths):.2f}, pinball loss {np.mean(self.pinball):.3f}"
            ),
            f"  the same by Poisson           {np.mean(self.poisson):5.3f}",
        ]
        if large.any():
            lines.append(
                f"  with 5 or more expected       {np.mean(np.array(self.inside)[large]):5.3f},"
                f" by Poisson {np.mean(np.array(self.poisson)[large]):.3f}"
            )
        lines.append(f"  at most the planned q80       {np.mean(self.below_planned):5.3f}")
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """Return the figures for the report."""
        return {
            "title": self.title,
            "series": self.series,
            "half_hours": len(self.errors),
            "mean_absolute_error": _mean(self.errors),
            "coverage": _mean(self.inside),
            "coverage_by_poisson": _mean(self.poisson),
            "at_most_planned": _mean(self.below_planned),
            "width": _mean(self.widths),
            "pinball": _mean(self.pinball),
            "beside": {
                name: {"error": _mean(tally.own), "product": _mean(tally.product)}
                for name, tally in self.others.items()
            },
        }

    def add(
        self, told: DayForecast, came: Sequence[float], others: dict[str, Sequence[float]]
    ) -> None:
        """Score one day; half-hours in which nobody was ever expected do not count."""
        self.days += 1
        for slot in told.slots:
            number = int(slot.start // 1800)
            said = {name: counts[number] for name, counts in others.items()}
            if slot.expected == 0 and not any(said.values()) and came[number] == 0:
                continue
            self._add_slot(slot, came[number])
            for name, count in said.items():
                self.others[name].add(came[number], count, slot.expected)

    def _add_slot(self, slot: Any, came: float) -> None:
        self.errors.append(abs(came - slot.expected))
        self.expected.append(slot.expected)
        self.inside.append(slot.low <= came <= slot.high)
        self.below_planned.append(came <= slot.planned)
        self.widths.append(slot.high - slot.low)
        low, high = _poisson(slot.expected)
        self.poisson.append(low <= came <= high)
        self.pinball.append(
            float(
                np.mean(
                    [
                        max(level * (came - value), (level - 1) * (came - value))
                        for level, value in ((0.1, slot.low), (0.5, slot.median), (0.9, slot.high))
                    ]
                )
            )
        )


def forecasts(_rounds: int) -> list[Scores]:
    """Forecast every day of every queue and office, at its beginning and at noon."""
    files = sorted(LOGS.glob("*.csv.gz")) if LOGS.is_dir() else [LOGS]
    if not all(file.exists() for file in files) or not files:
        say(f"no logs at {LOGS}; WARSAW_LOGS tells where they are")
        return []
    say("forecasting arrivals")
    queues, offices = read(files)
    found = []
    for name, title, series in (
        ("queues", f"queues of {LEAST_A_DAY:.0f} people a day or more", queues),
        ("offices", "offices", offices),
    ):
        for moment, seen in (("morning", 0), ("noon", NOON)):
            scores = Scores(f"forecast_{name}_{moment}", f"Arrivals of {title}, told at {moment}")
            for days in series:
                _score(scores, days, seen)
            found.append(scores)
    return found


def read(files: Iterable[Path]) -> tuple[list[list[Day]], list[list[Day]]]:
    """Return the days of each queue, and of each office over its queues that are clean every day."""
    readings: dict[tuple[str, str], dict[date, list[Reading]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for file in files:
        with gzip.open(file, "rt", newline="") as rows:
            for row in csv.DictReader(rows):
                readings[row["office"], row["queue_id"]][_date(row["date"])].append(
                    (int(row["minute"]), int(row["ticket_called"]), int(row["waiting"]))
                )
    first = min(min(days) for days in readings.values())
    last = max(max(days) for days in readings.values())
    closed = holidays.country_holidays("PL", years=range(first.year, last.year + 1))
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    open_dates = [day for day in dates if day.weekday() < 5 and day not in closed]
    queues, offices = [], defaultdict(list)
    for (office, _), by_date in sorted(readings.items()):
        days = [_day(day, by_date.get(day, []), is_open=day in open_dates) for day in dates]
        queues.append(days)
        if all(day.is_ordinary for day in days if day.date in open_dates):
            offices[office].append(days)
    return queues, [
        [
            Day(
                same[0].date,
                tuple(np.sum([day.arrivals for day in same], axis=0).tolist()),
                same[0].is_ordinary,
            )
            for same in zip(*members, strict=True)
        ]
        for members in offices.values()
    ]


def _date(text: str) -> date:
    # The log has the last days of 2019 also under the year after.
    return date.fromisoformat(text.replace("2020-12-3", "2019-12-3"))


def _day(day: date, readings: list[Reading], *, is_open: bool) -> Day:
    readings = sorted(readings)
    steps = list(itertools.pairwise(readings))
    arrivals = [0.0] * SLOTS
    if not is_open or len(steps) < 60:
        return Day(day, tuple(arrivals), is_ordinary=False)
    called = [now[1] - before[1] for before, now in steps if before[1] > 0]
    grown = [sum(now[1:]) - sum(before[1:]) for before, now in steps if before[1] > 0]
    clean = bool(called) and (
        sum(step < 0 for step in called) <= MOST_BACKWARD * len(called)
        and max(called) <= LARGEST_STEP
        and sum(step >= 0 for step in grown) >= LEAST_GROWING * len(grown)
    )
    issued = sum(readings[0][1:])
    for minute, number, waiting in readings[1:]:
        step = number + waiting - issued
        if 0 < step <= LARGEST_STEP:
            arrivals[min(minute // 30, SLOTS - 1)] += step
        # A larger step is the first number of the day: letters begin at a hundred of their own.
        if step > 0:
            issued += step
    return Day(day, tuple(arrivals), is_ordinary=clean)


def _score(scores: Scores, days: list[Day], seen: int) -> None:
    scored = 0
    for number, day in enumerate(days):
        before = days[:number]
        ordinary = [past for past in before if past.is_ordinary]
        if day.date < SCORED_FROM or not day.is_ordinary or len(ordinary) < 2:
            continue
        if sum(sum(past.arrivals) for past in ordinary) < LEAST_A_DAY * len(ordinary):
            continue
        told = forecast_day(before, day.date, seen=day.arrivals[:seen])
        scores.add(told, day.arrivals, _others(ordinary, day.date))
        scored += 1
    scores.series += scored > 0


def _others(ordinary: list[Day], target: date) -> dict[str, Sequence[float]]:
    """Return what simpler methods say, where they can say something."""
    said: dict[str, Sequence[float]] = {"mean of all days so far": _mean_day(ordinary)}
    by_date = {past.date: past for past in ordinary}
    same = [by_date.get(target - timedelta(weeks=weeks)) for weeks in range(1, 5)]
    if same[0] is not None:
        said["same weekday last week"] = same[0].arrivals
    if some := [past for past in same if past is not None]:
        said["mean of 4 weeks"] = _mean_day(some)
    return said


def _mean_day(days: list[Day]) -> Sequence[float]:
    means: Sequence[float] = np.mean([day.arrivals for day in days], axis=0).tolist()
    return means


def _poisson(mean: float) -> tuple[int, int]:
    chance = total = float(np.exp(-mean))
    number, low = 0, 0 if total >= 0.1 else -1
    while total < 0.9:
        number += 1
        chance *= mean / number
        total += chance
        if low < 0 and total >= 0.1:
            low = number
    return max(low, 0), number


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None

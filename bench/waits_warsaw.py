"""
The wait estimator replayed on the district offices of Warsaw, scored day by day.

The log (api.um.warszawa.pl, collected in the R package kolejkeR by HaZdula, MIT licence) tells every
five minutes, for each queue, the number being served, the people waiting and the open counters. The
last person in line at a snapshot is a virtual customer, called when their number is reached.
`python -m bench.waits_warsaw --help` lists the options.
"""

import argparse
import csv
import gzip
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.session import say
from smartqueue.waits import LineSummary, Pool, Predictor, RatioHistory, ShownEstimate, shown
from smartqueue.waits.drain import FloatArray

LOGS = Path(
    os.environ.get("WARSAW_LOGS") or Path(__file__).parents[2] / "shared" / "data" / "warsaw"
)
SCORED_DAYS = 3
LEVELS = (0.1, 0.5, 0.9)
SERVICE = "service"
# The city's own slip of the year.
MISDATED = {"2020-12-30": "2019-12-30", "2020-12-31": "2019-12-31"}
MOST_BACKWARD, MOST_FORWARD, LEAST_RISING = 0.05, 15, 0.9
AIMS = "aims per person: 9.2 min over all, 20.5 min with ten or more waiting, coverage .77 to .83"

QueueKey = tuple[str, str]


class MissingLog(Exception):
    """There is no log at the given place, or nothing in it can be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot of a queue: minute of the day, number served, people waiting, open counters."""

    minute: int
    number: int
    waiting: int
    counters: int
    declared_minutes: float

    @property
    def issued(self) -> int:
        return self.number + self.waiting


QueueDay = list[Row]


@dataclass(frozen=True, slots=True)
class Score:
    """
    One prediction, what simple methods would have said, and what came of it, in minutes.

    `made_at` is the minute of the day.
    """

    person: tuple[QueueKey, str, int]
    made_at: float
    waiting: int
    waited: float
    low: float
    median: float
    high: float
    simple: dict[str, float]


@dataclass
class Learner:
    """One queue: its predictor, and what the simple methods remember."""

    predictor: Predictor = field(default_factory=Predictor)
    waits: list[float] = field(default_factory=list)
    constant: float = 0.0


def read(place: Path) -> dict[QueueKey, dict[str, QueueDay]]:
    """
    Return the clean days of each queue, by date.

    :param place: a CSV file, plain or gzipped, or a folder of them
    :raises MissingLog: nothing there, or not a table of snapshots
    """
    files = sorted(place.glob("*.csv*")) if place.is_dir() else [place]
    if not files or not all(file.is_file() for file in files):
        raise MissingLog(f"no log at {place}; give the path of the file or its folder")
    found: dict[tuple[QueueKey, str], set[tuple[int, ...]]] = defaultdict(set)
    for file in files:
        try:
            for line in _lines(file):
                day = MISDATED.get(line["date"], line["date"])
                found[(line["office"], line["queue_id"]), day].add(_numbers(line))
        except (KeyError, ValueError, OSError, EOFError) as problem:
            raise MissingLog(f"{file} is not a log of snapshots: {problem!r}") from problem
    queues: dict[QueueKey, dict[str, QueueDay]] = defaultdict(dict)
    for (queue, day), rows in sorted(found.items()):
        whole = [Row(*values) for values in sorted(rows)]
        if is_clean(whole):
            queues[queue][day] = whole
    if not queues:
        raise MissingLog(f"no clean day in {place}")
    return queues


def _lines(file: Path) -> Iterator[dict[str, str]]:
    unpack = gzip.open if file.suffix == ".gz" else open
    with unpack(file, "rt") as text:
        yield from csv.DictReader(text)


def _numbers(line: dict[str, str]) -> tuple[int, ...]:
    names = ("minute", "ticket_called", "waiting", "counters_open", "published_service_min")
    return tuple(int(float(line[name] or 0)) for name in names)


def is_clean(rows: QueueDay) -> bool:
    """
    Tell whether a queue-day can be scored.

    The number served seldom goes back and never jumps by more than 15; the issued one rises.
    """
    steps = np.diff([row.number for row in rows])
    rising = np.diff([row.issued for row in rows]) >= 0
    return (
        len(steps) > 0
        and any(row.waiting for row in rows)
        and any(row.number for row in rows)
        and float(np.mean(steps < 0)) <= MOST_BACKWARD
        and int(steps.max()) <= MOST_FORWARD
        and float(np.mean(rising)) >= LEAST_RISING
    )


@dataclass(frozen=True, slots=True)
class Period:
    """Dates as text: the last one of the training, and the first and last one scored."""

    train_until: str
    since: str
    until: str
    freeze: bool = False


def replay(queues: dict[QueueKey, dict[str, QueueDay]], period: Period) -> list[Score]:
    """
    Replay all days in order; return the scores of the period.

    Each night the ratios of all queues past their first days become the organization's. Nothing a
    prediction is compared with reaches the predictor before it has happened.
    """
    learners = {queue: Learner() for queue in queues}
    scores: list[Score] = []
    trained = False
    for day in sorted({day for days in queues.values() for day in days if day <= period.until}):
        if day > period.train_until and not trained:
            _take_constants(learners.values())
            trained = True
        learning = day <= period.train_until or not period.freeze
        for queue in sorted(queues):
            if day in queues[queue]:
                replayed = _Day((queue, day), queues[queue][day], learners[queue], learning)
                made = replayed.run()
                scores += made if day >= period.since else []
        if learning:
            _share_ratios(learners.values())
    return scores


def _take_constants(learners: Iterable[Learner]) -> None:
    every = [wait for learner in learners for wait in learner.waits]
    if not every:
        raise MissingLog("nobody was called in the days of the training")
    for learner in learners:
        learner.constant = statistics.median(learner.waits or every)


def _share_ratios(learners: Iterable[Learner]) -> None:
    past = [learner.predictor for learner in learners if not learner.predictor.is_cold]
    organization = RatioHistory.merged(predictor.ratios for predictor in past)
    for learner in learners:
        learner.predictor.ratios.wider = organization


@dataclass(frozen=True, slots=True)
class _Pending:
    """The last person in line at a snapshot, and what they were told."""

    number: int
    at: float
    shown: ShownEstimate
    simple: dict[str, float]


class _Day:
    """One day of one queue, snapshot by snapshot."""

    def __init__(
        self, key: tuple[QueueKey, str], rows: QueueDay, learner: Learner, learning: bool
    ) -> None:
        self.key = key
        self.rows = rows
        self.learner = learner
        self.learning = learning
        self.midnight = datetime.fromisoformat(key[1]).replace(tzinfo=UTC).timestamp()
        self.joined: dict[int, float] = {}
        self.pending: list[_Pending] = []
        self.counter_time = 0.0
        self.scores: list[Score] = []

    def run(self) -> list[Score]:
        """Return a score for each snapshot with a figure whose last person was called that day."""
        before: Row | None = None
        for row in self.rows:
            if before is not None:
                self._step(before, row)
            if row.waiting and row.counters:
                self._predict(row)
            before = row
        return self.scores

    def _at(self, minute: float) -> float:
        return self.midnight + 60 * minute

    def _step(self, before: Row, row: Row) -> None:
        """Learn what happened between two snapshots; it is taken to have happened in the middle."""
        middle = self._at((before.minute + row.minute) / 2)
        for number in range(before.issued + 1, row.issued + 1):
            self.joined.setdefault(number, middle)
        called = range(before.number + 1, row.number + 1)
        self._serve(before, row, len(called))
        for number in called:
            told = [pending for pending in self.pending if pending.number == number]
            if self.learning and number in self.joined:
                self.learner.predictor.observe_wait(
                    self.joined[number],
                    middle,
                    outcome="called",
                    shown=[pending.shown for pending in told],
                )
        self._score([pending for pending in self.pending if pending.number <= row.number], middle)

    def _serve(self, before: Row, row: Row, calls: int) -> None:
        """Share the time of the counters while somebody waited among the calls it led to."""
        if not before.waiting:
            self.counter_time = 0.0
            return
        open_counters = max(before.counters, 1 if calls else 0)
        self.counter_time += open_counters * 60.0 * (row.minute - before.minute)
        for _ in range(calls if self.learning else 0):
            self.learner.predictor.observe_service(
                SERVICE, self.counter_time / calls, declared=_seconds(before)
            )
        if calls:
            self.counter_time = 0.0

    def _predict(self, row: Row) -> None:
        predictor, now = self.learner.predictor, self._at(row.minute)
        first = self.joined.get(row.number + 1)
        line = LineSummary(
            now=now,
            pool=Pool(counters=row.counters),
            waiting=row.waiting,
            handling=predictor.handling_time(SERVICE, _seconds(row)),
            head_waited=None if first is None else now - first,
        )
        told = shown(predictor.predict_position(row.waiting - 1, line), now)
        if told is None:
            return
        waits, constant = self.learner.waits, self.learner.constant
        simple = {
            "constant median": constant,
            "last wait": waits[-1] if waits else constant,
            "mean of ten": statistics.fmean(waits[-10:]) if waits else constant,
            "people x minutes / counters": row.waiting * row.declared_minutes / row.counters,
        }
        self.pending.append(_Pending(row.issued, now, told, simple))

    def _score(self, ended: Iterable[_Pending], middle: float) -> None:
        last: dict[int, float] = {}
        for pending in ended:
            told = pending.shown
            waited = (middle - pending.at) / 60
            last.setdefault(pending.number, waited)
            self.scores.append(
                Score(
                    person=(*self.key, pending.number),
                    made_at=(pending.at - self.midnight) / 60,
                    waiting=told.people_ahead + 1,
                    waited=waited,
                    low=told.low / 60,
                    median=told.median / 60,
                    high=told.high / 60,
                    simple=pending.simple,
                )
            )
            self.pending.remove(pending)
        self.learner.waits += last.values()


def _seconds(row: Row) -> float | None:
    return row.declared_minutes * 60.0 or None


def per_person(scores: Iterable[Score]) -> list[Score]:
    """Keep the first prediction of each person, as on joining; a log repeats who stays last."""
    first: dict[tuple[QueueKey, str, int], Score] = {}
    for score in scores:
        kept = first.get(score.person)
        if kept is None or score.waited > kept.waited:
            first[score.person] = score
    return list(first.values())


@dataclass
class Accuracy:
    """Errors of the estimator beside those of simple methods, as a table."""

    title: str
    scores: Sequence[Score]
    name: str = "accuracy"

    def data(self) -> dict[str, Any]:
        """Return all figures: minutes, and shares of waits inside the interval."""
        waiting = np.array([score.waiting for score in self.scores])
        groups = {"all": waiting > 0, "5+ waiting": waiting >= 5, "10+ waiting": waiting >= 10}
        return {
            "title": self.title,
            "groups": {name: self._group(chosen) for name, chosen in groups.items()},
        }

    def _group(self, chosen: NDArray[np.bool_]) -> dict[str, Any]:
        scores = [score for score, wanted in zip(self.scores, chosen, strict=True) if wanted]
        if not scores:
            return {"scored": 0, "methods": {}}
        waited = np.array([score.waited for score in scores])
        low, median, high = (
            np.array([getattr(score, name) for score in scores])
            for name in ("low", "median", "high")
        )
        methods = {"ours": _errors(waited, low, median, high)}
        for name in scores[0].simple:
            points = np.array([score.simple[name] for score in scores])
            methods[name] = _errors(waited, points, points, points)
        methods["ours"] |= {
            "coverage": float(np.mean((low <= waited) & (waited <= high))),
            "width": float(np.mean(high - low)),
            "early_5": float(np.mean(waited < low - 5)),
        }
        return {"scored": len(scores), "median_wait": float(np.median(waited)), "methods": methods}

    def text(self) -> str:
        """Return the table as lines."""
        lines = ["", self.title]
        for name, group in self.data()["groups"].items():
            lines.append(f"  {name}: {group['scored']:,} predictions")
            for method, figures in group["methods"].items():
                told = f"    {method:30}mean absolute error {figures['mae']:6.2f}   "
                told += f"pinball loss {figures['pinball']:6.2f}"
                if "coverage" in figures:
                    told += (
                        f"   coverage {figures['coverage']:.3f}   width {figures['width']:.1f}"
                        f"   called over 5 min before low {figures['early_5']:.3f}"
                    )
                lines.append(told)
        return "\n".join(lines)


def _errors(waited: FloatArray, *quantiles: FloatArray) -> dict[str, float]:
    losses = [
        np.mean(np.maximum(level * (waited - told), (level - 1) * (waited - told)))
        for level, told in zip(LEVELS, quantiles, strict=True)
    ]
    return {
        "mae": float(np.mean(np.abs(waited - quantiles[1]))),
        "pinball": float(np.mean(losses)),
    }


def warsaw(
    place: Path = LOGS,
    *,
    train_until: str | None = None,
    since: str | None = None,
    until: str | None = None,
    freeze: bool = False,
) -> list[Accuracy]:
    """
    Return the accuracy per person and per snapshot.

    Without dates, the last three days of the log are scored and all before are the training.

    :raises MissingLog: no usable log, or no days before those to score
    """
    queues = read(place)
    days = sorted({day for found in queues.values() for day in found})
    until = until or days[-1]
    if since is None:
        later = [day for day in days if (train_until or "") < day <= until]
        since = next(iter(later if train_until else later[-SCORED_DAYS:]), until)
    before = [day for day in days if day < since]
    period = Period(train_until or (before[-1] if before else ""), since, until, freeze)
    if not before or not period.train_until < since <= until:
        raise MissingLog(f"no training before {since}: the log has {days[0]} to {days[-1]}")
    scores = replay(queues, period)
    if not scores:
        raise MissingLog(f"nobody to score from {since} to {until}")
    held = "nothing learned after it" if freeze else "learning goes on"
    dates = f"trained until {period.train_until}, scored {since} to {until}, {held}"
    return [
        Accuracy(f"Each person once, as on joining ({dates}), minutes", per_person(scores)),
        Accuracy(
            f"At every snapshot, whoever is last ({dates}), minutes", scores, "accuracy_snapshots"
        ),
    ]


def accuracies(_rounds: int) -> list[Accuracy]:
    """Score the last days of the log, nothing where there is none."""
    say("scoring waits")
    try:
        return warsaw()
    except MissingLog as problem:
        say(f"{problem}; WARSAW_LOGS tells where they are")
        return []


def main() -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.waits_warsaw", description=__doc__)
    parser.add_argument(
        "log",
        nargs="?",
        type=Path,
        default=LOGS,
        help="CSV file or folder, by default $WARSAW_LOGS",
    )
    parser.add_argument("--train-until", type=_day, help="last day of the training")
    parser.add_argument("--from", type=_day, dest="since", help="first day to score")
    parser.add_argument("--until", type=_day, help="last day to score, and of the log to read")
    parser.add_argument("--freeze", action="store_true", help="learn nothing after the training")
    arguments = parser.parse_args()
    try:
        tables = warsaw(
            arguments.log,
            train_until=arguments.train_until,
            since=arguments.since,
            until=arguments.until,
            freeze=arguments.freeze,
        )
    except MissingLog as problem:
        print(f"Stopped: {problem}", file=sys.stderr)
        return 1
    for table in tables:
        print(table.text())
    print(f"\n{AIMS}")
    return 0


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


if __name__ == "__main__":
    sys.exit(main())

"""A line of people in front of counters, simulated; and a predictor taken through it.

Times are seconds from the start of the simulation.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from smartqueue.waits.estimate import Estimate, shown
from smartqueue.waits.predictor import Predictor
from smartqueue.waits.tests.lines import NOW

SERVICE = "s"
ENDED, LEFT, ROSTER, JOINED = range(4)


@dataclass(slots=True)
class Visit:
    """
    One person; people_ahead is None when a counter was free on joining.

    called_at and ended_at are infinite for who left, left_at for who was called.
    """

    joined_at: float
    handling: float
    patience: float
    no_show: bool = False
    people_ahead: int | None = None
    called_at: float = math.inf
    ended_at: float = math.inf
    left_at: float = math.inf


@dataclass(frozen=True)
class Roster:
    """Counters from each start on, the first start 0."""

    starts: Sequence[float] = (0.0,)
    counters: Sequence[int] = (1,)

    def at(self, moment: float) -> int:
        return self.counters[int(np.searchsorted(self.starts, moment, side="right")) - 1]


@dataclass
class _Line:
    roster: Roster
    waiting: deque[Visit] = field(default_factory=deque)
    present: int = 0
    busy: int = 0
    number: int = 0
    events: list[tuple[float, int, int, Visit | None]] = field(default_factory=list)

    def add(self, moment: float, kind: int, visit: Visit | None = None) -> None:
        if math.isfinite(moment):
            self.number += 1
            heapq.heappush(self.events, (moment, kind, self.number, visit))

    def call(self, now: float) -> None:
        while self.present and self.busy < self.roster.at(now):
            visit = self.waiting.popleft()
            if math.isfinite(visit.left_at):
                continue
            self.present -= 1
            self.busy += 1
            visit.called_at = now
            visit.ended_at = now + visit.handling
            self.add(visit.ended_at, ENDED, visit)


def simulate(visits: Sequence[Visit], roster: Roster) -> None:
    """
    Let people join, be called first come first served, and leave when their patience ends.

    A counter that closes ends its service first; times are filled into the visits.
    """
    line = _Line(roster)
    for visit in visits:
        line.add(visit.joined_at, JOINED, visit)
    for start in roster.starts:
        line.add(start, ROSTER)
    while line.events:
        now, kind, _, visit = heapq.heappop(line.events)
        if kind == ENDED:
            line.busy -= 1
        elif kind == LEFT and visit is not None and math.isinf(visit.called_at):
            visit.left_at = now
            line.present -= 1
        elif kind == JOINED and visit is not None:
            if line.present or line.busy >= roster.at(now):
                visit.people_ahead = line.present
                line.add(now + visit.patience, LEFT, visit)
            line.waiting.append(visit)
            line.present += 1
        line.call(now)


def visits(
    random: np.random.Generator,
    gaps: np.ndarray,
    handling: float,
    *,
    patience: float = math.inf,
    no_show: float = 0.0,
    no_show_time: float = 0.0,
) -> list[Visit]:
    """Return people with exponential handling times and patience; times are means."""
    count = gaps.size
    missed = random.random(count) < no_show
    times = random.exponential(1.0, count) * np.where(missed, no_show_time, handling)
    patiences = (
        random.exponential(1.0, count) * patience if patience < math.inf else gaps + math.inf
    )
    return [
        Visit(float(joined), float(time), float(limit), bool(gone))
        for joined, time, limit, gone in zip(np.cumsum(gaps), times, patiences, missed, strict=True)
    ]


def follow(
    predictor: Predictor, people: Sequence[Visit], estimate: Callable[[Visit], Estimate]
) -> Iterator[tuple[Visit, Estimate]]:
    """
    Take a predictor through simulated visits in order of time; it learns what has happened.

    Yields each visit that had to wait with the estimate made on joining.
    """
    events: list[tuple[float, int, str]] = []
    for number, visit in enumerate(people):
        moments = (
            ("ended", visit.ended_at),
            ("called", visit.called_at),
            ("left", visit.left_at),
            ("joined", visit.joined_at),
        )
        events += [(moment, number, what) for what, moment in moments if math.isfinite(moment)]
    # A call in the instant of joining comes after it.
    events.sort(key=lambda event: (event[0], event[2] != "joined", event[1]))
    told: dict[int, Estimate] = {}
    for moment, number, what in events:
        visit = people[number]
        if what == "joined":
            if visit.people_ahead is not None:
                told[number] = estimate(visit)
                yield visit, told[number]
        elif what == "ended":
            lasted = visit.ended_at - visit.called_at
            predictor.observe_service(SERVICE, lasted, no_show=visit.no_show)
        else:
            kept = shown(told.pop(number), NOW + visit.joined_at) if number in told else None
            predictor.observe_wait(
                NOW + visit.joined_at,
                NOW + moment,
                outcome="called" if what == "called" else "left",
                shown=[] if kept is None else [kept],
            )

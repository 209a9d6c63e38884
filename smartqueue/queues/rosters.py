"""
Counters in the hours to come: what the manager planned, else what is usual at that hour.

Pure functions. Minutes are those of the clock on the branch's wall, from midnight.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, Literal
from zoneinfo import ZoneInfo

from smartqueue.business.hours import moment_of
from smartqueue.waits import Segment

QUARTER: Final = 15
HALF_HOUR: Final = 30
DAY_MINUTES: Final = 24 * 60
HALF_HOURS: Final = DAY_MINUTES // HALF_HOUR
LEAST_USUAL: Final = 0.2
LOOKED_AHEAD_DAYS: Final = 7

Span = Sequence[int]
"""Minute from, minute to, counters."""

Day = int | date
"""A weekday, 0 is Monday; or one date."""

Kind = Literal["roster", "usual"]
Plan = tuple[Kind, tuple[Segment, ...]]
NO_PLAN: Final[Plan] = ("roster", ())


@dataclass(frozen=True, slots=True)
class Planned:
    """
    What is known of a queue's counters by the hour.

    `weekdays` and `dates` are the roster, the latter going first; `usual` are the learned counters
    by weekday and half-hour, empty while there is little history.
    """

    zone: str = "UTC"
    weekdays: Mapping[int, Sequence[Span]] = field(default_factory=dict)
    dates: Mapping[date, Sequence[Span]] = field(default_factory=dict)
    usual: Sequence[Sequence[float]] = ()

    def spans_on(self, day: date) -> Sequence[Span] | None:
        """Return what is planned for a day; None where nobody planned it."""
        return self.dates.get(day, self.weekdays.get(day.weekday()))

    def while_serving(self, now: datetime) -> Plan:
        """
        Return the counters from the next quarter or half-hour on until the day's end.

        Nothing once the plan of the day is over: then the counters that are open say more.
        """
        day = now.astimezone(ZoneInfo(self.zone)).date()
        kind, levels = self._levels(day)
        start = self._next(now, QUARTER if kind == "roster" else HALF_HOUR)
        is_over = epoch(start).astimezone(ZoneInfo(self.zone)).date() != day
        return kind, () if is_over else _from(levels, start)

    def from_opening(self, now: datetime, opens_at: datetime | None, *, by_hand: bool) -> Plan:
        """
        Return the counters from the next opening on; none when no opening is known.

        `opens_at` is when the branch opens next. `by_hand` says that only it opens the queue, so
        that a roster alone promises nothing.
        """
        if by_hand and opens_at is None:
            return NO_PLAN
        start = opens_at.timestamp() if by_hand and opens_at else self._next(now, QUARTER)
        opening_day = opens_at.astimezone(ZoneInfo(self.zone)).date() if opens_at else None
        for day in self._days(epoch(start)):
            if self.spans_on(day) is None:
                if day == opening_day:
                    break
                continue
            kind, levels = self._levels(day)
            segments = _from(levels, start)
            opening = next((n for n, s in enumerate(segments) if s.counters), None)
            if opening is not None:
                return kind, segments[opening:]
        return NO_PLAN if opens_at is None else self._usual_from(opens_at)

    def _usual_from(self, opens_at: datetime) -> Plan:
        at = opens_at.timestamp()
        day = opens_at.astimezone(ZoneInfo(self.zone)).date()
        kind, levels = self._levels(day)
        segments = _from(levels, at) if kind == "usual" else ()
        if not segments or not segments[0].counters:
            return "usual", (Segment(at, 1.0), *segments[1:])
        return kind, segments

    def _days(self, since: datetime) -> Iterator[date]:
        first = since.astimezone(ZoneInfo(self.zone)).date()
        return (first + timedelta(days=n) for n in range(LOOKED_AHEAD_DAYS + 1))

    def _levels(self, day: date) -> tuple[Kind, tuple[tuple[float, float], ...]]:
        """Return from which moments on how many counters are expected that day, in order."""
        spans = self.spans_on(day)
        if spans is not None:
            return "roster", _moments(self.zone, day, tuple(changes_of(spans)))
        if not self.usual:
            return "usual", ()
        return "usual", _moments(self.zone, day, tuple(_usual_changes(self.usual[day.weekday()])))

    def _next(self, now: datetime, step: int) -> float:
        local = now.astimezone(ZoneInfo(self.zone))
        into = timedelta(
            minutes=local.minute % step, seconds=local.second, microseconds=local.microsecond
        )
        return (local - into).timestamp() + step * 60


def changes_of(spans: Sequence[Span]) -> Iterator[tuple[int, float]]:
    """Yield (minute, counters) wherever the planned number changes, from midnight on."""
    yield 0, 0.0
    for span, following in pairwise([*spans, (DAY_MINUTES, DAY_MINUTES, 0)]):
        start, end, counters = span
        yield start, float(counters)
        if end < following[0]:
            yield end, 0.0


def _usual_changes(half_hours: Sequence[float]) -> Iterator[tuple[int, float]]:
    # What is hardly ever staffed at the day's end is no closing time: the last level stays.
    last = max((n for n, level in enumerate(half_hours) if level >= LEAST_USUAL), default=-1)
    for number, level in enumerate(half_hours[: last + 1]):
        yield number * HALF_HOUR, level if level >= LEAST_USUAL else 0.0


@functools.lru_cache(maxsize=512)
def _moments(
    zone: str, day: date, changes: tuple[tuple[int, float], ...]
) -> tuple[tuple[float, float], ...]:
    """Return changes by minute of the day as changes by epoch second, the same levels joined."""
    place = ZoneInfo(zone)
    found: list[tuple[float, float]] = []
    for minute, counters in changes:
        on, left = divmod(minute, DAY_MINUTES)
        wall = time(left // 60, left % 60)
        at = moment_of(day + timedelta(days=on), wall, place, last=False).timestamp()
        if found and found[-1][0] >= at:
            found.pop()
        if not found or found[-1][1] != counters:
            found.append((at, counters))
    return tuple(found)


def _from(levels: Sequence[tuple[float, float]], start: float) -> tuple[Segment, ...]:
    """Return the levels from a moment on; nothing where no counter is expected any more."""
    present = 0.0
    later = []
    for at, counters in levels:
        if at <= start:
            present = counters
        else:
            later.append(Segment(at, counters))
    segments = (Segment(start, present), *later)
    return segments if any(segment.counters for segment in segments) else ()


def merged(
    stays: Iterable[tuple[datetime, datetime]],
) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when until when at least one counter was open."""
    begun: tuple[datetime, datetime] | None = None
    for since, until in sorted(stays):
        if begun is not None and since <= begun[1]:
            begun = begun[0], max(begun[1], until)
            continue
        if begun is not None:
            yield begun
        begun = since, until
    if begun is not None:
        yield begun


def usual_counters(
    stays: Sequence[tuple[datetime, datetime]], zone: str, least_days: int
) -> list[list[float]]:
    """
    Return the mean number of counters by weekday and half-hour from when counters were open.

    A weekday seen on fewer than two days gets the mean of all days with service. Nothing before
    `least_days` days of service.
    """
    place = ZoneInfo(zone)
    days: dict[date, list[float]] = {}
    for since, until in stays:
        at = since
        while at < until:
            local = at.astimezone(place)
            slot = (local.hour * 60 + local.minute) // HALF_HOUR
            into = timedelta(
                minutes=local.minute % HALF_HOUR,
                seconds=local.second,
                microseconds=local.microsecond,
            )
            end = min(until, at - into + timedelta(minutes=HALF_HOUR))
            day = days.setdefault(local.date(), [0.0] * HALF_HOURS)
            # When clocks are set back, one half-hour of the wall's clock lasts a whole one.
            twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
            day[slot] += (end - at) / timedelta(minutes=HALF_HOUR) / (2 if twice else 1)
            at = end
    if len(days) < least_days:
        return []
    by_weekday = [[day for on, day in days.items() if on.weekday() == n] for n in range(7)]
    everything = list(days.values())
    return [_mean(of_day if len(of_day) >= 2 else everything) for of_day in by_weekday]


def _mean(days: Sequence[Sequence[float]]) -> list[float]:
    return [round(sum(slot) / len(days), 2) for slot in zip(*days, strict=True)]


def epoch(at: float) -> datetime:
    """Return a moment of a plan as a time."""
    return datetime.fromtimestamp(at, UTC)


def day_named(text: str) -> Day:
    """
    Return the day that an address names: "0" to "6", or "2026-12-24".

    :raises ValueError: it names none
    """
    if len(text) == 1:
        weekday = int(text)
        if weekday > 6:
            raise ValueError(text)
        return weekday
    return date.fromisoformat(text)


def name_of(day: Day) -> str:
    """Return a day as addresses name it."""
    return day.isoformat() if isinstance(day, date) else str(day)


def clock_text(minute: int) -> str:
    """Return a minute of the day as "08:30", the day's end as "24:00"."""
    return f"{minute // 60:02}:{minute % 60:02}"


def minute_of(text: str) -> int:
    """
    Return the minute of the day that "08:30" is; "24:00" is its end.

    :raises ValueError: it is no time
    """
    hours, minutes = text.split(":")
    value = int(hours) * 60 + int(minutes)
    if not (0 <= value <= DAY_MINUTES and 0 <= int(minutes) < 60):
        raise ValueError(text)
    return value


def usual_spans(half_hours: Sequence[float]) -> list[tuple[int, int, float]]:
    """Return usual counters as ranges (from, to, counters), those below LEAST_USUAL left out."""
    spans: list[tuple[int, int, float]] = []
    for number, level in enumerate(half_hours):
        start, end = number * HALF_HOUR, (number + 1) * HALF_HOUR
        rounded = round(level, 1)
        if level < LEAST_USUAL:
            continue
        if spans and spans[-1][1] == start and spans[-1][2] == rounded:
            spans[-1] = (spans[-1][0], end, rounded)
        else:
            spans.append((start, end, rounded))
    return spans

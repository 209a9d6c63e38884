"""
When appointments of a service are offered at a branch: weekly patterns, dates that differ, holidays.

Pure functions. Patterns speak of the clock on the branch's wall. A start that this clock jumps over
in spring is not offered; one that it shows twice in autumn is offered the first time. An
appointment lasts its minutes whatever the clock does meanwhile, and is offered when it ends, with
the time kept free after it, before the pattern does.

A day's starts are kept as a template that days alike share: 90 days of a thousand calendars are
some dictionary look-ups each and not a million objects.
"""

import functools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from smartqueue.business.hours import DAY, MIDNIGHT, Hours, Schedule, moment_of

END_OF_DAY: Final = 24 * 60
LAST_WEEK: Final = -1


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    Starts of one weekday (0 is Monday) between two wall times, 00:00 as the end being midnight.

    `interval` is an appointment's length in minutes. `weeks` limits it to the first to fifth such
    weekday of a month, -1 being the last; empty is all.
    """

    day_of_week: int
    start: time
    end: time
    interval: int
    capacity: int
    public_capacity: int
    agent: UUID | None = None
    valid_from: date = date.min
    valid_until: date | None = None
    weeks: frozenset[int] = frozenset()

    def covers(self, day: date) -> bool:
        """Whether the pattern holds on a date of its weekday."""
        if day < self.valid_from or (self.valid_until is not None and day > self.valid_until):
            return False
        return not self.weeks or not self.weeks.isdisjoint(weeks_of(day))


def weeks_of(day: date) -> tuple[int, ...]:
    """Return which of its weekday in its month a date is: 1 to 5, and -1 for the last."""
    nth = (day.day - 1) // 7 + 1
    return (nth, LAST_WEEK) if (day + timedelta(days=7)).month != day.month else (nth,)


@dataclass(frozen=True, slots=True)
class Special:
    """
    What one date does to the pattern: "close" and "change" between two times or all day, "open"
    in addition. As in `models.SlotException`.
    """

    kind: str
    start: time | None = None
    end: time | None = None
    interval: int = 0
    capacity: int = 0
    public_capacity: int = 0

    @property
    def minutes(self) -> tuple[int, int]:
        """From and until which minute of the day."""
        if self.start is None or self.end is None:
            return 0, END_OF_DAY
        return _minute(self.start), _end_minute(self.end)


class Start(NamedTuple):
    """A start as seconds after the day's base, with its length in seconds and its places."""

    offset: int
    length: int
    capacity: int
    public_capacity: int
    agent: UUID | None


class Slot(NamedTuple):
    """One start that can be booked, in UTC, half-open, with all its places."""

    starts_at: datetime
    ends_at: datetime
    capacity: int
    public_capacity: int
    agent: UUID | None


class Template:
    """The starts of days that are alike, in order of time."""

    __slots__ = ("_anybodys", "_fitting", "_offsets", "starts")

    def __init__(self, starts: tuple[Start, ...]) -> None:
        self.starts = starts
        self._anybodys = {start.offset: start for start in starts if start.agent is None}
        self._offsets = [start.offset for start in starts]
        self._fitting: dict[tuple[int, bool], int] = {}

    def count(self, people: int, *, is_public: bool) -> int:
        """Count the starts that so many people fit in while nobody is booked."""
        key = (people, is_public)
        if key not in self._fitting:
            self._fitting[key] = sum(
                (s.public_capacity if is_public else s.capacity) >= people for s in self.starts
            )
        return self._fitting[key]

    def at(self, offset: int) -> Start | None:
        """Return the start at an offset that is no agent's, if there is one."""
        return self._anybodys.get(offset)

    def within(self, since: int, until: int) -> tuple[Start, ...]:
        """Return the starts between two offsets, half-open."""
        if not self._offsets or (since <= self._offsets[0] and until > self._offsets[-1]):
            return self.starts
        return self.starts[bisect_left(self._offsets, since) : bisect_left(self._offsets, until)]


NOTHING: Final = Template(())


@dataclass(slots=True)
class Calendar:
    """
    One service at one branch. `schedule` brings the branch's zone, holidays and exceptional hours;
    `before` and `after` are minutes kept free around each appointment.
    """

    schedule: Schedule
    patterns: tuple[Pattern, ...] = ()
    specials: Mapping[date, tuple[Special, ...]] = field(default_factory=dict)
    before: int = 0
    after: int = 0
    _week: list[list[tuple[int, Pattern]]] = field(init=False)
    _templates: dict[int, Template] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._week = [[] for _ in range(7)]
        for index, pattern in enumerate(self.patterns):
            self._week[pattern.day_of_week].append((1 << index, pattern))

    def day(self, day: date) -> tuple[int, Template]:
        """Return the base of a date, in seconds of Unix time, and the starts after it."""
        base, is_plain = _base(self.schedule.zone, day)
        if not is_plain or day in self.specials or day in self.schedule.exceptions:
            return base, self._unlike_others(day, base, is_plain=is_plain)
        week = self._week[day.weekday()]
        if not week or self.schedule.is_holiday(day):
            return base, NOTHING
        mask = 0
        for bit, pattern in week:
            if pattern.covers(day):
                mask |= bit
        template = self._templates.get(mask)
        if template is None:
            windows = tuple(self._window(p) for bit, p in week if bit & mask)
            template = self._templates[mask] = _plain(windows)
        return base, template

    def _window(self, pattern: Pattern) -> "_Window":
        return _Window(
            _minute(pattern.start),
            _end_minute(pattern.end),
            pattern.interval,
            self.before,
            self.after,
            pattern.capacity,
            pattern.public_capacity,
            pattern.agent,
        )

    def _unlike_others(self, day: date, base: int, *, is_plain: bool) -> Template:
        windows = self._usual_windows(day)
        closed: list[tuple[int, int]] = []
        changed: list[Special] = []
        extra: list[_Window] = []
        for special in self.specials.get(day, ()):
            if special.kind == "close":
                closed.append(special.minutes)
            elif special.kind == "change":
                changed.append(special)
            else:
                extra.append(
                    _Window(
                        *special.minutes,
                        special.interval,
                        self.before,
                        self.after,
                        special.capacity,
                        special.public_capacity,
                        None,
                    )
                )
        hours = self.schedule.exceptions.get(day)
        kept = [
            (window, minute, _changed(window, minute, changed))
            for window in windows
            for minute in window.minutes()
            if not _touches(closed, minute, minute + window.interval)
            and (hours is None or _fits(hours, minute, minute + window.interval))
        ]
        kept += [(w, m, (w.capacity, w.public_capacity)) for w in extra for m in w.minutes()]
        zone = self.schedule.zone
        starts = []
        for window, minute, (capacity, public) in kept:
            offset = minute * 60 if is_plain else _offset(zone, day, minute, window, base)
            if offset is not None and capacity > 0:
                starts.append(Start(offset, window.interval * 60, capacity, public, window.agent))
        return Template(_merged(starts))

    def _usual_windows(self, day: date) -> list["_Window"]:
        said = self.schedule.exceptions.get(day)
        if said is None and self.schedule.is_holiday(day):
            return []
        return [self._window(p) for _, p in self._week[day.weekday()] if p.covers(day)]


class _Window(NamedTuple):
    """A pattern's minutes of the day."""

    start: int
    end: int
    interval: int
    before: int
    after: int
    capacity: int
    public_capacity: int
    agent: UUID | None

    def minutes(self) -> Iterator[int]:
        """Yield the minutes of the day at which an appointment starts."""
        step = self.before + self.interval + self.after
        last = self.end - self.interval - self.after
        return iter(range(self.start + self.before, last + 1, step))


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _end_minute(at: time) -> int:
    return END_OF_DAY if at == MIDNIGHT else _minute(at)


def _wall(day: date, minute: int) -> tuple[date, time]:
    if minute >= END_OF_DAY:
        return day + DAY, MIDNIGHT
    return day, time(minute // 60, minute % 60)


@functools.lru_cache(maxsize=8192)
def _base(zone: str, day: date) -> tuple[int, bool]:
    """Return the midnight that a date begins with, and whether its hours run as on other days."""
    place = ZoneInfo(zone)
    midnight = datetime.combine(day, MIDNIGHT, tzinfo=place)
    following = datetime.combine(day + DAY, MIDNIGHT, tzinfo=place)
    base = int(midnight.timestamp())
    lasts = int(following.timestamp()) - base
    return base, lasts == END_OF_DAY * 60 and midnight.utcoffset() == following.utcoffset()


@functools.lru_cache(maxsize=4096)
def _plain(windows: tuple[_Window, ...]) -> Template:
    """Return the starts of a day whose hours run as on other days."""
    return Template(
        _merged(
            Start(m * 60, w.interval * 60, w.capacity, w.public_capacity, w.agent)
            for w in windows
            for m in w.minutes()
        )
    )


def _offset(zone: str, day: date, minute: int, window: _Window, base: int) -> int | None:
    """Return how far after the base the wall clock shows a minute; None where it does not, or when
    the appointment would go on past the end of its pattern."""
    place = ZoneInfo(zone)
    local = datetime.combine(*_wall(day, minute), tzinfo=place)
    moment = local.astimezone(UTC)
    if moment.astimezone(place).replace(tzinfo=None) != local.replace(tzinfo=None):
        return None
    closes = moment_of(*_wall(day, window.end), place, last=window.end != END_OF_DAY)
    if moment + timedelta(minutes=window.interval + window.after) > closes:
        return None
    return int(moment.timestamp()) - base


def _touches(closed: Iterable[tuple[int, int]], since: int, until: int) -> bool:
    return any(since < end and begin < until for begin, end in closed)


def _fits(hours: Iterable[Hours], since: int, until: int) -> bool:
    return any(_minute(opens) <= since and until <= _end_minute(closes) for opens, closes in hours)


def _changed(window: _Window, minute: int, changes: Iterable[Special]) -> tuple[int, int]:
    found = window.capacity, window.public_capacity
    for special in changes:
        begin, end = special.minutes
        if begin <= minute < end:
            found = special.capacity, special.public_capacity
    return found


def _merged(starts: Iterable[Start]) -> tuple[Start, ...]:
    """Put starts in order. Those at one time add up, unless they are one agent's."""
    found: dict[tuple[int, UUID | None], Start] = {}
    for start in starts:
        key = (start.offset, start.agent)
        other = found.get(key)
        if other is None:
            found[key] = start
            continue
        both = (other, start)
        join = sum if start.agent is None else max
        found[key] = Start(
            start.offset,
            min(s.length for s in both),
            join(s.capacity for s in both),
            join(s.public_capacity for s in both),
            start.agent,
        )
    return tuple(sorted(found.values(), key=lambda s: (s.offset, str(s.agent or ""))))


def slot_of(base: int, start: Start) -> Slot:
    """Return a start of a day as moments."""
    begins = datetime.fromtimestamp(base + start.offset, UTC)
    return Slot(
        begins,
        begins + timedelta(seconds=start.length),
        start.capacity,
        start.public_capacity,
        start.agent,
    )


def slots_on(calendar: Calendar, day: date) -> list[Slot]:
    """Return the slots that start on a date of the branch, in order."""
    base, template = calendar.day(day)
    return [slot_of(base, start) for start in template.starts]


def slots_at(calendar: Calendar, starts_at: datetime) -> list[Slot]:
    """Return the slots that start at a moment: one without an agent first, then those of agents."""
    day = starts_at.astimezone(ZoneInfo(calendar.schedule.zone)).date()
    return [slot for slot in slots_on(calendar, day) if slot.starts_at == starts_at]


def days_between(since: date, until: date) -> Iterator[date]:
    """Yield the dates from one to another, both included."""
    for offset in range((until - since).days + 1):
        yield since + offset * DAY

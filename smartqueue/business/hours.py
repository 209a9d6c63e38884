"""
When a branch is open: weekly hours, dates that differ, holidays and an organization's word on them.

Pure functions of a `Schedule`. Hours are what the clock on the branch's wall shows, so an interval
starts at the first moment that clock has reached its opening and ends at the last moment before it
shows its closing; days of 23 and 25 hours come out right.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import holidays

MIDNIGHT: Final = time(0)
DAY: Final = timedelta(days=1)
SEARCHED_DAYS: Final = 400
ALWAYS_OPEN_DAYS: Final = 14

Hours = tuple[time, time]
Interval = tuple[datetime, datetime]


@functools.lru_cache(maxsize=256)
def public_holidays(country: str, year: int) -> Mapping[date, str]:
    """Return the public holidays of a country, movable ones as they are known or estimated."""
    known = holidays.country_holidays(country, years=year)
    return MappingProxyType({day: name for day, name in known.items() if day.year == year})


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    A branch's opening rules. `week` is by weekday, 0 is Monday; closing at 00:00 is the day's end.

    A date in `exceptions` has exactly those hours, none if empty. Else `overrides` says whether it
    is a holiday, and where it says nothing the country's calendar does.
    """

    zone: str
    country: str
    week: Mapping[int, tuple[Hours, ...]] = field(default_factory=dict)
    exceptions: Mapping[date, tuple[Hours, ...]] = field(default_factory=dict)
    overrides: Mapping[date, bool] = field(default_factory=dict)

    def is_holiday(self, day: date) -> bool:
        """Whether a day counts as a holiday for this branch."""
        said = self.overrides.get(day)
        return day in public_holidays(self.country, day.year) if said is None else said

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """Return a day's hours on the branch's wall clock."""
        if day in self.exceptions:
            return self.exceptions[day]
        return () if self.is_holiday(day) else self.week.get(day.weekday(), ())

    def opens_ever(self, since: date) -> bool:
        """Whether any rule can open the branch on or after a date."""
        if any(self.week.values()):
            return True
        return any(hours for day, hours in self.exceptions.items() if day >= since)


def _transition_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """Return the first whole second of the offset that holds at `late`."""
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late


def moment_of(day: date, at: time, zone: ZoneInfo, *, last: bool) -> datetime:
    """
    Return when the wall clock reaches a time of a day, in UTC: the first such moment, or the last
    one where the clock is put back past it. A time that the clock jumps over is reached at the jump.
    """
    local = datetime.combine(day, at, tzinfo=zone)
    first = local.replace(fold=0).astimezone(UTC)
    second = local.replace(fold=1).astimezone(UTC)
    if second < first:
        return _transition_between(second, first, zone)
    return second if last else first


def intervals_of_day(schedule: Schedule, day: date) -> list[Interval]:
    """Return a day's open intervals as moments in UTC, half-open, in order, not yet joined."""
    zone = ZoneInfo(schedule.zone)
    found = []
    for opens, closes in schedule.hours_on(day):
        closing_day = day + DAY if closes == MIDNIGHT else day
        starts = moment_of(day, opens, zone, last=False)
        ends = moment_of(closing_day, closes, zone, last=closes != MIDNIGHT)
        if starts < ends:
            found.append((starts, ends))
    return sorted(found)


def intervals(schedule: Schedule, since: date, days: int) -> Iterator[Interval]:
    """Yield the open intervals of so many days, those that touch joined, as across midnight."""
    current: Interval | None = None
    for offset in range(days):
        for starts, ends in intervals_of_day(schedule, since + offset * DAY):
            if current and starts <= current[1]:
                current = (current[0], max(current[1], ends))
                continue
            if current:
                yield current
            current = (starts, ends)
    if current:
        yield current


def _day_before(schedule: Schedule, at: datetime) -> date:
    return at.astimezone(ZoneInfo(schedule.zone)).date() - DAY


def is_open(schedule: Schedule, at: datetime) -> bool:
    """Whether the branch is open at a moment."""
    around = intervals(schedule, _day_before(schedule, at), 3)
    return any(starts <= at < ends for starts, ends in around)


def next_opening(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first opening later than a moment, in UTC; None if there is none within 400 days."""
    since = _day_before(schedule, after)
    if not schedule.opens_ever(since):
        return None
    for starts, _ in intervals(schedule, since, SEARCHED_DAYS):
        if starts > after:
            return starts
    return None


def closing_time(schedule: Schedule, at: datetime) -> datetime | None:
    """
    Return when a branch that is open at a moment closes, in UTC.

    None when it is closed then, and when it does not close within two weeks.
    """
    since = _day_before(schedule, at)
    horizon = at + ALWAYS_OPEN_DAYS * DAY
    for starts, ends in intervals(schedule, since, ALWAYS_OPEN_DAYS + 3):
        if starts <= at < ends:
            return ends if ends <= horizon else None
    return None


def time_open(schedule: Schedule, since: datetime, until: datetime) -> timedelta | None:
    """Return for how long the branch was open between two moments; None if it never opens."""
    first = _day_before(schedule, since)
    if not schedule.opens_ever(first):
        return None
    found = timedelta()
    for starts, ends in intervals(schedule, first, (until - since).days + 3):
        found += max(min(ends, until) - max(starts, since), timedelta())
    return found


def last_edge(schedule: Schedule, at: datetime) -> tuple[bool, datetime | None]:
    """
    Return whether the branch is open at a moment, and since when; None where nothing has changed
    within two weeks before.
    """
    since = at.astimezone(ZoneInfo(schedule.zone)).date() - ALWAYS_OPEN_DAYS * DAY
    closed_since: datetime | None = None
    for starts, ends in intervals(schedule, since, ALWAYS_OPEN_DAYS + 2):
        if starts > at:
            break
        if at < ends:
            return True, starts
        closed_since = ends
    return False, closed_since


def first_day_in_force(schedule: Schedule, at: datetime) -> date:
    """
    Return the earliest service day that is not over: today, or the day before while the branch has
    been open since then, as on a night shift or where it never closes.
    """
    today = at.astimezone(ZoneInfo(schedule.zone)).date()
    open_now, since = last_edge(schedule, at)
    if not open_now:
        return today
    if since is None:
        return today - DAY
    return max(since.astimezone(ZoneInfo(schedule.zone)).date(), today - DAY)

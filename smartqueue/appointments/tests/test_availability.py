"""
Which starts a calendar offers, against a plain slow reference that lives only here: it walks through
the minutes of the time line and asks the wall clock at each.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.appointments.availability import (
    Calendar,
    Pattern,
    Slot,
    Special,
    days_between,
    slots_at,
    slots_on,
    weeks_of,
)
from smartqueue.business.hours import Schedule

AGENT = UUID(int=7)
MINUTE = timedelta(minutes=1)
NINE, FIVE, MIDNIGHT = time(9), time(17), time(0)
# No country keeps no holidays; a date's own word is said in `overrides`.
COUNTRY = "SN"


def calendar(*patterns: Pattern, zone: str = "Africa/Dakar", **values: Any) -> Calendar:
    known = {"overrides": values.pop("overrides", {}), "exceptions": values.pop("exceptions", {})}
    return Calendar(Schedule(zone, COUNTRY, **known), patterns, **values)


def every_day(start: time, end: time, interval: int = 30, **values: Any) -> tuple[Pattern, ...]:
    return tuple(Pattern(day, start, end, interval, 1, 1, **values) for day in range(7))


def wall(slots: list[Slot], zone: str) -> list[str]:
    return [f"{s.starts_at.astimezone(ZoneInfo(zone)):%H:%M}" for s in slots]


# --- The reference ----------------------------------------------------------------------------


def minutes(at: time | None, fallback: int) -> int:
    return fallback if at is None else at.hour * 60 + at.minute


def ending(at: time | None) -> int:
    return minutes(at, 1440) or 1440


def reference(found: Calendar, day: date) -> list[tuple[Any, ...]]:  # noqa: C901  # plain on purpose
    """Return (start, end, capacity, public capacity, agent) of a date by looking at every minute."""
    zone = ZoneInfo(found.schedule.zone)
    shown: dict[int, datetime] = {}
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    last_before_end: dict[int, datetime] = {}
    for _ in range(60 * 24 * 3):
        local = at.astimezone(zone)
        if local.date() == day:
            shown.setdefault(local.hour * 60 + local.minute, at)
            last_before_end[local.hour * 60 + local.minute] = at
        at += MINUTE

    def moment_over(end: int) -> datetime:
        """Return the last moment before the clock is at or past an end, and a minute."""
        return max(at for minute, at in last_before_end.items() if minute < end) + MINUTE

    specials = found.specials.get(day, ())
    hours = found.schedule.exceptions.get(day)
    is_holiday = hours is None and found.schedule.is_holiday(day)
    rows: list[tuple[int, Any, bool]] = []
    for pattern in found.patterns:
        nth, following = 0, date(day.year, day.month, 1)
        while following <= day:
            nth += following.weekday() == day.weekday()
            following += timedelta(days=1)
        is_last = (day + timedelta(days=7)).month != day.month
        of_month = not pattern.weeks or nth in pattern.weeks or (is_last and -1 in pattern.weeks)
        valid = pattern.valid_from <= day <= (pattern.valid_until or date.max)
        if pattern.day_of_week == day.weekday() and valid and of_month and not is_holiday:
            rows.append((minutes(pattern.start, 0), pattern, False))
    rows += [(minutes(s.start, 0), s, True) for s in specials if s.kind == "open"]
    merged: dict[Any, Any] = {}
    for begins, row, is_extra in rows:
        minute = begins + found.before
        while minute + row.interval + found.after <= ending(row.end):
            ends_minute = minute + row.interval
            is_open = is_extra or not any(
                minutes(s.start, 0) < ends_minute and minute < ending(s.end)
                for s in specials
                if s.kind == "close"
            )
            if not is_extra and hours is not None:
                is_open &= any(
                    minutes(o, 0) <= minute and ends_minute <= ending(c) for o, c in hours
                )
            places = (row.capacity, row.public_capacity)
            for special in specials:
                within = minutes(special.start, 0) <= minute < ending(special.end)
                if special.kind == "change" and not is_extra and within:
                    places = (special.capacity, special.public_capacity)
            start = shown.get(minute)
            if is_open and places[0] and start is not None:
                end = start + row.interval * MINUTE
                if end + found.after * MINUTE <= moment_over(ending(row.end)):
                    agent = getattr(row, "agent", None)
                    merged.setdefault((start, agent), []).append((end, *places))
            minute += found.before + row.interval + found.after
    return sorted(
        (
            (
                start,
                min(end for end, _, _ in found_here),
                (max if agent else sum)(c for _, c, _ in found_here),
                (max if agent else sum)(p for _, _, p in found_here),
                agent,
            )
            for (start, agent), found_here in merged.items()
        ),
        key=lambda slot: (slot[0], str(slot[4] or "")),
    )


# --- Hypothesis -------------------------------------------------------------------------------

ZONES = (
    "Africa/Dakar",
    "Europe/Paris",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Kathmandu",
)
# Around the changes of the clock, month ends and a leap day.
DAYS = st.one_of(
    st.sampled_from(
        [
            date(2026, 3, 8),
            date(2026, 3, 28),
            date(2026, 3, 29),
            date(2026, 10, 25),
            date(2026, 11, 1),
            date(2026, 10, 4),
            date(2026, 4, 5),
            date(2026, 4, 24),
            date(2026, 10, 29),
            date(2026, 10, 30),
            date(2028, 2, 29),
            date(2026, 2, 28),
            date(2026, 12, 31),
        ]
    ),
    st.dates(date(2026, 1, 1), date(2028, 12, 31)),
)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 5, 15, 30, 45]))
PLACES = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda p: (max(p), min(p)))


@st.composite
def spans(draw: Any) -> tuple[time, time]:
    start, end = draw(TIMES), draw(TIMES)
    if end == MIDNIGHT or end > start:
        return start, end
    # Made to fit rather than thrown away: Hypothesis gives up where too little is left.
    return (end, start) if end < start else (start, MIDNIGHT)


@st.composite
def patterns(draw: Any, day: date) -> Pattern:
    start, end = draw(spans())
    capacity, public = draw(PLACES.filter(lambda p: p[0] > 0))
    return Pattern(
        draw(st.sampled_from([day.weekday(), day.weekday(), 0, 6])),
        start,
        end,
        draw(st.sampled_from([5, 10, 25, 30, 45, 60, 90])),
        capacity,
        public,
        draw(st.sampled_from([None, None, AGENT])),
        day + timedelta(days=draw(st.integers(-40, 3))),
        draw(st.one_of(st.none(), st.just(day + timedelta(days=draw(st.integers(3, 40)))))),
        draw(st.frozensets(st.sampled_from([1, 2, 3, 4, 5, -1]), max_size=3)),
    )


@st.composite
def specials(draw: Any) -> Special:
    kind = draw(st.sampled_from(["close", "change", "open"]))
    start, end = draw(spans())
    capacity, public = draw(PLACES)
    if kind == "open":
        return Special(kind, start, end, draw(st.sampled_from([15, 30, 60])), capacity, public)
    if draw(st.booleans()):
        start = end = None
    if kind == "close":
        return Special(kind, start, end)
    return Special(kind, start, end, 0, capacity, public)


@st.composite
def calendars(draw: Any) -> tuple[Calendar, date]:
    day = draw(DAYS)
    known: dict[str, Any] = {}
    if draw(st.booleans()):
        known["overrides"] = {day: draw(st.booleans())}
    if draw(st.integers(0, 4)) == 0:
        known["exceptions"] = {day: tuple(draw(st.lists(spans(), max_size=2)))}
    found = calendar(
        *draw(st.lists(patterns(day), max_size=4)),
        zone=draw(st.sampled_from(ZONES)),
        specials={day: tuple(draw(st.lists(specials(), max_size=3)))},
        before=draw(st.sampled_from([0, 0, 5, 10])),
        after=draw(st.sampled_from([0, 0, 5, 20])),
        **known,
    )
    return found, day


@settings(max_examples=250, deadline=None)
@given(calendars())
def test_a_day_is_what_the_reference_finds(case: tuple[Calendar, date]):
    found, day = case
    assert [tuple(slot) for slot in slots_on(found, day)] == reference(found, day)


@settings(max_examples=30, deadline=None)
@given(calendars())
def test_each_slot_is_found_again_by_its_start(case: tuple[Calendar, date]):
    found, day = case
    for slot in slots_on(found, day):
        assert slot in slots_at(found, slot.starts_at)


# --- Examples ---------------------------------------------------------------------------------


def test_the_usual_day_has_sixteen_half_hours():
    found = slots_on(calendar(*every_day(NINE, FIVE)), date(2026, 11, 23))

    assert wall(found, "Africa/Dakar")[:3] == ["09:00", "09:30", "10:00"]
    assert (len(found), wall(found, "Africa/Dakar")[-1]) == (16, "16:30")


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Paris", date(2026, 3, 29), ["01:00", "01:30", "03:00", "03:30"]),
        ("America/New_York", date(2026, 3, 8), ["01:00", "01:30", "03:00", "03:30"]),
        ("Europe/Paris", date(2026, 3, 30), ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]),
        (
            "Europe/Paris",
            date(2026, 10, 25),
            ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"],
        ),
        ("Asia/Kolkata", date(2026, 3, 29), ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]),
    ],
)
def test_a_start_that_the_clock_jumps_over_is_not_offered(zone, day, expected):
    assert wall(slots_on(calendar(*every_day(time(1), time(4)), zone=zone), day), zone) == expected


def test_no_two_appointments_overlap_when_the_clock_is_put_back():
    found = slots_on(
        calendar(*every_day(MIDNIGHT, MIDNIGHT), zone="Europe/Paris"), date(2026, 10, 25)
    )

    assert len(found) == 48
    assert all(one.ends_at <= two.starts_at for one, two in pairwise(found))
    # Half past two is offered once, the first time; the next start is an hour and a half later.
    assert found[5].starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert found[6].starts_at == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


def test_midnight_belongs_to_the_day_that_it_begins():
    found = calendar(*every_day(time(23), MIDNIGHT), *every_day(MIDNIGHT, time(1)))

    first, second = slots_on(found, date(2026, 2, 28)), slots_on(found, date(2026, 3, 1))
    assert wall(first, "UTC") == ["00:00", "00:30", "23:00", "23:30"]
    assert first[-1].ends_at == second[0].starts_at


def test_half_hour_zones_begin_on_their_own_wall():
    (first, *_) = slots_on(
        calendar(*every_day(NINE, FIVE), zone="Asia/Kolkata"), date(2026, 11, 23)
    )

    assert first.starts_at == datetime(2026, 11, 23, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "weeks"),
    [
        (date(2028, 2, 29), (5, -1)),
        (date(2027, 2, 22), (4, -1)),
        (date(2026, 3, 31), (5, -1)),
        (date(2026, 3, 24), (4,)),
        (date(2026, 12, 1), (1,)),
    ],
)
def test_a_date_knows_which_of_its_weekday_it_is(day, weeks):
    assert weeks_of(day) == weeks


def test_a_pattern_of_the_last_friday_holds_on_that_day_alone():
    pattern = Pattern(4, NINE, time(10), 30, 1, 1, weeks=frozenset({-1}))
    found = calendar(pattern)

    days = [d for d in days_between(date(2028, 2, 1), date(2028, 3, 31)) if slots_on(found, d)]
    assert days == [date(2028, 2, 25), date(2028, 3, 31)]


def test_buffers_stand_around_every_appointment():
    found = slots_on(calendar(*every_day(NINE, time(11)), before=5, after=10), date(2026, 11, 23))

    assert wall(found, "UTC") == ["09:05", "09:50"]


def test_a_date_closes_opens_and_changes_without_touching_the_pattern():
    day = date(2026, 11, 23)
    found = calendar(
        *every_day(NINE, time(12)),
        specials={
            day: (
                Special("close", time(9, 45), time(10, 15)),
                Special("change", time(11), time(12), 0, 4, 2),
                Special("open", time(20), time(21), 60, 3, 1),
            )
        },
    )

    assert [(wall([s], "UTC")[0], s.capacity, s.public_capacity) for s in slots_on(found, day)] == [
        ("09:00", 1, 1),
        ("10:30", 1, 1),
        ("11:00", 4, 2),
        ("11:30", 4, 2),
        ("20:00", 3, 1),
    ]
    assert len(slots_on(found, day + timedelta(days=7))) == 6


def test_a_holiday_is_closed_unless_the_date_is_opened_or_the_organization_works():
    day = date(2026, 4, 4)  # independence day in Senegal, a Saturday
    extra = {day: (Special("open", NINE, time(10), 30, 1, 1),)}

    assert slots_on(calendar(*every_day(NINE, FIVE)), day) == []
    assert len(slots_on(calendar(*every_day(NINE, FIVE), overrides={day: False}), day)) == 16
    assert len(slots_on(calendar(*every_day(NINE, FIVE), specials=extra), day)) == 2


def test_exceptional_hours_of_the_branch_bound_the_pattern():
    day = date(2026, 11, 23)
    found = calendar(*every_day(NINE, FIVE), exceptions={day: ((time(10), time(11)),)})

    assert wall(slots_on(found, day), "UTC") == ["10:00", "10:30"]
    assert slots_on(calendar(*every_day(NINE, FIVE), exceptions={day: ()}), day) == []

"""Opening hours on the branch's wall clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartqueue.business import hours
from smartqueue.business.hours import Schedule

MORNING = (time(8), time(12))
AFTERNOON = (time(14, 30), time(17))
WEEKDAYS = dict.fromkeys(range(5), (MORNING, AFTERNOON))


def dakar(**rules: object) -> Schedule:
    return Schedule(**{"zone": "Africa/Dakar", "country": "SN", "week": WEEKDAYS, **rules})  # type: ignore[arg-type]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "is_open", "next_opening", "closing"),
    [
        ("2026-11-23T07:59:59", False, "2026-11-23T08:00", None),
        ("2026-11-23T08:00:00", True, "2026-11-23T14:30", "2026-11-23T12:00"),
        ("2026-11-23T11:59:59", True, "2026-11-23T14:30", "2026-11-23T12:00"),
        ("2026-11-23T12:00:00", False, "2026-11-23T14:30", None),
        ("2026-11-23T16:00:00", True, "2026-11-24T08:00", "2026-11-23T17:00"),
        ("2026-11-27T17:00:00", False, "2026-11-30T08:00", None),  # Friday evening
        ("2026-12-24T18:00:00", False, "2026-12-28T08:00", None),  # Christmas is a Friday
    ],
)
def test_an_ordinary_week(at: str, is_open: bool, next_opening: str, closing: str | None) -> None:
    schedule, moment = dakar(), utc(at)

    assert hours.is_open(schedule, moment) is is_open
    assert hours.next_opening(schedule, moment) == utc(next_opening)
    assert hours.closing_time(schedule, moment) == (utc(closing) if closing else None)


@pytest.mark.parametrize(
    ("at", "first"),
    [
        ("2026-11-24T02:00", "2026-11-23"),  # the shift of Monday evening
        ("2026-11-24T06:00", "2026-11-24"),  # it has ended
        ("2026-11-24T21:00", "2026-11-24"),
        ("2026-11-25T02:00", "2026-11-25"),  # no shift began on Tuesday
    ],
)
def test_a_day_is_in_force_until_its_night_shift_ends(at: str, first: str) -> None:
    night = dakar(week={0: ((time(20), time(0)),), 1: ((time(0), time(6)),)})
    assert hours.first_day_in_force(night, utc(at)) == date.fromisoformat(first)


def test_where_it_never_closes_the_day_before_is_in_force() -> None:
    always = dakar(week=dict.fromkeys(range(7), ((time(0), time(0)),)), overrides={})
    assert hours.first_day_in_force(always, utc("2026-11-24T00:01")) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        ("2026-11-23T09:00", "2026-11-23T09:30", 30),
        ("2026-11-23T11:00", "2026-11-23T15:00", 90),  # over lunch
        ("2026-11-27T16:00", "2026-11-30T09:00", 120),  # over the weekend
        ("2026-11-28T09:00", "2026-11-29T22:00", 0),
        ("2026-12-24T16:30", "2026-12-28T08:10", 40),  # over Christmas, a Friday
        ("2026-11-23T09:00", "2026-11-23T09:00", 0),
    ],
)
def test_the_time_open_between_two_moments(since: str, until: str, minutes: int) -> None:
    assert hours.time_open(dakar(), utc(since), utc(until)) == timedelta(minutes=minutes)
    assert hours.time_open(dakar(week={}), utc(since), utc(until)) is None


def test_movable_holidays_close_the_branch_unless_the_organization_says_otherwise() -> None:
    tabaski = date(2026, 5, 27)
    assert hours.public_holidays("SN", 2026)[tabaski]
    at = utc("2026-05-27T09:00")

    assert not hours.is_open(dakar(), at)
    assert hours.is_open(dakar(overrides={tabaski: False}), at)
    moved = dakar(overrides={tabaski: False, date(2026, 5, 28): True})
    assert not hours.is_open(moved, utc("2026-05-28T09:00"))
    assert hours.next_opening(moved, utc("2026-05-27T17:00")) == utc("2026-05-29T08:00")


def test_a_branch_follows_the_holidays_of_its_country() -> None:
    bastille = utc("2026-07-14T09:00")

    assert hours.is_open(dakar(), bastille)
    assert not hours.is_open(dakar(zone="Europe/Paris", country="FR"), bastille)


def test_an_exception_counts_before_holidays_and_the_week() -> None:
    christmas, monday, sunday = date(2026, 12, 25), date(2026, 11, 23), date(2026, 11, 29)
    schedule = dakar(exceptions={christmas: (MORNING,), monday: (), sunday: (MORNING, AFTERNOON)})

    assert hours.is_open(schedule, utc("2026-12-25T09:00"))
    assert not hours.is_open(schedule, utc("2026-12-25T15:00"))
    assert not hours.is_open(schedule, utc("2026-11-23T09:00"))
    assert hours.is_open(schedule, utc("2026-11-29T15:00"))


def test_intervals_that_meet_at_midnight_are_one() -> None:
    night = {day: ((time(0), time(6)), (time(20), time(0))) for day in range(7)}
    schedule = dakar(week=night, overrides=dict.fromkeys(_november(), False))

    assert hours.is_open(schedule, utc("2026-11-23T23:59:59"))
    assert hours.is_open(schedule, utc("2026-11-24T00:00"))
    assert hours.closing_time(schedule, utc("2026-11-23T21:00")) == utc("2026-11-24T06:00")
    assert hours.closing_time(schedule, utc("2026-11-24T03:00")) == utc("2026-11-24T06:00")
    assert hours.next_opening(schedule, utc("2026-11-23T21:00")) == utc("2026-11-24T20:00")


def _november() -> list[date]:
    return [date(2026, 11, 1) + timedelta(days=n) for n in range(40)]


def test_day_and_night_never_closes_and_never_opens() -> None:
    schedule = dakar(
        week={day: ((time(0), time(0)),) for day in range(7)},
        overrides={date(2026, 1, 1) + timedelta(days=n): False for n in range(800)},
    )

    assert hours.is_open(schedule, utc("2026-11-23T00:00"))
    assert hours.closing_time(schedule, utc("2026-11-23T00:00")) is None
    assert hours.next_opening(schedule, utc("2026-11-23T00:00")) is None


def test_no_hours_never_open() -> None:
    schedule = dakar(week={})

    assert not hours.is_open(schedule, utc("2026-11-23T09:00"))
    assert hours.next_opening(schedule, utc("2026-11-23T09:00")) is None
    later = dakar(week={}, exceptions={date(2027, 6, 1): (MORNING,)})
    assert hours.next_opening(later, utc("2026-11-23T09:00")) == utc("2027-06-01T08:00")


@pytest.mark.parametrize(
    ("zone", "at", "closes"),
    [
        # Summer time begins on 29 March 2026 in Paris: 08:00 is 06:00 UTC from that day.
        ("Europe/Paris", "2026-03-28T07:30", "2026-03-28T11:00"),
        ("Europe/Paris", "2026-03-29T06:30", "2026-03-29T10:00"),
        # It ends on 25 October.
        ("Europe/Paris", "2026-10-24T06:30", "2026-10-24T10:00"),
        ("Europe/Paris", "2026-10-25T07:30", "2026-10-25T11:00"),
        # New York: 8 March and 1 November.
        ("America/New_York", "2026-03-07T13:30", "2026-03-07T17:00"),
        ("America/New_York", "2026-03-08T12:30", "2026-03-08T16:00"),
        ("America/New_York", "2026-11-01T13:30", "2026-11-01T17:00"),
    ],
)
def test_hours_are_those_of_the_wall_clock_when_it_is_changed(
    zone: str, at: str, closes: str
) -> None:
    every_day = dict.fromkeys(range(7), (MORNING,))
    worked = {date(2026, 11, 1): False}
    schedule = Schedule(zone=zone, country="SN", week=every_day, overrides=worked)

    assert hours.is_open(schedule, utc(at))
    assert hours.closing_time(schedule, utc(at)) == utc(closes)
    assert not hours.is_open(schedule, utc(closes))


def test_the_night_of_the_change_is_an_hour_shorter_or_longer() -> None:
    night = {day: ((time(0), time(6)), (time(22), time(0))) for day in range(7)}
    paris = Schedule(zone="Europe/Paris", country="SN", week=night)

    spring = hours.closing_time(paris, utc("2026-03-28T21:00"))
    autumn = hours.closing_time(paris, utc("2026-10-24T20:00"))

    assert spring == utc("2026-03-29T04:00")
    assert autumn == utc("2026-10-25T05:00")
    assert spring - utc("2026-03-28T21:00") == timedelta(hours=7)
    assert autumn - utc("2026-10-24T20:00") == timedelta(hours=9)


def test_a_time_that_the_clock_jumps_over_is_reached_at_the_jump() -> None:
    paris = ZoneInfo("Europe/Paris")
    jump = utc("2026-03-29T01:00")

    assert hours.moment_of(date(2026, 3, 29), time(2, 30), paris, last=False) == jump
    assert hours.moment_of(date(2026, 3, 29), time(2, 30), paris, last=True) == jump
    gone = Schedule(
        zone="Europe/Paris",
        country="SN",
        exceptions={date(2026, 3, 29): ((time(2, 10), time(2, 50)),)},
    )
    assert hours.next_opening(gone, utc("2026-03-28T12:00")) is None


def test_an_hour_that_comes_twice_opens_with_the_first_and_closes_with_the_second() -> None:
    paris = ZoneInfo("Europe/Paris")

    assert hours.moment_of(date(2026, 10, 25), time(2, 30), paris, last=False) == utc(
        "2026-10-25T00:30"
    )
    assert hours.moment_of(date(2026, 10, 25), time(2, 30), paris, last=True) == utc(
        "2026-10-25T01:30"
    )


@given(
    zone=st.sampled_from(["Africa/Dakar", "Europe/Paris", "America/New_York", "Asia/Kathmandu"]),
    minutes=st.integers(min_value=0, max_value=400 * 24 * 60),
    opens=st.integers(min_value=0, max_value=23),
    length=st.integers(min_value=1, max_value=24),
)
def test_is_open_agrees_with_the_wall_clock(
    zone: str, minutes: int, opens: int, length: int
) -> None:
    closes = min(opens + length, 24)
    week = {day: ((time(opens), time(closes % 24)),) for day in range(7)}
    schedule = Schedule(zone=zone, country="SN", week=week)
    at = utc("2026-01-01T00:00") + timedelta(minutes=minutes)
    wall = at.astimezone(ZoneInfo(zone))
    expected = opens <= wall.hour < closes and not schedule.is_holiday(wall.date())
    twice = wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset()

    assert hours.is_open(schedule, at) is expected or twice
    closing, opening = hours.closing_time(schedule, at), hours.next_opening(schedule, at)
    assert opening is None or (opening > at and hours.is_open(schedule, opening))
    if closing is not None:
        assert closing > at
        assert not hours.is_open(schedule, closing)

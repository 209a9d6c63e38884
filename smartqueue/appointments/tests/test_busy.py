"""When calendars kept elsewhere say busy: as programs write them, and as nobody should."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from smartqueue.appointments import busy
from smartqueue.appointments.busy import Span, Unreadable, read, read_apart

SINCE = datetime(2026, 11, 23, tzinfo=UTC)
DAKAR = Span(SINCE, SINCE + timedelta(days=370), "Africa/Dakar")


def calendar(*lines: str) -> bytes:
    text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN", *lines, "END:VCALENDAR", ""]
    return "\r\n".join(text).encode()


def event(*lines: str, uid: str = "1") -> list[str]:
    return ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def test_an_event_in_utc_is_busy_for_its_time():
    content = calendar(*event("DTSTART:20261124T090000Z", "DTEND:20261124T100000Z"))

    assert read(content, DAKAR) == [(at("2026-11-24 09:00"), at("2026-11-24 10:00"))]
    assert read_apart(content, DAKAR) == read(content, DAKAR)


def test_a_length_is_as_good_as_an_end():
    content = calendar(*event("DTSTART:20261124T090000Z", "DURATION:PT45M"))

    assert read(content, DAKAR) == [(at("2026-11-24 09:00"), at("2026-11-24 09:45"))]


def test_times_without_a_zone_and_whole_days_are_those_of_the_branch():
    floating = calendar(*event("DTSTART:20261124T090000", "DTEND:20261124T100000"))
    whole = calendar(*event("DTSTART;VALUE=DATE:20261124", "DTEND;VALUE=DATE:20261126"))
    paris = Span(DAKAR.since, DAKAR.until, "Europe/Paris")

    assert read(floating, DAKAR) == [(at("2026-11-24 09:00"), at("2026-11-24 10:00"))]
    assert read(floating, paris) == [(at("2026-11-24 08:00"), at("2026-11-24 09:00"))]
    assert read(whole, paris) == [(at("2026-11-23 23:00"), at("2026-11-25 23:00"))]


def test_a_day_on_which_the_clock_changes_has_its_own_length():
    whole = calendar(*event("DTSTART;VALUE=DATE:20270328", "DTEND;VALUE=DATE:20270329"))

    assert read(whole, Span(DAKAR.since, DAKAR.until, "Europe/Paris")) == [
        (at("2027-03-27 23:00"), at("2027-03-28 22:00"))
    ]


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [("Europe/Paris", "08:00", "07:00"), ("America/New_York", "14:00", "13:00")],
)
def test_a_weekly_event_keeps_its_hour_over_the_change_of_the_clock(zone, winter, summer):
    content = calendar(
        *event(
            f"DTSTART;TZID={zone}:20261207T090000",
            f"DTEND;TZID={zone}:20261207T093000",
            "RRULE:FREQ=WEEKLY;UNTIL=20270501T000000Z",
        )
    )

    times = read(content, DAKAR)

    assert times[0][0] == at(f"2026-12-07 {winter}")
    assert times[-1][0] == at(f"2027-04-26 {summer}")
    assert len(times) == 21


def test_a_zone_that_the_calendar_describes_itself_is_read():
    content = calendar(
        "BEGIN:VTIMEZONE",
        "TZID:Bureau",
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0300",
        "TZOFFSETTO:+0300",
        "END:STANDARD",
        "END:VTIMEZONE",
        *event("DTSTART;TZID=Bureau:20261124T090000", "DTEND;TZID=Bureau:20261124T100000"),
    )

    assert read(content, DAKAR) == [(at("2026-11-24 06:00"), at("2026-11-24 07:00"))]


@pytest.mark.parametrize(
    "line",
    [
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",
    ],
)
def test_what_is_cancelled_or_free_counts_for_nothing(line):
    content = calendar(*event("DTSTART:20261124T090000Z", "DTEND:20261124T100000Z", line))

    assert read(content, DAKAR) == []


@pytest.mark.parametrize("line", ["STATUS:TENTATIVE", "X-MICROSOFT-CDO-BUSYSTATUS:OOF"])
def test_what_is_not_certain_is_busy(line):
    content = calendar(*event("DTSTART:20261124T090000Z", "DTEND:20261124T100000Z", line))

    assert len(read(content, DAKAR)) == 1


def test_exceptions_of_a_series_are_followed():
    content = calendar(
        *event(
            "DTSTART:20261124T090000Z",
            "DTEND:20261124T100000Z",
            "RRULE:FREQ=DAILY;COUNT=5",
            "EXDATE:20261125T090000Z",
            "RDATE:20261201T090000Z",
        ),
        *event(
            "RECURRENCE-ID:20261126T090000Z",
            "DTSTART:20261126T150000Z",
            "DTEND:20261126T160000Z",
        ),
        *event(
            "RECURRENCE-ID:20261127T090000Z",
            "DTSTART:20261127T090000Z",
            "DTEND:20261127T100000Z",
            "STATUS:CANCELLED",
        ),
    )

    assert [begins for begins, _ in read(content, DAKAR)] == [
        at("2026-11-24 09:00"),
        at("2026-11-26 15:00"),
        at("2026-11-28 09:00"),
        at("2026-12-01 09:00"),
    ]


def test_an_endless_series_since_long_ends_with_the_span():
    content = calendar(
        *event("DTSTART:19900101T090000Z", "DTEND:19900101T100000Z", "RRULE:FREQ=DAILY")
    )

    times = read_apart(content, DAKAR)

    assert len(times) == 370
    assert times[-1][1] <= DAKAR.until


def test_times_that_touch_or_overlap_are_one_and_those_outside_are_cut():
    content = calendar(
        *event("DTSTART:20261124T090000Z", "DTEND:20261124T100000Z", uid="a"),
        *event("DTSTART:20261124T093000Z", "DTEND:20261124T103000Z", uid="b"),
        *event("DTSTART:20261124T103000Z", "DTEND:20261124T110000Z", uid="c"),
        *event("DTSTART:20261122T200000Z", "DTEND:20261123T020000Z", uid="d"),
        *event("DTSTART:20200101T000000Z", "DTEND:20200102T000000Z", uid="e"),
    )

    assert read(content, DAKAR) == [
        (SINCE, at("2026-11-23 02:00")),
        (at("2026-11-24 09:00"), at("2026-11-24 11:00")),
    ]


def test_free_and_busy_as_servers_publish_it_is_read():
    content = calendar(
        "BEGIN:VFREEBUSY",
        "UID:f",
        "DTSTAMP:20260101T000000Z",
        "FREEBUSY;FBTYPE=BUSY:20261124T090000Z/20261124T100000Z",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261125T090000Z/PT1H",
        "FREEBUSY;FBTYPE=FREE:20261126T090000Z/PT1H",
        "END:VFREEBUSY",
    )

    assert read(content, DAKAR) == [
        (at("2026-11-24 09:00"), at("2026-11-24 10:00")),
        (at("2026-11-25 09:00"), at("2026-11-25 10:00")),
    ]


def test_an_empty_calendar_is_never_busy():
    assert read_apart(calendar(), DAKAR) == []


def test_a_line_that_nobody_understands_costs_its_event_and_no_other():
    content = calendar(
        *event("DTSTART:yesterday", "DTEND:20261124T100000Z", uid="a"),
        *event("DTSTART:20261124T090000Z", "DTEND:20261124T100000Z", uid="b"),
    )

    assert read(content, DAKAR) == [(at("2026-11-24 09:00"), at("2026-11-24 10:00"))]


FULL = "DTSTART:20261124T090000Z", "DTEND:20261124T091000Z"
HOSTILE = {
    "nothing": (b"", "not_a_calendar"),
    "a page to sign in": (b"<!doctype html><title>Sign in</title>", "not_a_calendar"),
    "a start without an end": (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "not_a_calendar"),
    "latin-1": (calendar(*event("SUMMARY:caf\xe9")).decode().encode("latin-1"), "bad_encoding"),
    "utf-16": (calendar().decode().encode("utf-16"), "bad_encoding"),
    "zero bytes": (calendar(*event("SUMMARY:a\0b")), "bad_encoding"),
    "every second": (calendar(*event(*FULL, "RRULE:FREQ=SECONDLY")), "too_complex"),
    "every minute": (calendar(*event(*FULL, "RRULE:FREQ=MINUTELY;COUNT=99999999")), "too_complex"),
    "every hour": (calendar(*event(*FULL, "RRULE:FREQ=HOURLY")), "too_complex"),
    "all minutes of a day": (
        calendar(*event(*FULL, "RRULE:FREQ=DAILY;BYMINUTE=0,5,10,15")),
        "too_complex",
    ),
    "nested": (
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 5000 + b"END:VEVENT\r\n" * 5000,
        "too_complex",
    ),
    "too many events": (
        calendar(*("BEGIN:VEVENT\r\nEND:VEVENT" for _ in range(20_001))),
        "too_many",
    ),
    "too many times": (
        calendar(
            *(
                line
                for n in range(6000)
                for line in event(
                    f"DTSTART:{at('2026-11-24 00:00') + timedelta(minutes=60 * n):%Y%m%dT%H%M%SZ}",
                    "DURATION:PT5M",
                    uid=str(n),
                )
            )
        ),
        "too_many",
    ),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_calendar_ends_in_a_word(name):
    content, code = HOSTILE[name]

    with pytest.raises(Unreadable) as caught:
        read_apart(content, DAKAR)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "lines",
    [
        ["RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"] * 1,
        ["RRULE:FREQ=YEARLY;BYYEARDAY=" + ",".join(str(n) for n in range(1, 366))],
        ["RRULE:FREQ=DAILY;BYHOUR=" + ",".join(str(n) for n in range(24))],
        ["RDATE:" + ",".join(f"20261124T0900{n:02}Z" for n in range(60)) * 500],
        ["SUMMARY:" + "a" * 4_000_000],
        ["X-A;" + ";".join(f'P{n}="{"x" * 50}"' for n in range(20_000)) + ":1"],
    ],
    ids=["never", "every day of the year", "every hour", "many dates", "a long line", "parameters"],
)
def test_a_costly_calendar_ends_soon_whatever_comes_of_it(monkeypatch, lines):
    monkeypatch.setattr(busy, "READ_SECONDS", 2)
    content = calendar(
        *(line for n in range(30) for line in event(*FULL, lines[0], uid=str(n)))
        if len(lines[0]) < 2000
        else event(*FULL, *lines)
    )
    started = time.monotonic()

    with suppress(Unreadable):
        read_apart(content, DAKAR)

    assert time.monotonic() - started < 20


def test_the_process_that_reads_knows_no_secret(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "a secret")
    told = []
    run = busy.subprocess.run
    monkeypatch.setattr(
        busy.subprocess, "run", lambda *a, **k: told.append(k["env"]) or run(*a, **k)
    )

    read_apart(calendar(), DAKAR)

    assert sorted(told[0]) == ["PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8"]

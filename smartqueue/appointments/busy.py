"""
Calendars kept elsewhere: fetching one, and reading when it says busy.

Strangers write what is read here, so that is done in a process of its own, which knows no secret,
has ten seconds and half a gigabyte, and answers with times or a word. Running this file is that
process; it imports nothing of Django.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

MEGABYTE: Final = 1024 * 1024
MOST_BYTES: Final = 5 * MEGABYTE
FETCH_SECONDS: Final = 20.0
READ_SECONDS: Final = 10
READ_MEMORY: Final = 512 * MEGABYTE
MOST_EVENTS: Final = 10_000
MOST_TIMES: Final = 5_000
DEEPEST: Final = 4
REDIRECTS: Final = 3
AHEAD: Final = timedelta(days=370)
"""How far ahead busy times are kept; beyond a year nobody books."""
ROOT: Final = Path(__file__).resolve().parents[2]

# A day has at most one start of these; what repeats more often is no appointment.
_REPEATED: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_FREE: Final = frozenset({"FREE", "WORKINGELSEWHERE"})

Times = list[tuple[datetime, datetime]]


class Unreadable(Exception):
    """A calendar that gave no times; `code` is one of `enums.BusyFailure`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is asked for, half-open, and the zone of what says none."""

    since: datetime
    until: datetime
    zone: str


# --- The side that knows secrets ----------------------------------------------------------------


def read_apart(content: bytes, span: Span) -> Times:
    """
    Return when a calendar says busy within a span, in order and without overlaps, read by a process
    of its own.

    :raises Unreadable: it is no calendar, or one that nobody should read
    """
    asked = [span.since.isoformat(), span.until.isoformat(), span.zone]
    try:
        done = subprocess.run(  # noqa: S603  # our own file, by our own interpreter
            [sys.executable, "-m", "smartqueue.appointments.busy", *asked],
            input=content,
            capture_output=True,
            timeout=READ_SECONDS * 3,
            cwd=ROOT,
            env={"PATH": os.defpath, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable("too_complex") from error
    # Killed by a limit, or out of memory: what a calendar for people never is.
    if done.returncode != 0:
        raise Unreadable("too_complex")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise Unreadable(answer["error"])
    return [
        (datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC))
        for begins, ends in answer["busy"]
    ]


# --- The side that reads ------------------------------------------------------------------------


def read(content: bytes, span: Span) -> Times:
    """
    Return when a calendar says busy within a span, in order and without overlaps.

    Cancelled events and those marked as free count for nothing. Days without hours and times without
    a zone are those of the span's zone.

    :raises Unreadable: it is no calendar, or one that nobody should read
    """
    text = _text(content)
    _check_shape(text)
    calendar = _parsed(text)
    found = [*_of_events(calendar, span), *_of_free_busy(calendar, span)]
    times = _merged(
        (max(begins, span.since), min(ends, span.until))
        for begins, ends in found
        if begins < span.until and ends > span.since and ends > begins
    )
    if len(times) > MOST_TIMES:
        raise Unreadable("too_many")
    return times


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("bad_encoding") from error
    if "\0" in text:
        raise Unreadable("bad_encoding")
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise Unreadable("not_a_calendar")
    return text


def _check_shape(text: str) -> None:
    """Refuse by its lines what costs too much to be parsed."""
    depth = count = 0
    for line in text.splitlines():
        start = line[:6].upper()
        if start == "BEGIN:":
            depth, count = depth + 1, count + 1
        elif start[:4] == "END:":
            depth -= 1
        if depth > DEEPEST:
            raise Unreadable("too_complex")
    if count > MOST_EVENTS * 2:
        raise Unreadable("too_many")
    if depth != 0:
        raise Unreadable("not_a_calendar")


def _parsed(text: str) -> Any:
    from icalendar import Calendar  # noqa: PLC0415  # for the process that reads, and no other

    try:
        calendar = Calendar.from_ical(text)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable("not_a_calendar") from error
    if len(calendar.walk("VEVENT")) > MOST_EVENTS:
        raise Unreadable("too_many")
    return calendar


def _of_events(calendar: Any, span: Span) -> Iterator[tuple[datetime, datetime]]:
    import recurring_ical_events  # noqa: PLC0415  # as above

    for event in calendar.walk("VEVENT"):
        _check_rules(event)
    day = timedelta(days=1)
    try:
        found = recurring_ical_events.of(calendar, skip_bad_series=True).between(
            span.since - day, span.until + day
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Unreadable("not_a_calendar") from error
    zone = ZoneInfo(span.zone)
    for event in found:
        if _is_busy(event):
            begins, ends = event.start, event.end
            yield _moment(begins, zone), _moment(ends, zone)


def _check_rules(event: Any) -> None:
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        freq = {str(one).upper() for one in rule.get("FREQ", [])}
        if not freq <= _REPEATED or any(rule.get(part) for part in ("BYMINUTE", "BYSECOND")):
            raise Unreadable("too_complex")


def _is_busy(event: Any) -> bool:
    return (
        str(event.get("STATUS", "")).upper() != "CANCELLED"
        and str(event.get("TRANSP", "")).upper() != "TRANSPARENT"
        and str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() not in _FREE
    )


def _of_free_busy(calendar: Any, span: Span) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(span.zone)
    for part in calendar.walk("VFREEBUSY"):
        lines = part.get("FREEBUSY", [])
        for line in lines if isinstance(lines, list) else [lines]:
            if str(line.params.get("FBTYPE", "BUSY")).upper() == "FREE":
                continue
            begins, ends = line.dt
            if isinstance(ends, timedelta):
                ends = begins + ends
            yield _moment(begins, zone), _moment(ends, zone)


def _moment(at: date, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time.min)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _merged(times: Iterable[tuple[datetime, datetime]]) -> Times:
    found: Times = []
    for begins, ends in sorted(times):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], ends)
        else:
            found.append((begins, ends))
    return found


def main(since: str, until: str, zone: str) -> None:
    """Read a calendar from standard input and write the times, or the word for why there are none."""
    resource.setrlimit(resource.RLIMIT_CPU, (READ_SECONDS, READ_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (READ_MEMORY, READ_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    span = Span(datetime.fromisoformat(since), datetime.fromisoformat(until), zone)
    try:
        times = read(sys.stdin.buffer.read(), span)
        answer: dict[str, Any] = {"busy": [(a.timestamp(), b.timestamp()) for a, b in times]}
    except Unreadable as error:
        answer = {"error": error.code}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""
iCalendar documents (RFC 5545, 5546, 7986) of appointments, for the calendar programs of people.

Pure functions. The library folds lines and escapes texts; what it would let through, and the zones,
are this module's: its own VTIMEZONE begins summer an hour late, and takes Dakar for UTC.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from icalendar import (
    Alarm,
    Calendar,
    Component,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vCalAddress,
    vDatetime,
    vDuration,
    vUri,
)

PRODUCT: Final = "-//SmartQueue//Appointments//EN"
CONTENT_TYPE: Final = "text/calendar; charset=utf-8"
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029]")


class Method(StrEnum):
    """What a document is for: to be looked at, to be kept, to be taken back."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class Status(StrEnum):
    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody named in an event; `address` is an e-mail address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One event. `zone` is the one that its times are written in, `alarms` are minutes before it.

    `changed_at` is when it last became what it is: programs take the highest `sequence`, then the
    latest change.
    """

    uid: str
    sequence: int
    status: Status
    starts_at: datetime
    ends_at: datetime
    zone: str
    created_at: datetime
    changed_at: datetime
    summary: str
    organizer: Party
    description: str = ""
    location: str = ""
    latitude: float | None = None
    longitude: float | None = None
    link: str = ""
    attendee: Party | None = None
    alarms: tuple[int, ...] = ()
    language: str = ""


def document(
    entries: Iterable[Entry],
    *,
    method: Method = Method.PUBLISH,
    name: str = "",
    refresh: timedelta | None = None,
) -> bytes:
    """
    Return a document with these events and the zones they need.

    `name` and `refresh` are for feeds: how the calendar is called, and how often to ask for it. The
    same events give the same bytes.
    """
    found = list(entries)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    if name:
        calendar.add("name", clean(name))
        calendar.add("x-wr-calname", clean(name))
    if refresh is not None:
        calendar.add("refresh-interval", vDuration(refresh), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", vDuration(refresh))
    for zone in sorted({entry.zone for entry in found}):
        times = [e.starts_at for e in found if e.zone == zone]
        calendar.add_component(_zone(zone, min(times).year - 1, max(times).year + 1))
    for entry in found:
        calendar.add_component(_event(entry, method))
    content: bytes = calendar.to_ical()
    return content


def clean(text: str) -> str:
    """Return a text without what no calendar may hold: control characters other than line ends."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _line(text: str) -> str:
    """Return a text of one line."""
    return " ".join(clean(text).replace('"', "'").split())


def _event(entry: Entry, method: Method) -> Event:
    event = Event()
    told = {"LANGUAGE": entry.language} if entry.language else {}
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("created", entry.created_at.astimezone(UTC))
    event.add("last-modified", entry.changed_at.astimezone(UTC))
    _add_time(event, "dtstart", entry.starts_at, entry.zone)
    _add_time(event, "dtend", entry.ends_at, entry.zone)
    event.add("status", entry.status.value)
    is_kept = entry.status is not Status.CANCELLED
    event.add("transp", "OPAQUE" if is_kept else "TRANSPARENT")
    event.add("summary", _line(entry.summary), parameters=told)
    if entry.description:
        event.add("description", clean(entry.description), parameters=told)
    if entry.location:
        event.add("location", _line(entry.location), parameters=told)
    if entry.latitude is not None and entry.longitude is not None:
        event.add("geo", (round(entry.latitude, 6), round(entry.longitude, 6)))
    if entry.link:
        event.add("url", vUri(entry.link))
    event.add("organizer", _address(entry.organizer))
    # A published event names nobody who is invited (RFC 5546, 3.2.1).
    if entry.attendee is not None and method is not Method.PUBLISH:
        event.add("attendee", _guest(entry.attendee))
    if is_kept:
        for minutes in entry.alarms:
            event.add_component(_alarm(minutes, entry))
    return event


def _add_time(event: Event, name: str, at: datetime, zone: str) -> None:
    local = at.astimezone(ZoneInfo(zone))
    # What the clock shows a second time cannot be written in its zone.
    if local.fold:
        event.add(name, at.astimezone(UTC))
    else:
        event.add(name, vDatetime(local.replace(tzinfo=None)), parameters={"TZID": zone})


def _address(party: Party) -> vCalAddress:
    address = vCalAddress(f"mailto:{_line(party.address).replace(' ', '')}")
    address.params["CN"] = _line(party.name)
    return address


def _guest(party: Party) -> vCalAddress:
    address = _address(party)
    address.params["ROLE"] = "REQ-PARTICIPANT"
    # Who booked comes; answers would reach nobody.
    address.params["PARTSTAT"] = "ACCEPTED"
    address.params["RSVP"] = "FALSE"
    return address


def _alarm(minutes: int, entry: Entry) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _line(entry.summary))
    alarm.add("trigger", -timedelta(minutes=minutes))
    return alarm


# --- Zones --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Onset:
    """A moment from which a zone's clock runs otherwise, as the clock before it shows it."""

    local: datetime
    before: timedelta
    after: timedelta
    name: str
    is_summer: bool


def _zone(zone: str, first: int, last: int) -> Component:
    described = Timezone()
    described.add("tzid", zone)
    for part in _parts(zone, first, last):
        described.add_component(part)
    return described


def _parts(zone: str, first: int, last: int) -> list[Component]:
    """Return the observances of a zone between two years: yearly rules where it has such."""
    start = datetime(first, 1, 1, tzinfo=ZoneInfo(zone))
    offset = start.utcoffset() or timedelta(0)
    opening = _Onset(start.replace(tzinfo=None), offset, offset, start.tzname() or zone, False)
    onsets = _onsets(zone, first, last)
    if not onsets:
        return [_part(opening)]
    yearly = [onset for onset in onsets if onset.local.year == first]
    rules = [_rule(onset, onsets) for onset in yearly]
    by_year = {onset.local.year for onset in onsets}
    if len(by_year) == last - first + 1 and all(rules) and len(onsets) == len(by_year) * len(rules):
        return [_part(onset, rule) for onset, rule in zip(yearly, rules, strict=True)]
    return [_part(opening), *(_part(onset) for onset in onsets)]


@functools.lru_cache(maxsize=256)
def _onsets(zone: str, first: int, last: int) -> tuple[_Onset, ...]:
    place = ZoneInfo(zone)
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    found = []
    while at < end:
        following = at + timedelta(days=1)
        if _offset(place, at) != _offset(place, following):
            moment = _change(place, at, following)
            before, local = _offset(place, at), moment.astimezone(place)
            found.append(
                _Onset(
                    (moment + before).replace(tzinfo=None),
                    before,
                    _offset(place, moment),
                    local.tzname() or zone,
                    _offset(place, moment) > before,
                )
            )
        at = following
    return tuple(found)


def _offset(place: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(place).utcoffset() or timedelta(0)


def _change(place: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the minute at which the offset changes between two moments."""
    before = _offset(place, low)
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=int((high - low).total_seconds() // 120))
        low, high = (middle, high) if _offset(place, middle) == before else (low, middle)
    return high


def _rule(onset: _Onset, onsets: Iterable[_Onset]) -> dict[str, Any] | None:
    """Return the yearly rule that an onset and those like it in other years follow, if one does."""
    alike = [o.local for o in onsets if o.is_summer == onset.is_summer]
    months, days = {o.month for o in alike}, {o.weekday() for o in alike}
    if len(months) != 1 or len(days) != 1 or len({o.time() for o in alike}) != 1:
        return None
    weeks = {(o.day - 1) // 7 + 1 for o in alike}
    if all(_is_last(o.date()) for o in alike):
        week = -1
    elif len(weeks) == 1:
        week = weeks.pop()
    else:
        return None
    byday = f"{week}{_WEEKDAYS[onset.local.weekday()]}"
    return {"FREQ": "YEARLY", "BYMONTH": onset.local.month, "BYDAY": byday}


def _is_last(day: date) -> bool:
    return (day + timedelta(days=7)).month != day.month


def _part(onset: _Onset, rule: dict[str, Any] | None = None) -> Component:
    part: Component = TimezoneDaylight() if onset.is_summer else TimezoneStandard()
    part.add("dtstart", onset.local)
    part.add("tzoffsetfrom", onset.before)
    part.add("tzoffsetto", onset.after)
    part.add("tzname", onset.name)
    if rule:
        part.add("rrule", rule)
    return part

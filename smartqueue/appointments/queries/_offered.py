"""What is offered: the calendars of services at branches, made of few rows however many there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from smartqueue.appointments.availability import Calendar, Pattern, Special
from smartqueue.appointments.models import AppointmentSlot, BookingRules
from smartqueue.business import queries as business
from smartqueue.business.hours import Schedule
from smartqueue.business.models import Branch, Service
from smartqueue.common import clock
from smartqueue.common.db import fetch_all

Key = tuple[UUID, UUID]
"""A service and a branch."""

# The weekly patterns, then what dates change of them. Zones are up to a day apart.
_OFFERED = """
    SELECT service_id, branch_id, day_of_week, start_time, end_time, interval_minutes, capacity,
           public_capacity, agent_id, valid_from, valid_until, weeks_of_month,
           NULL::date AS date, NULL AS kind, id
    FROM appointments_appointmentslot
    WHERE service_id = ANY(%(services)s) AND branch_id = ANY(%(branches)s)
      AND retired_at IS NULL AND valid_from <= %(until)s
      AND (valid_until IS NULL OR valid_until >= %(since)s)
    UNION ALL
    SELECT service_id, branch_id, NULL, start_time, end_time, interval_minutes, capacity,
           public_capacity, NULL, NULL, NULL, NULL, date, kind, id
    FROM appointments_slotexception
    WHERE branch_id = ANY(%(branches)s) AND date BETWEEN %(since)s AND %(until)s
    ORDER BY date, day_of_week, start_time, id
"""
Dated = tuple[UUID | None, UUID, date, Special]
"""What a date changes, of a service or of all, at a branch."""


@dataclass(slots=True)
class Bookable:
    """One service at one branch: when it is offered, by which rules. Alike calendars are one object."""

    service: Service
    branch: Branch
    rules: BookingRules
    calendar: Calendar
    key: Key = field(init=False)
    """What it is known by among others."""

    def __post_init__(self) -> None:
        self.key = (self.service.pk, self.branch.pk)

    def last_day(self, now: datetime) -> date:
        """Return the last date that people may book today."""
        today = clock.service_date(now, self.branch.timezone)
        return today + timedelta(days=self.rules.window_days)


def bookables(
    services: Iterable[Service],
    branches: Iterable[Branch],
    since: date,
    until: date,
    *,
    rules: Mapping[UUID, BookingRules] | None = None,
    schedules: Mapping[UUID, Schedule] | None = None,
) -> list[Bookable]:
    """
    Return every pair of service and branch that has a pattern or an opened date between two dates,
    in three queries whatever their number; less those for what the caller has read already, the
    services' rules and the branches' opening rules.
    """
    by_service = {service.pk: service for service in services}
    by_branch = {branch.pk: branch for branch in branches}
    if rules is None:
        rules = rules_by_service(by_service.values())
    patterns, specials = _offered(by_service, by_branch, since, until)
    opened = {(s, b) for s, b, _, special in specials if s and special.kind == "open"}
    keys = sorted(set(patterns) | {k for k in opened if k[0] in by_service})
    keys = [key for key in keys if rules[key[0]].is_bookable]
    if schedules is None:
        at = {by_branch[b].pk: by_branch[b] for _, b in keys}
        schedules = business.schedules_of(at.values())
    by_key: defaultdict[Key, defaultdict[date, list[Special]]] = defaultdict(
        lambda: defaultdict(list)
    )
    of_branch: defaultdict[UUID, list[Key]] = defaultdict(list)
    for key in keys:
        of_branch[key[1]].append(key)
    for service_id, branch_id, day, special in specials:
        for key in of_branch[branch_id] if service_id is None else [(service_id, branch_id)]:
            by_key[key][day].append(special)
    calendars = _Calendars(schedules)
    return [
        Bookable(
            by_service[key[0]],
            by_branch[key[1]],
            rules[key[0]],
            calendars.get(key[1], patterns.get(key, ()), by_key.get(key), rules[key[0]]),
        )
        for key in keys
    ]


class _Calendars:
    """Makes calendars, one for all that are alike, whose days then are looked at once."""

    def __init__(self, schedules: Mapping[UUID, Schedule]) -> None:
        self._schedules = schedules
        self._words = {branch: _words_of(schedule) for branch, schedule in schedules.items()}
        self._made: dict[Any, Calendar] = {}

    def get(
        self,
        branch_id: UUID,
        patterns: Iterable[Pattern],
        specials: Mapping[date, list[Special]] | None,
        rules: BookingRules,
    ) -> Calendar:
        """Return the calendar of a service at a branch."""
        found = tuple(patterns)
        dated = {day: tuple(rows) for day, rows in (specials or {}).items()}
        before, after = rules.buffer_before_minutes, rules.buffer_after_minutes
        # The patterns that are equal are the same, which spares comparing them.
        key = (self._words[branch_id], tuple(map(id, found)), tuple(dated.items()), before, after)
        calendar = self._made.get(key)
        if calendar is None:
            calendar = Calendar(self._schedules[branch_id], found, dated, before, after)
            self._made[key] = calendar
        return calendar


def _words_of(schedule: Schedule) -> tuple[Any, ...]:
    """Return what tells opening rules from others."""
    parts = (schedule.week, schedule.exceptions, schedule.overrides)
    return (schedule.zone, schedule.country, *(tuple(sorted(part.items())) for part in parts))


def rules_by_service(services: Iterable[Service]) -> dict[UUID, BookingRules]:
    """Return the rules of services; the defaults where nobody has set any."""
    known = {s.pk: BookingRules(organization_id=s.organization_id, service=s) for s in services}
    rows = BookingRules.objects.with_scopes_disabled().filter(service__in=list(known))
    return known | {row.service_id: row for row in rows}


def _offered(
    services: Collection[UUID], branches: Collection[UUID], since: date, until: date
) -> tuple[dict[Key, list[Pattern]], list[Dated]]:
    asked = {
        "services": list(services),
        "branches": list(branches),
        "since": since - timedelta(days=1),
        "until": until + timedelta(days=1),
    }
    found: defaultdict[Key, list[Pattern]] = defaultdict(list)
    known: dict[tuple[Any, ...], Pattern] = {}
    specials: list[Dated] = []
    for service, branch, *values, weeks, day, kind, _ in fetch_all(_OFFERED, asked, planned=True):
        if day is not None:
            starts, ends, *numbers = values[1:6]
            special = Special(kind, starts, ends, *(number or 0 for number in numbers))
            specials.append((service, branch, day, special))
            continue
        row = (*values, *weeks)
        pattern = known.get(row)
        if pattern is None:
            pattern = known[row] = Pattern(*(*values, frozenset(weeks)))
        found[service, branch].append(pattern)
    return dict(found), specials


def pattern_of(slot: AppointmentSlot) -> Pattern:
    """Return what a weekly slot says to a calendar."""
    return Pattern(
        slot.day_of_week,
        slot.start_time,
        slot.end_time,
        slot.interval_minutes,
        slot.capacity,
        slot.public_capacity,
        slot.agent_id,
        slot.valid_from,
        slot.valid_until,
        frozenset(slot.weeks_of_month),
    )


def get_bookable(
    service: Service,
    branch: Branch,
    since: date,
    until: date,
    *,
    rules: BookingRules | None = None,
    schedule: Schedule | None = None,
) -> Bookable | None:
    """
    Return one service at one branch; None where nothing is ever offered. `rules` and `schedule`
    spare reading what the caller has.
    """
    found = bookables(
        [service],
        [branch],
        since,
        until,
        rules={service.pk: rules} if rules else None,
        schedules={branch.pk: schedule} if schedule else None,
    )
    return found[0] if found else None

"""Reads: what can be booked, and what was."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, overload
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point
from django.db.models import Max, Q, QuerySet, prefetch_related_objects
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.appointments.availability import (
    Calendar,
    Pattern,
    Slot,
    Special,
    Start,
    Template,
    days_between,
    slot_of,
)
from smartqueue.appointments.enums import AppointmentState, ExceptionKind, WaitlistState
from smartqueue.appointments.models import (
    AgentAbsence,
    Appointment,
    AppointmentSlot,
    AppointmentStep,
    BookingRules,
    BusyCalendar,
    CalendarFeed,
    SlotException,
    WaitlistEntry,
)
from smartqueue.business import queries as business
from smartqueue.business.models import Branch, Service
from smartqueue.common import clock, tenancy
from smartqueue.common.db import fetch_all
from smartqueue.common.errors import InvalidInput, NotFound

LONGEST_DAYS: Final = 92
NEXT_FREE: Final = 3
SEARCHED_DAYS: Final = 30

Key = tuple[UUID, UUID]
"""A service and a branch."""

# Holds that are over are counted still, and free: whoever books gives them back on the way.
_TAKEN = """
    SELECT places.service_id, places.branch_id, places.agent_id,
           extract(epoch FROM places.starts_at)::bigint, extract(epoch FROM places.ends_at)::bigint,
           extract(epoch FROM places.busy_from)::bigint,
           extract(epoch FROM places.busy_until)::bigint,
           places.taken - coalesce(due.people, 0), places.public_taken - coalesce(due.public, 0),
           CASE WHEN places.cooling_until > %(now)s THEN places.cooling ELSE 0 END
    FROM appointments_slotplaces AS places
    LEFT JOIN (
        SELECT places_id, sum(counted) AS people, sum(counted) FILTER (WHERE is_public) AS public
        FROM appointments_appointment
        WHERE free_at <= %(now)s AND counted > 0
        GROUP BY places_id
    ) AS due ON due.places_id = places.id
    WHERE (places.taken > 0 OR places.cooling > 0) AND places.starts_at < %(until)s AND (
        (places.service_id = ANY(%(services)s) AND places.branch_id = ANY(%(branches)s)
         AND places.starts_at >= %(since)s)
        OR (places.agent_id = ANY(%(agents)s) AND places.busy_until > %(since)s))
"""
_ABSENT = """
    SELECT agent_id, extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint
    FROM appointments_agentabsence
    WHERE agent_id = ANY(%(agents)s) AND ends_at > %(since)s AND starts_at < %(until)s
    UNION ALL
    SELECT agent_id, extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint
    FROM appointments_busytime
    WHERE agent_id = ANY(%(agents)s) AND ends_at > %(since)s AND starts_at < %(until)s
"""
_CLOSED = """
    SELECT branch_id, service_id,
           extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint
    FROM appointments_busytime
    WHERE branch_id = ANY(%(branches)s) AND ends_at > %(since)s AND starts_at < %(until)s
    ORDER BY starts_at
"""
# As with absences, only that it is busy.
_BUSY = """
    SELECT agent_id, branch_id, service_id, starts_at, ends_at
    FROM appointments_busytime
    WHERE (agent_id = ANY(%(agents)s) OR branch_id = ANY(%(branches)s))
      AND ends_at > %(since)s AND starts_at < %(until)s
    ORDER BY starts_at, id
"""


@dataclass(slots=True)
class Bookable:
    """One service at one branch: when it is offered, by which rules."""

    service: Service
    branch: Branch
    rules: BookingRules
    calendar: Calendar

    @property
    def key(self) -> Key:
        """What it is known by among others."""
        return self.service.pk, self.branch.pk

    def last_day(self, now: datetime) -> date:
        """Return the last date that people may book today."""
        today = clock.service_date(now, self.branch.timezone)
        return today + timedelta(days=self.rules.window_days)


@dataclass(slots=True)
class Taken:
    """What is taken of one start."""

    ends: int
    people: int
    public: int
    cooling: int


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A start with the places that are free now, of all and of the public's."""

    bookable: Bookable
    slot: Slot
    free: int

    def view(self) -> dict[str, Any]:
        """Return it as the contract has it."""
        zone = ZoneInfo(self.bookable.branch.timezone)
        return {
            "service": str(self.bookable.service.pk),
            "branch": str(self.bookable.branch.pk),
            "agent": str(self.slot.agent) if self.slot.agent else None,
            "starts_at": self.slot.starts_at.astimezone(zone).isoformat(),
            "ends_at": self.slot.ends_at.astimezone(zone).isoformat(),
            "free": self.free,
        }


def bookables(
    services: Iterable[Service], branches: Iterable[Branch], since: date, until: date
) -> list[Bookable]:
    """
    Return every pair of service and branch that has a pattern or an opened date between two dates,
    in four queries whatever their number.
    """
    by_service = {service.pk: service for service in services}
    by_branch = {branch.pk: branch for branch in branches}
    rules = _rules(by_service.values())
    patterns = _patterns(by_service, by_branch, until)
    specials = _specials(by_branch, since, until)
    opened = {(s, b) for s, b, _, special in specials if s and special.kind == "open"}
    keys = sorted(set(patterns) | {k for k in opened if k[0] in by_service})
    keys = [key for key in keys if rules[key[0]].is_bookable]
    schedules = business.schedules_of({by_branch[b].pk: by_branch[b] for _, b in keys}.values())
    by_key: defaultdict[Key, defaultdict[date, list[Special]]] = defaultdict(
        lambda: defaultdict(list)
    )
    of_branch: defaultdict[UUID, list[Key]] = defaultdict(list)
    for key in keys:
        of_branch[key[1]].append(key)
    for service_id, branch_id, day, special in specials:
        for key in of_branch[branch_id] if service_id is None else [(service_id, branch_id)]:
            by_key[key][day].append(special)
    return [
        Bookable(
            by_service[service_id],
            by_branch[branch_id],
            rules[service_id],
            Calendar(
                schedules[branch_id],
                tuple(patterns.get((service_id, branch_id), ())),
                {day: tuple(rows) for day, rows in by_key[service_id, branch_id].items()},
                rules[service_id].buffer_before_minutes,
                rules[service_id].buffer_after_minutes,
            ),
        )
        for service_id, branch_id in keys
    ]


def _rules(services: Iterable[Service]) -> dict[UUID, BookingRules]:
    known = {s.pk: BookingRules(organization_id=s.organization_id, service=s) for s in services}
    rows = BookingRules.objects.with_scopes_disabled().filter(service__in=list(known))
    return known | {row.service_id: row for row in rows}


def _patterns(
    services: Collection[UUID], branches: Collection[UUID], until: date
) -> dict[Key, list[Pattern]]:
    rows = AppointmentSlot.objects.with_scopes_disabled().filter(
        service__in=list(services),
        branch__in=list(branches),
        retired_at=None,
        valid_from__lte=until,
    )
    found: defaultdict[Key, list[Pattern]] = defaultdict(list)
    for row in rows.order_by("day_of_week", "start_time", "id"):
        found[row.service_id, row.branch_id].append(pattern_of(row))
    return dict(found)


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


def _specials(
    branches: Collection[UUID], since: date, until: date
) -> list[tuple[UUID | None, UUID, date, Special]]:
    # Zones are up to a day apart.
    rows = SlotException.objects.with_scopes_disabled().filter(
        branch__in=list(branches),
        date__gte=since - timedelta(days=1),
        date__lte=until + timedelta(days=1),
    )
    return [
        (
            row.service_id,
            row.branch_id,
            row.date,
            Special(
                row.kind,
                row.start_time,
                row.end_time,
                row.interval_minutes or 0,
                row.capacity or 0,
                row.public_capacity or 0,
            ),
        )
        for row in rows.order_by("date", "start_time", "id")
    ]


def get_bookable(service: Service, branch: Branch, since: date, until: date) -> Bookable | None:
    """Return one service at one branch; None where nothing is ever offered."""
    found = bookables([service], [branch], since, until)
    return found[0] if found else None


@dataclass(slots=True)
class Openings(Sequence[FreeSlot]):
    """
    The free starts of several calendars between two dates, by time: counted without making any, and
    made where they are looked at.

    `is_public` leaves out what only staff may give: their places, times too soon or too far;
    `is_waitlist` brings in what was given up lately.
    """

    found: list[Bookable]
    since: date
    until: date
    now: datetime
    people: int = 1
    is_public: bool = True
    is_waitlist: bool = False
    taken: dict[Key, dict[tuple[int, UUID | None], Taken]] = field(init=False)
    busy: dict[UUID, list[tuple[int, int, int, Key]]] = field(init=False)
    closed: dict[Key, list[tuple[int, int]]] = field(init=False, default_factory=dict)
    _days: list[tuple[date, int]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.taken, self.busy = defaultdict(dict), defaultdict(list)
        agents = {p.agent for b in self.found for p in b.calendar.patterns if p.agent}
        asked: dict[str, Any] = {
            "services": list({b.service.pk for b in self.found}),
            "branches": list({b.branch.pk for b in self.found}),
            "agents": list(agents),
            "since": datetime.combine(self.since, datetime.min.time(), UTC) - timedelta(days=1),
            "until": datetime.combine(self.until, datetime.min.time(), UTC) + timedelta(days=2),
            "now": self.now,
        }
        if not self.found:
            return
        # Whose holds and absences they are is told to nobody; that they take time is public.
        with tenancy.counting("business_branch", asked["branches"]):
            self._read(asked)

    def _read(self, asked: dict[str, Any]) -> None:
        for service, branch, agent, starts, ends, busy, until, people, public, cooling in fetch_all(
            _TAKEN, asked, planned=True
        ):
            if people > 0 or cooling > 0:
                self.taken[service, branch][starts, agent] = Taken(ends, people, public, cooling)
                if agent is not None and people > 0:
                    self.busy[agent].append((busy, until, starts, (service, branch)))
        if asked["agents"]:
            for agent, starts, ends in fetch_all(_ABSENT, asked):
                self.busy[agent].append((starts, ends, -1, (agent, agent)))
        self._close(fetch_all(_CLOSED, asked))

    def _close(self, rows: Iterable[tuple[UUID, UUID | None, int, int]]) -> None:
        """Take in when calendars kept elsewhere close branches, for one service or all."""
        closed: defaultdict[UUID, list[tuple[UUID | None, int, int]]] = defaultdict(list)
        for branch, service, starts, ends in rows:
            closed[branch].append((service, starts, ends))
        for bookable in self.found:
            here = closed.get(bookable.branch.pk, ())
            times = [(a, b) for service, a, b in here if service in {None, bookable.service.pk}]
            if times:
                self.closed[bookable.key] = times

    def __len__(self) -> int:
        return sum(count for _, count in self.days())

    @overload
    def __getitem__(self, index: int) -> FreeSlot: ...
    @overload
    def __getitem__(self, index: slice) -> list[FreeSlot]: ...
    def __getitem__(self, index: int | slice) -> FreeSlot | list[FreeSlot]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        start, stop, _ = index.indices(len(self))
        rows: list[FreeSlot] = []
        passed = 0
        for day, count in self.days():
            if passed + count > start and passed < stop:
                rows += self.of_day(day)[max(start - passed, 0) : stop - passed]
            passed += count
        return rows

    def __iter__(self) -> Iterator[FreeSlot]:
        for day in days_between(self.since, self.until):
            yield from self.of_day(day)

    def days(self) -> list[tuple[date, int]]:
        """Return how many starts are free on each date of the branches."""
        if self._days is None:
            self._days = [
                (day, sum(self._count(bookable, day) for bookable in self.found))
                for day in days_between(self.since, self.until)
            ]
        return self._days

    def forget_days(self) -> None:
        """Count again, when the calendars have been narrowed."""
        self._days = None

    def of_day(self, day: date) -> list[FreeSlot]:
        """Return the free starts of a date, by time."""
        rows = [
            FreeSlot(bookable, slot_of(base, start), free)
            for bookable in self.found
            for base, start, free in self._free(bookable, day)
        ]
        rows.sort(key=lambda row: (row.slot.starts_at, row.bookable.key, str(row.slot.agent)))
        return rows

    def left_at(self, bookable: Bookable, slot: Slot) -> int:
        """Return the places that are left at a start of these dates, whenever it may be booked."""
        day = clock.service_date(slot.starts_at, bookable.branch.timezone)
        base, template = bookable.calendar.day(day)
        taken = self.taken.get(bookable.key, {})
        at = int(slot.starts_at.timestamp())
        for start in template.starts:
            if (base + start.offset, start.agent) == (at, slot.agent):
                strays = self._strays(taken, base, template)
                return self._places(bookable, at, start, taken, strays)
        return 0

    def is_empty_at(self, slot: Slot) -> bool:
        """Whether nobody is booked at a start, of the one calendar there is."""
        taken = self.taken.get(self.found[0].key, {})
        row = taken.get((int(slot.starts_at.timestamp()), slot.agent))
        return row is None or row.people == 0

    def _bounds(self, bookable: Bookable, day: date, base: int) -> tuple[int, int]:
        """Return the offsets between which a start of a date may be booked."""
        if not self.is_public:
            return int(self.now.timestamp()) - base, 10**6
        if day > bookable.last_day(self.now):
            return 0, 0
        soonest = int(self.now.timestamp()) + bookable.rules.lead_minutes * 60
        return soonest - base, 10**6

    def _count(self, bookable: Bookable, day: date) -> int:
        base, template = bookable.calendar.day(day)
        if not template.starts:
            return 0
        since, until = self._bounds(bookable, day, base)
        starts = template.starts
        if since > starts[0].offset or until == 0 or self._is_touched(bookable, base, template):
            return sum(1 for _ in self._free(bookable, day))
        return template.count(self.people, is_public=self.is_public)

    def _is_touched(self, bookable: Bookable, base: int, template: Template) -> bool:
        if bookable.calendar.patterns and any(p.agent for p in bookable.calendar.patterns):
            return True
        if bookable.key in self.closed:
            return True
        taken = self.taken.get(bookable.key)
        if not taken:
            return False
        last = template.starts[-1]
        until = base + last.offset + last.length
        return any(
            base <= starts < until or base < t.ends <= until for (starts, _), t in taken.items()
        )

    def _free(self, bookable: Bookable, day: date) -> Iterator[tuple[int, Start, int]]:
        base, template = bookable.calendar.day(day)
        since, until = self._bounds(bookable, day, base)
        taken = self.taken.get(bookable.key, {})
        strays = self._strays(taken, base, template) if taken else []
        for start in template.within(since, until):
            free = self._places(bookable, base + start.offset, start, taken, strays)
            if free >= self.people:
                yield base, start, free

    def _places(
        self,
        bookable: Bookable,
        at: int,
        start: Start,
        taken: Mapping[tuple[int, UUID | None], Taken],
        strays: Iterable[tuple[int, UUID | None, Taken]],
    ) -> int:
        total, public = start.capacity, start.public_capacity
        here = taken.get((at, start.agent))
        if here is not None:
            total, public = total - here.people, public - here.public
        for begins, agent, other in strays:
            if agent == start.agent and begins < at + start.length and at < other.ends:
                total, public = total - other.people, public - other.public
        if start.agent is not None and self._is_busy(bookable, at, start):
            return 0
        if any(a < at + start.length and at < b for a, b in self.closed.get(bookable.key, ())):
            return 0
        if not self.is_public:
            return total
        return min(total, public) - (
            here.cooling if here is not None and not self.is_waitlist else 0
        )

    def _strays(
        self, taken: Mapping[tuple[int, UUID | None], Taken], base: int, template: Template
    ) -> list[tuple[int, UUID | None, Taken]]:
        """Return what was booked at times that the pattern does not have any more."""
        offered = {(base + start.offset, start.agent) for start in template.starts}
        day = 2 * 86400
        return [
            (starts, agent, row)
            for (starts, agent), row in taken.items()
            if (starts, agent) not in offered and base - day < starts < base + day
        ]

    def _is_busy(self, bookable: Bookable, at: int, start: Start) -> bool:
        begins = at - bookable.calendar.before * 60
        ends = at + start.length + bookable.calendar.after * 60
        return any(
            busy < ends and begins < until and (own, key) != (at, bookable.key)
            for busy, until, own, key in self.busy.get(start.agent, ())  # type: ignore[arg-type]  # asked of agents only
        )


def next_free(
    service: Service,
    branch: Branch,
    *,
    now: datetime,
    around: datetime | None = None,
    people: int = 1,
    is_public: bool = True,
) -> list[dict[str, Any]]:
    """Return the first free starts from a moment on, for somebody who cannot have theirs."""
    start = max(now, around or now)
    since = clock.service_date(min(start, now + timedelta(days=366)), branch.timezone)
    until = since + timedelta(days=SEARCHED_DAYS)
    bookable = get_bookable(service, branch, since, until)
    if bookable is None:
        return []
    openings = Openings([bookable], since, until, now, people, is_public)
    found: list[dict[str, Any]] = []
    for row in openings:
        if row.slot.starts_at >= start:
            found.append(row.view())
        if len(found) == NEXT_FREE:
            return found
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What somebody looks for; `near` keeps the nearest branch that has a place."""

    service_id: UUID | None = None
    branch_id: UUID | None = None
    organization_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    people: int = 1
    near: Point | None = None


def find_openings(search: Search, now: datetime) -> Openings:
    """
    Return what is free for a search, for six days after its first unless told.

    :raises InvalidInput: dates that are none, or too many of them
    """
    # The earliest zone has yesterday's date still.
    today = now.date() - timedelta(days=1)
    since = max(search.since or today, today)
    until = search.until or (search.since or now.date()) + timedelta(days=6)
    if until < (search.since or since):
        raise InvalidInput.on("date_to", _("The last date must come after the first."))
    if (until - since).days > LONGEST_DAYS:
        raise InvalidInput.on(
            "date_to",
            ngettext(
                "Ask for %(days)d day at most.", "Ask for %(days)d days at most.", LONGEST_DAYS
            )
            % {"days": LONGEST_DAYS},
        )
    branches = Branch.objects.filter(closed_at=None, organization__closed_at=None)
    services = Service.objects.filter(retired_at=None, organization__closed_at=None)
    if search.branch_id is not None:
        branches = branches.filter(pk=search.branch_id)
    if search.service_id is not None:
        services = services.filter(pk=search.service_id)
    if search.organization_id is not None:
        branches = branches.filter(organization=search.organization_id)
        services = services.filter(organization=search.organization_id)
    offered = AppointmentSlot.objects.filter(retired_at=None)
    opened = SlotException.objects.filter(kind=ExceptionKind.OPEN, date__gte=today)
    if search.branch_id is not None or search.organization_id is not None:
        column = (
            {"branch": search.branch_id}
            if search.branch_id
            else {"organization": search.organization_id}
        )
        named = (
            offered.filter(**column)
            .values("service")
            .union(opened.filter(**column).values("service"))
        )
        services = services.filter(pk__in=named)
    if search.service_id is not None:
        named = (
            offered.filter(service=search.service_id)
            .values("branch")
            .union(opened.filter(service=search.service_id).values("branch"))
        )
        branches = branches.filter(pk__in=named)
    if search.near is not None:
        branches = branches.annotate(distance=Distance("point", search.near)).order_by("distance")
    found_branches = list(branches)
    found = bookables(services, found_branches, since, until)
    openings = Openings(found, since, until, now, search.people)
    return _nearest(openings, found_branches) if search.near is not None else openings


def _nearest(openings: Openings, branches: list[Branch]) -> Openings:
    """Narrow what is free to the first of the branches that has any."""
    everything = openings.found
    for branch in branches:
        openings.found = [row for row in everything if row.branch.pk == branch.pk]
        openings.forget_days()
        if openings.found and len(openings):
            return openings
    return openings


# --- Lists ------------------------------------------------------------------------------------


def list_slots() -> "QuerySet[AppointmentSlot]":
    """Return the weekly slots in use of the scope, by place and weekday."""
    rows: QuerySet[AppointmentSlot] = AppointmentSlot.objects.filter(retired_at=None)
    return rows.order_by("branch_id", "service_id", "day_of_week", "start_time", "id")


def get_slot(slot_id: UUID) -> AppointmentSlot:
    """
    Return a weekly slot in use of the scope.

    :raises NotFound: unknown, or retired
    """
    slot: AppointmentSlot | None = list_slots().filter(pk=slot_id).first()
    if slot is None:
        raise NotFound
    return slot


def list_slot_exceptions() -> "QuerySet[SlotException]":
    """Return the dates of the scope that differ, soonest first."""
    rows: QuerySet[SlotException] = SlotException.objects.all()
    return rows.order_by("date", "start_time", "id")


def list_appointments() -> "QuerySet[Appointment]":
    """Return the appointments of the scope with what their view needs, latest first."""
    rows: QuerySet[Appointment] = Appointment.objects.select_related("branch", "service", "ticket")
    return rows.order_by("-starts_at", "-id")


def list_waitlist() -> "QuerySet[WaitlistEntry]":
    """Return the places on waitlists of the scope, in order."""
    rows: QuerySet[WaitlistEntry] = WaitlistEntry.objects.prefetch_related("offers__appointment")
    return rows.order_by("created_at", "id")


def appointments_between(
    *, branch_id: UUID, since: datetime, until: datetime
) -> "QuerySet[Appointment]":
    """Return a branch's appointments that start between two moments, by time, for staff's calendars."""
    rows: QuerySet[Appointment] = Appointment.objects.filter(
        branch=branch_id, starts_at__gte=since, starts_at__lt=until
    )
    return (
        rows.exclude(state__in=(AppointmentState.EXPIRED, AppointmentState.CANCELLED))
        .select_related("branch", "service", "ticket")
        .order_by("starts_at", "id")
    )


def find_for_check_in(*, branch_id: UUID, date: date, code: str) -> "QuerySet[Appointment]":
    """Return a branch's appointments of a date by reference or phone, for the door."""
    rows: QuerySet[Appointment] = Appointment.objects.filter(branch=branch_id, date=date)
    named = Q(reference=code.strip().upper()) | (Q(phone=code.strip()) & ~Q(phone=""))
    return rows.filter(named).select_related("branch", "service").order_by("starts_at", "id")


def is_on_waitlist(service_id: UUID, branch_id: UUID) -> bool:
    """Whether anybody waits for places of a service at a branch of the scope."""
    waiting = WaitlistEntry.objects.filter(
        service=service_id, branch=branch_id, state=WaitlistState.WAITING
    )
    found: bool = waiting.exists()
    return found


def holder_view(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as its holder and the staff see it."""
    zone = ZoneInfo(appointment.branch.timezone)

    def local(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat() if at else None

    return {
        "id": str(appointment.pk),
        "reference": appointment.reference,
        "state": appointment.state,
        "service": str(appointment.service_id),
        "service_name": appointment.service.name,
        "branch": str(appointment.branch_id),
        "branch_name": appointment.branch.name,
        "agent": str(appointment.agent_id) if appointment.agent_id else None,
        "starts_at": local(appointment.starts_at),
        "ends_at": local(appointment.ends_at),
        "people": appointment.people,
        "customer_name": appointment.customer_name,
        "phone": appointment.phone,
        "answers": appointment.answers,
        "held_until": local(appointment.free_at) if appointment.state == "held" else None,
        "visit": str(appointment.visit_id) if appointment.visit_id else None,
        "series": str(appointment.series_id) if appointment.series_id else None,
        "moves": appointment.moves,
        "moved_from": local(appointment.moved_from),
        "checked_in_at": local(appointment.checked_in_at),
        "punctuality": appointment.punctuality,
        "attendance_at": local(appointment.attendance_at),
        "ticket": str(appointment.ticket_id) if appointment.ticket_id else None,
        "ticket_number": appointment.ticket.number if appointment.ticket else None,
        "uid": appointment.uid,
        "sequence": appointment.sequence,
        "version": appointment.version,
    }


def staff_view(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as the staff see it, with how it was made."""
    return holder_view(appointment) | {
        "channel": appointment.channel,
        "note": appointment.note,
        "ended_by": appointment.ended_by,
        "end_reason": appointment.end_reason,
    }


def door_view(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as the door shows it: nothing of the person that they did not say."""
    view = holder_view(appointment)
    return view | {"phone": "", "answers": {}}


def read_offers(entries: list[WaitlistEntry]) -> None:
    """Read the offers of several places on waitlists within the scope, in two queries."""
    prefetch_related_objects(entries, "offers__appointment")


def list_absences(agent_id: UUID) -> "QuerySet[AgentAbsence]":
    """Return an agent's own absences of the scope, soonest first."""
    rows: QuerySet[AgentAbsence] = AgentAbsence.objects.filter(agent=agent_id)
    return rows.order_by("starts_at", "id")


def get_rules(service_id: UUID) -> BookingRules:
    """
    Return a service's rules; the defaults where nobody has set any.

    :raises NotFound: unknown, or retired
    """
    rows = Service.objects.with_scopes_disabled().filter(pk=service_id, retired_at=None)
    service = rows.first()
    if service is None:
        raise NotFound
    return _rules([service])[service.pk]


def entry_view(entry: WaitlistEntry) -> dict[str, Any]:
    """Return a place on a waitlist as its holder and the staff see it, with an open offer."""
    offer = next((o for o in entry.offers.all() if o.state == "open"), None)
    return {
        "id": str(entry.pk),
        "state": entry.state,
        "service": str(entry.service_id),
        "branch": str(entry.branch_id),
        "from_date": entry.from_date.isoformat(),
        "until_date": entry.until_date.isoformat(),
        "from_time": f"{entry.from_time:%H:%M}" if entry.from_time else None,
        "until_time": f"{entry.until_time:%H:%M}" if entry.until_time else None,
        "people": entry.people,
        "created_at": entry.created_at.isoformat(),
        "offer": {
            "appointment": str(offer.appointment_id),
            "starts_at": offer.appointment.starts_at.isoformat(),
            "expires_at": offer.expires_at.isoformat(),
        }
        if offer
        else None,
    }


def get_branch(branch_id: UUID) -> Branch:
    """
    Return a live branch, whichever organization's: its name and zone are public.

    :raises NotFound: unknown, or closed
    """
    rows = Branch.objects.with_scopes_disabled().filter(pk=branch_id, closed_at=None)
    branch: Branch | None = rows.first()
    if branch is None:
        raise NotFound
    return branch


# --- Calendars of people --------------------------------------------------------------------------

CANCELLED_SHOWN: Final = timedelta(days=14)
PAST_SHOWN: Final = timedelta(days=30)
AHEAD_SHOWN: Final = timedelta(days=370)
MOST_IN_FEED: Final = 1000


def shown_in_feeds(rows: "QuerySet[Appointment]", now: datetime) -> list[Appointment]:
    """
    Return those of some appointments that a feed shows, soonest first: until a month after they
    were, cancelled ones until two weeks after they were cancelled, holds never.
    """
    over = (AppointmentState.CANCELLED, AppointmentState.EXPIRED)
    # What was never more than a form that somebody left is not news to any calendar.
    shown = Q(booked_at__isnull=False) & (
        ~Q(state__in=(*over, AppointmentState.HELD))
        | Q(state__in=over, ended_at__gte=now - CANCELLED_SHOWN)
    )
    found = (
        rows.filter(shown, ends_at__gte=now - PAST_SHOWN, starts_at__lt=now + AHEAD_SHOWN)
        .select_related("branch__organization", "service")
        .order_by("starts_at", "id")
    )
    return list(found[:MOST_IN_FEED])


def changes_of(appointments: Collection[Appointment]) -> dict[UUID, datetime]:
    """Return when each of some appointments last changed."""
    steps = AppointmentStep.objects.with_scopes_disabled().filter(
        organization_id__in=list({a.organization_id for a in appointments}),
        appointment__in=[a.pk for a in appointments],
    )
    last = dict(steps.values_list("appointment").annotate(Max("at")).order_by())
    return {a.pk: last.get(a.pk, a.created_at) for a in appointments}


def list_feeds(owner_id: UUID) -> "QuerySet[CalendarFeed]":
    """Return a person's feeds, oldest first."""
    return CalendarFeed.objects.filter(owner=owner_id).order_by("created_at", "id")


def feed_of_token(feed_id: UUID, digest: bytes) -> CalendarFeed | None:
    """Return the feed that a token proves, of somebody who may still sign in."""
    rows = CalendarFeed.objects.filter(pk=feed_id, digest=digest, owner__is_active=True)
    return rows.select_related("owner").first()


@dataclass(frozen=True, slots=True)
class Busy:
    """A time at which a calendar kept elsewhere closes an agent's, or a branch's for a service or all."""

    agent: UUID | None
    branch: UUID | None
    service: UUID | None
    starts_at: datetime
    ends_at: datetime


def busy_periods(
    *, agents: Collection[UUID], branches: Collection[UUID], since: datetime, until: datetime
) -> list[Busy]:
    """Return when calendars kept elsewhere close those of agents and branches, by time."""
    rows = fetch_all(
        _BUSY,
        {"agents": list(agents), "branches": list(branches), "since": since, "until": until},
        planned=True,
    )
    return [Busy(*row) for row in rows]


def in_order_of_making(calendars: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return calendars kept elsewhere, oldest first."""
    return calendars.order_by("created_at", "id")


def busy_calendars_due(now: datetime) -> list[UUID]:
    """Return the calendars kept elsewhere of all organizations that are to be fetched, longest due first."""
    rows = BusyCalendar.objects.with_scopes_disabled().filter(next_fetch_at__lte=now)
    found = rows.order_by("next_fetch_at").values_list("pk", flat=True)
    return list(found[:MOST_FETCHED])


def get_busy_calendar(calendar_id: UUID, *, lock: bool = False) -> BusyCalendar | None:
    """Return a calendar kept elsewhere, for the job that fetches it; None once it is removed."""
    rows = BusyCalendar.objects.with_scopes_disabled().filter(pk=calendar_id)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    calendar: BusyCalendar | None = rows.first()
    return calendar


# --- By the clock -----------------------------------------------------------------------------

MOST_AT_ONCE: Final = 1000
MOST_FETCHED: Final = 100


def holds_that_are_over(now: datetime) -> list[UUID]:
    """Return the holds, offers and requests of all organizations whose time is over, oldest first."""
    rows = Appointment.objects.with_scopes_disabled()
    held = rows.filter(free_at__lte=now).order_by("free_at")
    asked = rows.filter(state=AppointmentState.PENDING, starts_at__lte=now).order_by("starts_at")
    return [
        *held.values_list("pk", flat=True)[:MOST_AT_ONCE],
        *asked.values_list("pk", flat=True)[:MOST_AT_ONCE],
    ]


def reminders_due(now: datetime) -> list[UUID]:
    """Return the appointments of all organizations of which somebody is to be reminded."""
    rows = Appointment.objects.with_scopes_disabled().filter(next_reminder_at__lte=now)
    return list(rows.order_by("next_reminder_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def appointments_missed(now: datetime) -> list[UUID]:
    """Return the confirmed appointments of all organizations whose time is an hour past."""
    rows = Appointment.objects.with_scopes_disabled().filter(
        state=AppointmentState.CONFIRMED, starts_at__lt=now, ends_at__lte=now - timedelta(hours=1)
    )
    return list(rows.order_by("starts_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def wishes_that_are_over(now: datetime) -> list[UUID]:
    """Return the wishes of all organizations' waitlists whose last date may be over."""
    rows = WaitlistEntry.objects.with_scopes_disabled().filter(
        state=WaitlistState.WAITING, until_date__lt=now.date()
    )
    return list(rows.order_by("until_date").values_list("pk", flat=True)[:MOST_AT_ONCE])

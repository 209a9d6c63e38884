"""What pages of appointments read: the services that take them, the days and times that are free."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from smartqueue.appointments import queries
from smartqueue.appointments.enums import AHEAD, AppointmentState, ExceptionKind, WaitlistState
from smartqueue.appointments.models import (
    Appointment,
    AppointmentSlot,
    SlotException,
    WaitlistEntry,
)
from smartqueue.appointments.policies import rules_of
from smartqueue.business.models import Branch, Service
from smartqueue.common import tenancy
from smartqueue.common.clock import service_date

# Of one service; its own window of booking may be shorter.
DAYS_AHEAD: Final = 90
NOON: Final = time(12)
EVENING: Final = time(17)
OWN_SHOWN: Final = 50


def offered_services(branch: Branch) -> list[Service]:
    """Return a branch's services that take appointments, by name."""
    with tenancy.public():
        weekly = AppointmentSlot.objects.filter(branch=branch, retired_at=None).values("service")
        opened = SlotException.objects.filter(
            branch=branch, kind=ExceptionKind.OPEN, service__isnull=False
        ).values("service")
        rows = Service.objects.filter(
            Q(pk__in=weekly) | Q(pk__in=opened),
            organization=branch.organization_id,
            retired_at=None,
        )
        return list(rows.exclude(booking_rules__is_bookable=False).order_by("name"))


def zone_of(branch: Branch) -> ZoneInfo:
    """Return the zone of a branch's clock."""
    return ZoneInfo(branch.timezone)


@dataclass(frozen=True, slots=True)
class Time:
    """A start that can be booked, on the branch's clock."""

    at: datetime
    free: int

    @property
    def value(self) -> str:
        """What a form sends for it."""
        return self.at.isoformat()


@dataclass(frozen=True, slots=True)
class Choice:
    """The days with free places, the next one first, and the times of the chosen day."""

    days: list[tuple[date, int]]
    day: date | None
    morning: list[Time]
    afternoon: list[Time]
    evening: list[Time]
    last_day: date

    @property
    def next(self) -> date | None:
        """The next day after the chosen one with a free place."""
        return next((day for day, _ in self.days if self.day and day > self.day), None)

    @property
    def previous(self) -> date | None:
        """The last day before the chosen one with a free place."""
        return next((day for day, _ in reversed(self.days) if self.day and day < self.day), None)


def choice_of(
    service: Service,
    branch: Branch,
    now: datetime,
    *,
    day: date | None = None,
    people: int = 1,
    is_public: bool = True,
) -> Choice:
    """
    Return what of a service is free at a branch.

    `day` is shown if anything of it is free, otherwise the first day after it that has, or the
    first of all.
    """
    today = service_date(now, branch.timezone)
    rules = rules_of(service)
    last = today + timedelta(days=min(rules.window_days, DAYS_AHEAD) if is_public else DAYS_AHEAD)
    with tenancy.public():
        bookable = queries.get_bookable(service, branch, today, last)
        if bookable is None:
            return Choice([], None, [], [], [], last)
        openings = queries.Openings([bookable], today, last, now, people, is_public)
        days = [(at, count) for at, count in openings.days() if count]
        shown = _shown(days, day)
        times = _times(openings.of_day(shown), branch) if shown else []
    return Choice(
        days,
        shown,
        [row for row in times if row.at.time() < NOON],
        [row for row in times if NOON <= row.at.time() < EVENING],
        [row for row in times if row.at.time() >= EVENING],
        last,
    )


def _shown(days: list[tuple[date, int]], wanted: date | None) -> date | None:
    if not days:
        return None
    later = (day for day, _ in days if wanted is None or day >= wanted)
    return next(later, days[0][0])


def _times(rows: Iterable[queries.FreeSlot], branch: Branch) -> list[Time]:
    """Return each start once, whichever agents have it."""
    zone = zone_of(branch)
    free: dict[datetime, int] = {}
    for row in rows:
        at = row.slot.starts_at.astimezone(zone)
        free[at] = free.get(at, 0) + row.free
    return [Time(at, count) for at, count in sorted(free.items())]


def free_instead(extra: Mapping[str, Any], branch: Branch) -> list[Time]:
    """Return the times that a refusal names as free next, on the branch's clock."""
    zone = zone_of(branch)
    return [
        Time(datetime.fromisoformat(row["starts_at"]).astimezone(zone), row["free"])
        for row in extra.get("next_free", ())
    ]


def place_in_order(entry: WaitlistEntry) -> int:
    """Return the place of somebody in the order of a waitlist, 1 being the next; needs a scope."""
    before = WaitlistEntry.objects.filter(
        service=entry.service_id,
        branch=entry.branch_id,
        state__in=(WaitlistState.WAITING, WaitlistState.OFFERED),
    ).filter(Q(created_at__lt=entry.created_at) | Q(created_at=entry.created_at, id__lt=entry.pk))
    place: int = before.count() + 1
    return place


def together_with(appointment: Appointment) -> list[Appointment]:
    """Return the appointments of one series or visit by time, itself among them; needs a scope."""
    if appointment.series_id is None and appointment.visit_id is None:
        return []
    rows = queries.list_appointments().filter(organization=appointment.organization_id)
    if appointment.series_id is not None:
        rows = rows.filter(series_id=appointment.series_id)
    else:
        rows = rows.filter(visit_id=appointment.visit_id)
    return list(rows.exclude(state=AppointmentState.EXPIRED).order_by("starts_at", "id"))


def held_with(appointment: Appointment) -> list[Appointment]:
    """Return the holds of one visit by time, itself among them; none of what is no visit yet."""
    if appointment.visit_id is None:
        return []
    rows = queries.list_appointments().filter(organization=appointment.organization_id)
    rows = rows.filter(visit_id=appointment.visit_id, state=AppointmentState.HELD)
    found = list(rows.order_by("starts_at", "id"))
    return found if len(found) > 1 else []


@dataclass(frozen=True, slots=True)
class Own:
    """A person's appointments ahead, those that are over, and where they wait."""

    ahead: list[Appointment]
    past: list[Appointment]
    waiting: list[WaitlistEntry]


def own_of(user_id: UUID, now: datetime) -> Own:
    """Return a person's newest appointments and places on waitlists."""
    with tenancy.citizen(user_id):
        rows = queries.list_appointments().exclude(state=AppointmentState.EXPIRED)
        # A form that was never finished is no appointment.
        rows = rows.exclude(state=AppointmentState.HELD, free_at__lte=now)
        shown = list(rows[:OWN_SHOWN])
        entries = queries.list_waitlist().filter(
            state__in=(WaitlistState.WAITING, WaitlistState.OFFERED)
        )
        waiting = list(entries.select_related("branch", "service")[:OWN_SHOWN])
    arrived = (*AHEAD, AppointmentState.CHECKED_IN)
    ahead = [row for row in shown if row.state in arrived and row.ends_at > now]
    past = [row for row in shown if row not in ahead and row.state != AppointmentState.HELD]
    return Own(ahead[::-1], past, waiting)

"""Lists, and single rows that anybody may read."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, prefetch_related_objects

from smartqueue.appointments.enums import AppointmentState, WaitlistState
from smartqueue.appointments.models import (
    AgentAbsence,
    Appointment,
    AppointmentSlot,
    BookingRules,
    SlotException,
    WaitlistEntry,
)
from smartqueue.appointments.queries._offered import rules_by_service
from smartqueue.business.models import Branch, Service
from smartqueue.common.errors import NotFound

DAY: Final = timedelta(days=1)
CAME: Final = (AppointmentState.CHECKED_IN, AppointmentState.COMPLETED)


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


@dataclass(frozen=True, slots=True)
class DayOfBookings:
    """
    What became of a day's appointments at a branch: those that stood, of which people came and
    did not come, and those that were cancelled.
    """

    booked: int = 0
    came: int = 0
    missed: int = 0
    cancelled: int = 0


def count_day(branch_id: UUID, day: date) -> DayOfBookings:
    """Count a branch's appointments of a date in its zone; the caller enters the scope."""
    # Whatever the zone, and as the index has it.
    around = datetime.combine(day, time(), UTC)
    rows = Appointment.objects.filter(
        branch=branch_id, date=day, starts_at__range=(around - DAY, around + 2 * DAY)
    ).order_by()
    found = dict(rows.values_list("state").annotate(Count("pk")))
    came = sum(found.get(state, 0) for state in CAME)
    missed = found.get(AppointmentState.NO_SHOW, 0)
    return DayOfBookings(
        booked=came + missed + found.get(AppointmentState.CONFIRMED, 0),
        came=came,
        missed=missed,
        cancelled=found.get(AppointmentState.CANCELLED, 0),
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
    return rules_by_service([service])[service.pk]


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

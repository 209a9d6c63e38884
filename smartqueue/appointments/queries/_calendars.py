"""What calendar programs are shown, and the calendars kept elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.models import (
    Appointment,
    AppointmentStep,
    BookingRules,
    BusyCalendar,
    CalendarFeed,
    default_reminders,
)
from smartqueue.common.db import fetch_all

MOST_FETCHED: Final = 100
CANCELLED_SHOWN: Final = timedelta(days=14)
PAST_SHOWN: Final = timedelta(days=30)
AHEAD_SHOWN: Final = timedelta(days=370)
MOST_IN_FEED: Final = 1000
# As with absences, only that it is busy.
_BUSY = """
    SELECT agent_id, branch_id, service_id, starts_at, ends_at
    FROM appointments_busytime
    WHERE (agent_id = ANY(%(agents)s) OR branch_id = ANY(%(branches)s))
      AND ends_at > %(since)s AND starts_at < %(until)s
    ORDER BY starts_at, id
"""


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


def reminders_of(appointments: Collection[Appointment]) -> dict[UUID, tuple[int, ...]]:
    """Return how long before appointments their services remind people, in minutes, longest first."""
    services = {a.service_id for a in appointments}
    rows = BookingRules.objects.with_scopes_disabled().filter(service__in=list(services))
    said = {
        row.service_id: row.reminder_minutes for row in rows.only("service", "reminder_minutes")
    }
    return {
        service: tuple(sorted(said.get(service, default_reminders()), reverse=True))
        for service in services
    }


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

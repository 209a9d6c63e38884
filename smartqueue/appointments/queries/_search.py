"""What somebody looks for: of a service, a branch, an organization, the nearest with a place."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.appointments.enums import ExceptionKind
from smartqueue.appointments.models import AppointmentSlot, BookingRules, SlotException
from smartqueue.appointments.queries._free import Openings
from smartqueue.appointments.queries._offered import bookables, get_bookable
from smartqueue.business.hours import Schedule
from smartqueue.business.models import Branch, Service
from smartqueue.common import clock
from smartqueue.common.errors import InvalidInput

LONGEST_DAYS: Final = 92
NEXT_FREE: Final = 3
SEARCHED_DAYS: Final = 30


def next_free(
    service: Service,
    branch: Branch,
    *,
    now: datetime,
    around: datetime | None = None,
    people: int = 1,
    is_public: bool = True,
    rules: BookingRules | None = None,
    schedule: Schedule | None = None,
) -> list[dict[str, Any]]:
    """
    Return the first free starts from a moment on, for somebody who cannot have theirs. `rules` and
    `schedule` as for `get_bookable`.
    """
    start = max(now, around or now)
    since = clock.service_date(min(start, now + timedelta(days=366)), branch.timezone)
    until = since + timedelta(days=SEARCHED_DAYS)
    bookable = get_bookable(service, branch, since, until, rules=rules, schedule=schedule)
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

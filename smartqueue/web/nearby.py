"""Which branch has a place this week: of one service, the nearest or the soonest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat

from smartqueue.appointments import queries
from smartqueue.appointments.enums import ExceptionKind
from smartqueue.appointments.models import AppointmentSlot, BookingRules, SlotException
from smartqueue.business.models import Branch, Service
from smartqueue.common import tenancy
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound
from smartqueue.common.search import Plain, has_word, words_of
from smartqueue.locations import queries as locations
from smartqueue.locations.models import Commune
from smartqueue.web.bookings import Time, zone_of

DAYS: Final = 7
BRANCHES_SHOWN: Final = 20
SERVICES_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Near:
    """A branch with its first free time of the next seven days, and how many there are."""

    branch: Branch
    first: Time | None
    count: int


def get_service(service_id: UUID) -> Service:
    """
    Return a service that takes appointments somewhere, with its organization.

    :raises NotFound: unknown, retired, or it takes none
    """
    with tenancy.public():
        rows = _bookable().filter(pk=service_id).select_related("organization__settings")
        found: Service | None = rows.first()
    if found is None:
        raise NotFound
    return found


def _bookable() -> "QuerySet[Service]":
    weekly = AppointmentSlot.objects.filter(retired_at=None, branch__closed_at=None)
    opened = SlotException.objects.filter(kind=ExceptionKind.OPEN, service__isnull=False)
    closed = BookingRules.objects.filter(is_bookable=False)
    rows: QuerySet[Service] = Service.objects.filter(
        Q(pk__in=weekly.values("service")) | Q(pk__in=opened.values("service")),
        retired_at=None,
        organization__closed_at=None,
    )
    return rows.exclude(pk__in=closed.values("service"))


def search_services(search: str, organization: str) -> list[Service]:
    """Return services that take appointments by organization and name; `organization` is a slug."""
    with tenancy.public():
        rows = _bookable().select_related("organization")
        if organization:
            rows = rows.filter(organization__slug=organization)
        rows = rows.alias(plain=Plain(Concat("name", Value(" "), "organization__name")))
        for word in words_of(search):
            rows = rows.filter(has_word(word, "plain"))
        return list(rows.order_by("organization__name", "name")[:SERVICES_SHOWN])


def takes_appointments(organization_id: UUID) -> bool:
    """Whether an organization offers appointments anywhere."""
    with tenancy.public():
        found: bool = _bookable().filter(organization=organization_id).exists()
    return found


def commune_like(search: str) -> Commune | None:
    """Return the commune that a name means; None for no name, or none of Senegal's."""
    return locations.list_communes(search=search).first() if search.strip() else None


def branches_with(service: Service, now: datetime, origin: Point | None) -> list[Near]:
    """
    Return the branches that offer a service with what is free there in the next seven days.

    With an origin the nearest come first, each with `distance`; those without a place come last.
    """
    with tenancy.public():
        rows = _branches(service)
        if origin is not None:
            rows = rows.annotate(distance=Distance("point", origin)).order_by("distance", "name")
        found = list(rows[:BRANCHES_SHOWN])
        near = list(_first_times(service, found, now))
    if origin is None:
        near.sort(key=lambda one: (one.first is None, one.first.at if one.first else now))
    return sorted(near, key=lambda one: one.first is None)


def is_offered_elsewhere(service: Service, branch: Branch) -> bool:
    """Whether another branch offers a service too."""
    with tenancy.public():
        others = AppointmentSlot.objects.filter(
            service=service, retired_at=None, branch__closed_at=None
        ).exclude(branch=branch.pk)
        found: bool = others.exists()
    return found


def _branches(service: Service) -> "QuerySet[Branch]":
    weekly = AppointmentSlot.objects.filter(service=service, retired_at=None).values("branch")
    opened = SlotException.objects.filter(service=service, kind=ExceptionKind.OPEN)
    rows: QuerySet[Branch] = Branch.objects.filter(
        Q(pk__in=weekly) | Q(pk__in=opened.values("branch")), closed_at=None
    )
    return rows.select_related("commune").order_by("name")


def _first_times(service: Service, branches: list[Branch], now: datetime) -> Iterable[Near]:
    since = min((service_date(now, branch.timezone) for branch in branches), default=now.date())
    until = since + timedelta(days=DAYS)
    offered = queries.bookables([service], branches, since, until)
    by_branch = {bookable.branch.pk: bookable for bookable in offered}
    openings = queries.Openings(offered, since, until, now)
    for branch in branches:
        bookable = by_branch.get(branch.pk)
        if bookable is None:
            continue
        openings.found = [bookable]
        openings.forget_days()
        days = [(day, count) for day, count in openings.days() if count]
        first = None
        if days:
            row = openings.of_day(days[0][0])[0]
            first = Time(row.slot.starts_at.astimezone(zone_of(branch)), row.free)
        yield Near(branch, first, sum(count for _day, count in days))

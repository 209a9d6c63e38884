"""What anybody may see: live organizations, branches, services and counters."""

from typing import Any
from uuid import UUID

from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point
from django.contrib.gis.measure import D
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.expressions import Combinable

from smartqueue.business.models import (
    Branch,
    Counter,
    HolidayOverride,
    OpeningException,
    Organization,
    Service,
)
from smartqueue.common.search import has_word, likeness, words_of
from smartqueue.locations.models import Commune

Order = tuple[str | Combinable, ...]


def _live_branches() -> "QuerySet[Branch]":
    rows: QuerySet[Branch] = Branch.objects.with_scopes_disabled().filter(
        closed_at=None, organization__closed_at=None
    )
    return rows


def _branches_with(word: str, column: str) -> "QuerySet[Any, Any]":
    """
    Return one column of the branches that a word names, or whose commune it names.

    A union, because a condition with OR over two tables would make PostgreSQL read every row.
    """
    communes = Commune.objects.filter(has_word(word)).values("pk")
    named: QuerySet[Any, Any] = _live_branches().filter(has_word(word)).values(column)
    return named.union(_live_branches().filter(commune__in=communes).values(column))


def _organizations_with(word: str) -> "QuerySet[Any, Any]":
    return Organization.objects.filter(closed_at=None).filter(has_word(word)).values("pk")


def _ordered(ordering: str, search: str, near: Point | None) -> Order:
    if ordering:
        return (ordering, "id")
    if near is not None:
        return ("distance", "id")
    if search:
        return (likeness(search).desc(), "name", "id")
    return ("name", "id")


def list_organizations(
    *,
    search: str = "",
    category: str = "",
    commune: str = "",
    near: Point | None = None,
    within: int | None = None,
    ordering: str = "",
) -> "QuerySet[Organization]":
    """
    Return live organizations; with `near`, the nearest first, each with `distance` to its nearest
    branch, and none farther than `within` metres. `search` also looks at branches and communes.
    """
    rows = Organization.objects.filter(closed_at=None).defer("search_text")
    branches = _live_branches().filter(organization=OuterRef("pk"))
    if category:
        rows = rows.filter(category=category)
    if commune:
        rows = rows.filter(Exists(branches.filter(commune__code=commune)))
    for word in words_of(search):
        found = _organizations_with(word).union(_branches_with(word, "organization"))
        rows = rows.filter(pk__in=found)
    if near is not None:
        reached = branches.annotate(distance=Distance("point", near)).order_by("distance")
        if within is not None:
            reached = reached.filter(point__dwithin=(near, D(m=within)))
        rows = rows.annotate(distance=Subquery(reached.values("distance")[:1]))
        rows = rows.filter(distance__isnull=False)
    return rows.order_by(*_ordered(ordering, search, near))


def list_branches(
    *,
    organization: UUID | None = None,
    search: str = "",
    category: str = "",
    commune: str = "",
    near: Point | None = None,
    within: int | None = None,
    ordering: str = "",
) -> "QuerySet[Branch]":
    """
    Return live branches with their commune; with `near`, the nearest first, each with `distance`,
    and none farther than `within` metres. `search` also looks at the organization and the commune.
    """
    rows = (
        _live_branches()
        .select_related("commune", "organization")
        .defer("search_text", "commune__search_text", "organization__search_text")
    )
    if organization:
        rows = rows.filter(organization=organization)
    if category:
        rows = rows.filter(organization__category=category)
    if commune:
        rows = rows.filter(commune__code=commune)
    for word in words_of(search):
        owned = _live_branches().filter(organization__in=_organizations_with(word)).values("pk")
        rows = rows.filter(pk__in=_branches_with(word, "pk").union(owned))
    if near is not None:
        if within is not None:
            rows = rows.filter(point__dwithin=(near, D(m=within)))
        rows = rows.annotate(distance=Distance("point", near))
    return rows.order_by(*_ordered(ordering, search, near))


def list_services(
    *,
    organization: UUID | None = None,
    category: str = "",
    search: str = "",
    ordering: str = "",
) -> "QuerySet[Service]":
    """Return services on offer; texts are in the active language where they are given in it."""
    rows: QuerySet[Service] = (
        Service.objects.with_scopes_disabled()
        .filter(retired_at=None, organization__closed_at=None)
        .defer("search_text")
    )
    if organization:
        rows = rows.filter(organization=organization)
    if category:
        rows = rows.filter(organization__category=category)
    for word in words_of(search):
        rows = rows.filter(has_word(word))
    if search and not ordering:
        return rows.order_by(likeness(search, "search_text").desc(), "name", "id")
    return rows.order_by(ordering or "name", "id")


def list_counters(*, branch: UUID | None = None, organization: UUID | None = None) -> Any:
    """Return counters in use, by name."""
    rows: QuerySet[Counter] = Counter.objects.with_scopes_disabled().filter(
        retired_at=None, branch__closed_at=None, branch__organization__closed_at=None
    )
    if branch:
        rows = rows.filter(branch=branch)
    if organization:
        rows = rows.filter(organization=organization)
    return rows.order_by("name", "id")


def list_opening_exceptions(*, branch: UUID) -> Any:
    """Return the dates on which a live branch has other hours, in order."""
    return (
        OpeningException.objects.with_scopes_disabled()
        .filter(branch=branch, branch__closed_at=None)
        .order_by("date", "opens_at", "id")
    )


def list_holiday_overrides(*, organization: UUID) -> Any:
    """Return what a live organization says about holidays, in order of date."""
    return (
        HolidayOverride.objects.with_scopes_disabled()
        .filter(organization=organization, organization__closed_at=None)
        .order_by("date", "id")
    )

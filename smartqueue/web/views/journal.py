"""What happened in an organization, for its owners."""

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from smartqueue.audit import operations, wording
from smartqueue.audit.export import csv_lines
from smartqueue.audit.policies import access_journal
from smartqueue.web.journal import (
    Filters,
    get_organization,
    list_all_branches,
    list_happenings,
    zone_of,
)
from smartqueue.web.views.kit import actor_of, language_of, now_of, page, signed_in


@signed_in
@require_safe
def journal(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Show a page of the journal, filtered, newest first."""
    access_journal(actor_of(request), organization_id)
    organization = get_organization(organization_id)
    branches = list_all_branches()
    zone = zone_of(branches)
    filters = Filters.of(request.GET)
    happenings, has_older = list_happenings(organization_id, filters, zone)
    context = {
        "organization": organization,
        "branches": branches,
        "areas": wording.AREAS.items(),
        "filters": filters,
        "happenings": happenings,
        "zone": zone,
        "newer": _link(filters, filters.page - 1) if filters.page > 1 else "",
        "older": _link(filters, filters.page + 1) if has_older else "",
        "export": f"{reverse('web:journal-export', args=[organization_id])}{_link(filters)}",
    }
    return page(request, "journal.html", context)


@signed_in
@require_safe
def export(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Send a copy of what the filters match; the journal says who took it."""
    now = now_of(request)
    operations.export_journal(actor=actor_of(request), organization_id=organization_id, now=now)
    access_journal(actor_of(request), organization_id)
    asked = Filters.of(request.GET).asked(zone_of(list_all_branches()))
    copy = StreamingHttpResponse(
        csv_lines(organization_id, asked, language_of(request)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="journal.csv"'},
    )
    # Django takes either; what the pages' own helpers are typed with is the usual one.
    return cast("HttpResponse", copy)


def _link(filters: Filters, number: int = 1) -> str:
    values = filters.parameters() | ({"page": str(number)} if number > 1 else {})
    return f"?{urlencode(values)}"

"""Where there is a place this week: a service, then its branches with the first free time of each."""

import uuid
from typing import Any
from uuid import UUID

from django.contrib.gis.geos import Point
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from smartqueue.appointments import policies
from smartqueue.common import geo
from smartqueue.web import nearby
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import actor_of, now_of, page

MAX_SEARCH = 80


def _words(request: HttpRequest, name: str) -> str:
    return " ".join(request.GET.get(name, "")[:MAX_SEARCH].split())


@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """Let somebody choose a service that takes appointments, of one organization or of all."""
    search, organization = _words(request, "q"), _words(request, "o")
    context = {
        "services": nearby.search_services(search, organization),
        "search": search,
        "organization": organization,
    }
    return page(request, "nearest_services.html", context)


@never_cache
@require_safe
def branches(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """Show the branches of a service with their first free time, from a commune or a position on."""
    service = nearby.get_service(service_id)
    now = now_of(request)
    search = _words(request, "commune")
    commune = nearby.commune_like(search)
    position = _position(request)
    rules = policies.rules_of(service)
    context: dict[str, Any] = {
        **branded(request, service.organization),
        "service": service,
        "search": search,
        "commune": commune,
        "origin": position,
        "near": nearby.branches_with(
            service, now, position or (commune.point if commune else None)
        ),
        "needs_account": not rules.allows_anonymous and actor_of(request).user_id is None,
        "nonce": str(uuid.uuid4()),
    }
    return page(request, "nearest.html", context)


def _position(request: HttpRequest) -> Point | None:
    try:
        return geo.point(lat=float(request.GET["lat"]), lon=float(request.GET["lon"]))
    except (KeyError, ValueError):
        return None

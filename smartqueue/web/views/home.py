"""The start page: find a place by name, by commune or on the map."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from smartqueue.business.enums import Category
from smartqueue.business.models import Branch
from smartqueue.web import queries
from smartqueue.web.views.kit import is_htmx, page

MAX_SEARCH = 80


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the places that fit the search; htmx asks for the list alone."""
    search = " ".join(request.GET.get("q", "")[:MAX_SEARCH].split())
    category = request.GET.get("category", "")
    if category not in Category.values:
        category = ""
    origin = _origin(request)
    places = queries.search_places(search, category, origin)
    context = {
        "search": search,
        "category": category,
        "categories": Category.choices,
        "origin": origin,
        "places": [(branch, queries.line_of(branch.live_queues)) for branch in places],  # type: ignore[attr-defined]
        "marks": json.dumps([_mark(branch) for branch in places]),
    }
    return page(request, "places.html" if is_htmx(request) else "home.html", context)


def _origin(request: HttpRequest) -> tuple[float, float] | None:
    try:
        lat, lon = float(request.GET["lat"]), float(request.GET["lon"])
    except (KeyError, ValueError):
        return None
    return (lat, lon) if -90 <= lat <= 90 and -180 <= lon <= 180 else None


def _mark(branch: Branch) -> dict[str, Any]:
    return {
        "name": branch.name,
        "url": reverse("web:branch", args=[branch.slug]),
        "lat": round(branch.point.y, 5),
        "lon": round(branch.point.x, 5),
    }

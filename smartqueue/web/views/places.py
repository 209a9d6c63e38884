"""Organizations, branches and their posters."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from smartqueue.dialogues import queries as dialogue_queries
from smartqueue.queues import queries as queue_queries
from smartqueue.web import bookings, nearby, queries
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import now_of, page


@require_safe
def organization(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an organization and its branches."""
    found = queries.get_organization(slug)
    branches = [(b, queries.line_of(b.live_queues)) for b in found.live_branches]  # type: ignore[attr-defined]
    return page(
        request,
        "organization.html",
        {
            **branded(request, found),
            "organization": found,
            "places": branches,
            "is_bookable": nearby.takes_appointments(found.pk),
        },
    )


@require_safe
def branch(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a branch: its queues with the wait, services with papers and price, opening hours."""
    now = now_of(request)
    found = queries.get_branch(slug)
    queues = found.live_queues  # type: ignore[attr-defined]
    services = {s.pk: s for queue in queues for s in queue.live_services}
    context = {
        **branded(request, found.organization),
        "branch": found,
        "queues": list(zip(queues, queue_queries.statuses_of(queues, now), strict=True)),
        "services": sorted(services.values(), key=lambda service: service.name),
        "opening": queries.opening_of(found, now),
        "is_bookable": bool(bookings.offered_services(found)),
    }
    return page(request, "branch.html", context)


@require_safe
def poster(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Show the poster that a branch prints and hangs up: scan, join, wait elsewhere."""
    queue = queries.get_queue_to_join(queue_id)
    address = settings.PUBLIC_URL + reverse("web:join", args=[queue.pk])
    context = {
        "queue": queue,
        "address": address,
        "line": dialogue_queries.line_of_branch(queue.branch_id),
        "sms_number": settings.SMS_NUMBER,
        "ussd_code": settings.USSD_CODE,
    }
    return page(request, "poster.html", context)

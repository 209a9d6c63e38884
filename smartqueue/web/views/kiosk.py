"""The kiosk: large buttons, a number, a printed ticket."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import operations as appointments
from smartqueue.appointments.errors import TooEarly
from smartqueue.business import queries as business_queries
from smartqueue.business.enums import Switch
from smartqueue.business.models import Branch
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.queues import operations, policies
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import ORDINARY
from smartqueue.queues.tokens import actor_of_token, token_of
from smartqueue.web import bookings, queries
from smartqueue.web.devices import device_of
from smartqueue.web.once import form_digest, issue_once
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import failure, language_of, now_of, page, uuid_or_none
from smartqueue.web.wording import opens_at

MAX_NAME = 80
REFERENCE_LENGTH = 8


def _kiosk(request: HttpRequest, token: str) -> tuple[Actor, Branch, Mapping[str, Any]]:
    """
    Return the device, its branch, and the look of its pages, which speak the language chosen on
    the kiosk; whoever comes next chooses again.
    """
    actor, branch_id = device_of(token, ActorKind.KIOSK)
    branch = queries.get_branch_by_id(branch_id)
    settings = business_queries.settings_of(branch.organization)
    given = request.POST.get("lang") or request.GET.get("lang") or settings.default_language
    return actor, branch, branded(request, branch.organization, language=given)


@never_cache
@require_safe
def kiosk(request: HttpRequest, token: str) -> HttpResponse:
    """Show the services of a branch as large buttons."""
    _actor, branch, look = _kiosk(request, token)
    return _choices(request, token, branch, look)


def _choices(
    request: HttpRequest,
    token: str,
    branch: Branch,
    look: Mapping[str, Any],
    problem: Problem | None = None,
) -> HttpResponse:
    now = now_of(request)
    queues = branch.live_queues  # type: ignore[attr-defined]  # prefetched
    is_idle = any(queue.open_counters == 0 for queue in queues)
    context = {
        **look,
        "opens": opens_at(queries.next_opening_of(branch, now), now) if is_idle else "",
        "branch": branch,
        "is_bookable": bool(bookings.offered_services(branch)),
        "token": token,
        "language": language_of(request),
        "asks_name": look["own"].is_on(Switch.KIOSK_NAMES),
        "nonce": str(uuid.uuid4()),
        "buttons": queries.buttons_of(
            list(zip(queues, queue_queries.statuses_of(queues, now), strict=True))
        ),
        "problem": failure(problem) if problem else None,
    }
    return page(request, "kiosk.html", context, problem.status if problem else 200)


@require_POST
def take(request: HttpRequest, token: str) -> HttpResponse:
    """Issue a ticket and show it for printing."""
    actor, branch, look = _kiosk(request, token)
    language = language_of(request)
    queue_id = uuid_or_none(request.POST.get("queue"))
    if queue_id is None:
        raise NotFound
    nonce = uuid_or_none(request.POST.get("nonce")) or uuid.uuid4()
    pressed = tuple(request.POST.get(name) for name in ("queue", "service", "vehicle_category"))
    name = ""
    if look["own"].is_on(Switch.KIOSK_NAMES):
        name = " ".join(request.POST.get("customer_name", "").split())[:MAX_NAME]

    def issue() -> list[UUID]:
        ticket = operations.issue_ticket(
            actor=actor,
            queue_id=queue_id,
            service_id=uuid_or_none(request.POST.get("service")),
            customer_name=name,
            priority=request.POST.get("priority", ORDINARY),
            vehicle_category=request.POST.get("vehicle_category", ""),
            language=language,
            now=now_of(request),
        )
        return [ticket.pk]

    try:
        (ticket_id,) = issue_once(form_digest(request.path, nonce, (*pressed, name)), issue)
    except NotFound:
        raise
    except Problem as problem:
        return _choices(request, token, branch, look, problem)
    return _printed(request, token, branch, look, ticket_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def arrive(request: HttpRequest, token: str) -> HttpResponse:
    """Check somebody in by the reference of their appointment, typed or scanned, or by phone."""
    actor, branch, look = _kiosk(request, token)
    typed = request.POST.get("code", "").strip()[:30]
    context = {
        **look,
        "branch": branch,
        "token": token,
        "language": language_of(request),
        "typed": typed,
        "problem": None,
    }
    if request.method != "POST":
        return page(request, "kiosk_arrive.html", context)
    try:
        found = appointments.check_in_by_code(
            actor=actor, branch_id=branch.pk, code=_code_of(typed), now=now_of(request)
        )
    except Problem as problem:
        shown = failure(_Unknown() if isinstance(problem, NotFound) else problem)
        if isinstance(problem, TooEarly):
            opens = datetime.fromisoformat(problem.extra["opens_at"])
            shown["detail"] = _("Come back at %(time)s.") % {"time": f"{opens:%H:%M}"}
        return page(request, "kiosk_arrive.html", context | {"problem": shown}, problem.status)
    if found.ticket_id is None:
        raise NotFound
    return _printed(request, token, branch, look, found.ticket_id)


class _Unknown(NotFound):
    title = gettext_lazy("No appointment of today has this reference or phone.")
    detail = gettext_lazy("Check it, or ask the staff.")


def _code_of(typed: str) -> str:
    """Return a reference as it is kept, or a phone as it was booked with."""
    code = "".join(typed.split()).upper()
    if len(code) == REFERENCE_LENGTH and not code.isdecimal():
        return code
    try:
        return identifiers.phone(typed).value
    except InvalidInput:
        return code


def _printed(
    request: HttpRequest, token: str, branch: Branch, look: Mapping[str, Any], ticket_id: UUID
) -> HttpResponse:
    ticket_token = token_of(ticket_id)
    holder = actor_of_token(ticket_token)
    if holder is None:
        raise NotFound
    ticket = policies.access_ticket(holder, ticket_id)
    context = {
        **look,
        "branch": branch,
        "token": token,
        "ticket": ticket,
        "view": queue_queries.ticket_view(ticket, now_of(request)),
        "address": settings.PUBLIC_URL + reverse("web:ticket", args=[ticket_token]),
        "ticket_at": ticket.joined_at.astimezone(ZoneInfo(branch.timezone)),
    }
    return page(request, "kiosk_ticket.html", context)

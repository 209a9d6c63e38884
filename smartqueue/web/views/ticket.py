"""The live ticket of whoever holds its token."""

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_POST, require_safe

from smartqueue.accounts.actor import Actor
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound, Problem
from smartqueue.notifications import queries as notification_queries
from smartqueue.queues import operations, policies
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import ORDINARY, JoinChannel, TicketState
from smartqueue.queues.models import Ticket
from smartqueue.queues.tokens import actor_of_token, token_of
from smartqueue.web import queries
from smartqueue.web.views import pwa
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import failure, language_of, now_of, page

FINAL = frozenset({TicketState.COMPLETED, TicketState.CANCELLED, TicketState.EXPIRED})
LEAVABLE = frozenset({TicketState.WAITING, TicketState.CALLED, TicketState.PARKED})
MAX_DOTS = 10


def _holder(token: str) -> tuple[Actor, UUID]:
    actor = actor_of_token(token)
    if actor is None or actor.ticket_id is None:
        raise NotFound
    return actor, actor.ticket_id


def _context(request: HttpRequest, token: str, problem: Problem | None = None) -> dict[str, Any]:
    actor, ticket_id = _holder(token)
    held = policies.access_ticket(actor, ticket_id)
    now = now_of(request)
    today = service_date(now, held.queue.branch.timezone)
    view = queue_queries.ticket_view(held, now)
    is_waiting = held.state == TicketState.WAITING
    ahead = view["people_ahead"]
    return {
        "token": token,
        "ticket": held,
        "queue": held.queue,
        "branch": held.queue.branch,
        "view": view,
        "is_final": held.state in FINAL,
        "can_leave": held.state in LEAVABLE,
        "more_time_left": max(held.queue.more_time_limit - held.more_time_used, 0),
        "dots": range(ahead) if ahead is not None and ahead <= MAX_DOTS else None,
        "returns_today": held.returns_on == today,
        "returns_later": held.returns_on is not None and held.returns_on > today,
        "returned_as": _returned_as(held),
        "overtakers": queries.list_overtakers(held) if is_waiting else [],
        "ordinary": ORDINARY,
        "problem": failure(problem) if problem else None,
    }


def _returned_as(held: Ticket) -> str | None:
    """Return the address of the ticket that a return ticket was turned into."""
    used = queue_queries.returned_as(held) if held.returns_on else None
    return reverse("web:ticket", args=[token_of(used.pk)]) if used else None


def _private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_store=True)
    return response


@require_safe
def ticket(request: HttpRequest, token: str) -> HttpResponse:
    """Show the number, the place in line, the interval and why."""
    return _private(_whole(request, _context(request, token)))


def _whole(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    look = branded(request, queries.organization_of(context["ticket"].organization_id))
    shown = {**look, **context, "push_key": notification_queries.web_push_key()}
    return page(request, "ticket.html", shown, status)


@require_safe
def state(request: HttpRequest, token: str) -> HttpResponse:
    """Show the part of the page that changes; 304 while it has not."""
    context = _context(request, token)
    mark = f'"{_fingerprint(context, language_of(request))}"'
    if request.headers.get("If-None-Match") == mark:
        response = HttpResponse(status=304)
    else:
        response = page(request, "ticket_state.html", context)
    response.headers["ETag"] = mark
    return _private(response)


def _fingerprint(context: dict[str, Any], language: str) -> str:
    """Return a digest of what the part shows; the form tokens in it differ each time."""
    queue = context["queue"]
    shown = (
        context["view"],
        context["more_time_left"],
        context["returns_today"],
        context["returned_as"],
        [other.number for other in context["overtakers"]],
        (str(queue.pk), queue.name, queue.state, queue.state_reason),
        context["ticket"].customer_name,
        language,
    )
    return sha256(json.dumps(shown).encode()).hexdigest()[:20]


@require_POST
def more_time(request: HttpRequest, token: str) -> HttpResponse:
    """Let three people pass."""
    actor, ticket_id = _holder(token)
    try:
        operations.give_more_time(actor=actor, ticket_id=ticket_id, now=now_of(request))
    except NotFound:
        raise
    except Problem as problem:
        return _refused(request, token, problem)
    return HttpResponseRedirect(reverse("web:ticket", args=[token]))


@require_POST
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Leave the line."""
    actor, ticket_id = _holder(token)
    try:
        operations.cancel_ticket(actor=actor, ticket_id=ticket_id, now=now_of(request))
    except NotFound:
        raise
    except Problem as problem:
        return _refused(request, token, problem)
    return HttpResponseRedirect(reverse("web:ticket", args=[token]))


@require_POST
def use_return(request: HttpRequest, token: str) -> HttpResponse:
    """Take the place that was promised when an outage ended the line."""
    actor, ticket_id = _holder(token)
    try:
        taken = operations.use_return_ticket(
            actor=actor, ticket_id=ticket_id, now=now_of(request), channel=JoinChannel.WEB
        )
    except NotFound:
        raise
    except Problem as problem:
        return _refused(request, token, problem)
    return HttpResponseRedirect(reverse("web:ticket", args=[token_of(taken.pk)]))


def _refused(request: HttpRequest, token: str, problem: Problem) -> HttpResponse:
    context = _context(request, token, problem)
    return _private(_whole(request, context, problem.status))


@require_safe
def manifest(request: HttpRequest, token: str) -> JsonResponse:
    """Describe the ticket as an installable page that opens on itself."""
    _actor, _ticket_id = _holder(token)
    address = reverse("web:ticket", args=[token])
    return pwa.manifest_response(start=address)

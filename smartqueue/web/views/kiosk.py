"""The kiosk: large buttons, a number, a printed ticket."""

import uuid
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from smartqueue.accounts.actor import Actor
from smartqueue.business.models import Branch
from smartqueue.common.errors import NotFound, Problem
from smartqueue.queues import operations, policies
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import ORDINARY
from smartqueue.queues.tokens import actor_of_token, token_of
from smartqueue.web import queries
from smartqueue.web.once import form_digest, issue_once
from smartqueue.web.views.kit import failure, now_of, page, uuid_or_none

LANGUAGES = (("fr", "Français"), ("en", "English"), ("ar", "العربية"))


def _kiosk(token: str) -> tuple[Actor, UUID]:
    actor = actor_of_token(token)
    if actor is None or actor.branch_id is None:
        raise NotFound
    return actor, actor.branch_id


def _speak(request: HttpRequest) -> str:
    """Answer in the language chosen on the kiosk; whoever comes next chooses again."""
    given = request.POST.get("lang") or request.GET.get("lang") or ""
    language = given if given in dict(LANGUAGES) else "fr"
    translation.activate(language)
    request.LANGUAGE_CODE = language
    return language


@never_cache
@require_safe
def kiosk(request: HttpRequest, token: str) -> HttpResponse:
    """Show the services of a branch as large buttons."""
    _actor, branch_id = _kiosk(token)
    language = _speak(request)
    return _choices(request, token, queries.get_branch_by_id(branch_id), language)


def _choices(
    request: HttpRequest,
    token: str,
    branch: Branch,
    language: str,
    problem: Problem | None = None,
) -> HttpResponse:
    now = now_of(request)
    queues = branch.live_queues  # type: ignore[attr-defined]  # prefetched
    context = {
        "branch": branch,
        "token": token,
        "language": language,
        "languages": LANGUAGES,
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
    actor, branch_id = _kiosk(token)
    language = _speak(request)
    branch = queries.get_branch_by_id(branch_id)
    queue_id = uuid_or_none(request.POST.get("queue"))
    if queue_id is None:
        raise NotFound
    nonce = uuid_or_none(request.POST.get("nonce")) or uuid.uuid4()
    pressed = tuple(request.POST.get(name) for name in ("queue", "service", "vehicle_category"))

    def issue() -> list[UUID]:
        ticket = operations.issue_ticket(
            actor=actor,
            queue_id=queue_id,
            service_id=uuid_or_none(request.POST.get("service")),
            priority=request.POST.get("priority", ORDINARY),
            vehicle_category=request.POST.get("vehicle_category", ""),
            language=language,
            now=now_of(request),
        )
        return [ticket.pk]

    try:
        (ticket_id,) = issue_once(form_digest(request.path, nonce, pressed), issue)
    except NotFound:
        raise
    except Problem as problem:
        return _choices(request, token, branch, language, problem)
    return _printed(request, token, branch, ticket_id)


def _printed(request: HttpRequest, token: str, branch: Branch, ticket_id: UUID) -> HttpResponse:
    ticket_token = token_of(ticket_id)
    holder = actor_of_token(ticket_token)
    if holder is None:
        raise NotFound
    ticket = policies.access_ticket(holder, ticket_id)
    context = {
        "branch": branch,
        "token": token,
        "ticket": ticket,
        "view": queue_queries.ticket_view(ticket, now_of(request)),
        "address": settings.PUBLIC_URL + reverse("web:ticket", args=[ticket_token]),
        "ticket_at": ticket.joined_at.astimezone(ZoneInfo(branch.timezone)),
    }
    return page(request, "kiosk_ticket.html", context)

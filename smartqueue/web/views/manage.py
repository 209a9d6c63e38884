"""A manager's view of a branch: queues, counters, and what hangs on the wall."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from smartqueue.accounts.actor import Actor
from smartqueue.audit.policies import READERS
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import access_branch, can
from smartqueue.common.clock import service_date
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.queues import operations
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import SessionState
from smartqueue.queues.policies import access_queue, access_ticket
from smartqueue.web import queries
from smartqueue.web.views.kit import (
    actor_of,
    failure,
    is_htmx,
    now_of,
    page,
    signed_in,
    uuid_or_none,
)

MAX_REASON = 200
MAX_DIGITS = 7

ACTIONS: Final[dict[str, Callable[..., Any]]] = {
    "open": operations.open_queue,
    "pause": operations.pause_queue,
    "close": operations.close_queue,
    "outage": operations.close_for_outage,
    "stop-tickets": lambda *, actor, queue_id, now, **_reason: operations.stop_tickets(
        actor=actor, queue_id=queue_id, now=now
    ),
    "give-tickets": lambda *, actor, queue_id, **_rest: operations.give_tickets(
        actor=actor, queue_id=queue_id
    ),
}


@signed_in
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the branches that the caller is part of."""
    branches = queries.list_branches_with(actor_of(request), Ability.VIEW)
    if len(branches) == 1 and not actor_of(request).is_platform_admin:
        return HttpResponseRedirect(reverse("web:manage-branch", args=[branches[0].pk]))
    places = [(branch, queries.line_of(branch.live_queues)) for branch in branches]  # type: ignore[attr-defined]
    return page(request, "manage_index.html", {"places": places})


@signed_in
@require_safe
def branch(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show a branch as its manager sees it."""
    found = access_branch(actor_of(request), branch_id, Ability.VIEW)
    return page(request, "manage_branch.html", _context(request, found))


@signed_in
@require_safe
def part(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the part that changes."""
    found = access_branch(actor_of(request), branch_id, Ability.VIEW)
    return page(request, "manage_part.html", _context(request, found))


def _context(request: HttpRequest, found: Branch, problem: Problem | None = None) -> dict[str, Any]:
    actor, now = actor_of(request), now_of(request)
    queues = queries.list_queues(found.pk)
    counters = queries.list_counters(found.pk)
    may_act = can(actor, found.organization_id, Ability.SERVE, found.pk)
    is_manager = can(actor, found.organization_id, Ability.MANAGE, found.pk)
    focus = _focus(request)
    statuses = queue_queries.statuses_of(queues, now, inside=True)
    helps = queries.helps_of(queues, counters, focus, now) if is_manager else {}
    return {
        "branch": found,
        "queues": [
            (queue, status, helps.get(queue.pk))
            for queue, status in zip(queues, statuses, strict=True)
        ],
        "focus": focus,
        "today": service_date(now, found.timezone),
        "counters": counters,
        "counters_open": sum(line.state == SessionState.OPEN for line in counters),
        "line": queries.line_of(queues),
        "may_act": may_act,
        "may_read_journal": actor.has_role(found.organization_id, READERS),
        "is_manager": is_manager,
        "return_day": queue_queries.next_service_day(found, now) if is_manager else None,
        "returns": list(queue_queries.list_returns(found, now)) if may_act else [],
        "manages_people": _manages_people(actor, found),
        "problem": failure(problem) if problem else None,
    }


def _focus(request: HttpRequest) -> UUID | None:
    """Return the queue of which the page tells more."""
    return uuid_or_none(request.POST.get("focus") or request.GET.get("queue"))


def _address(branch_id: UUID, focus: UUID | None) -> str:
    """Return where a branch is managed, with one of its queues told of at length."""
    path = reverse("web:manage-branch", args=[branch_id])
    return f"{path}?queue={focus}#long-line" if focus else path


def _manages_people(actor: Actor, found: Branch) -> bool:
    role = actor.membership_in(found.organization_id)
    return role is not None and role.role in ROLES_WITH[Ability.MANAGE]


def _day(request: HttpRequest) -> date | None:
    told = request.POST.get("day", "")
    try:
        return date.fromisoformat(told) if told else None
    except ValueError as error:
        raise InvalidInput.on("day", _("Choose a day."), "day") from error


@signed_in
@require_POST
def use_return(request: HttpRequest, branch_id: UUID, ticket_id: UUID) -> HttpResponse:
    """Put somebody back in line who comes with the ticket of an outage."""
    actor = actor_of(request)
    found = access_branch(actor, branch_id, Ability.VIEW)
    if access_ticket(actor, ticket_id).branch_id != found.pk:
        raise NotFound
    now = now_of(request)
    return _acted(
        request,
        found,
        lambda: operations.use_return_ticket(actor=actor, ticket_id=ticket_id, now=now),
    )


@signed_in
@require_POST
def queue_action(
    request: HttpRequest, branch_id: UUID, queue_id: UUID, action: str
) -> HttpResponse:
    """Open, pause or close a queue, with a reason that people read; stop giving tickets, or go on."""
    act = ACTIONS.get(action)
    if act is None:
        raise NotFound
    actor = actor_of(request)
    found = access_branch(actor, branch_id, Ability.VIEW)
    if access_queue(actor, queue_id, Ability.SERVE).branch_id != found.pk:
        raise NotFound
    reason = " ".join(request.POST.get("reason", "").split())[:MAX_REASON]

    def change() -> None:
        more = {"day": _day(request)} if action == "outage" else {}
        act(actor=actor, queue_id=queue_id, reason=reason, now=now_of(request), **more)

    return _acted(request, found, change)


def _acted(request: HttpRequest, found: Branch, act: Callable[[], object]) -> HttpResponse:
    problem = None
    try:
        act()
    except NotFound:
        raise
    except Problem as refused:
        problem = refused
    if not is_htmx(request) and problem is None:
        return HttpResponseRedirect(_address(found.pk, _focus(request)))
    template = "manage_part.html" if is_htmx(request) else "manage_branch.html"
    status = problem.status if problem else 200
    return page(request, template, _context(request, found, problem), status)


@signed_in
@require_POST
def long_line(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Say from how many waiting people on managers are told of a queue; nothing for never."""
    actor = actor_of(request)
    queue = access_queue(actor, queue_id, Ability.MANAGE)
    typed = request.POST.get("people", "").strip()
    try:
        if typed and not (typed.isdecimal() and len(typed) < MAX_DIGITS):
            raise InvalidInput.on("people", _("Give a number of people, or nothing."))
        people = int(typed) if typed else None
        operations.set_long_line(actor=actor, queue_id=queue_id, people=people)
    except NotFound:
        raise
    except Problem as problem:
        found = access_branch(actor, queue.branch_id, Ability.VIEW)
        return page(
            request, "manage_branch.html", _context(request, found, problem), problem.status
        )
    return HttpResponseRedirect(_address(queue.branch_id, queue_id))

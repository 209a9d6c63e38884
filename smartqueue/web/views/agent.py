"""The agent's console: a counter, a line, one person at a time."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from smartqueue.business.enums import Ability
from smartqueue.business.policies import require
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.queues import operations
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import TicketState
from smartqueue.queues.models import CounterSession, Ticket
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

Said = str
SessionAction = Callable[[HttpRequest, CounterSession], Said]
TicketAction = Callable[[HttpRequest, UUID, CounterSession], Said]


def _session_of(request: HttpRequest) -> CounterSession | None:
    actor = actor_of(request)
    session = queue_queries.live_session_of(actor.require_user())
    if session is not None:
        require(actor, session.organization_id, Ability.SERVE, session.branch_id)
    return session


@signed_in
@require_safe
def console(request: HttpRequest) -> HttpResponse:
    """Show the console of the running session, or the choice of a counter."""
    session = _session_of(request)
    if session is None:
        return _choice(request)
    return page(request, "agent.html", _console_context(request, session))


@signed_in
@require_safe
def part(request: HttpRequest) -> HttpResponse:
    """Show the part of the console that changes."""
    session = _session_of(request)
    if session is None:
        return _moved(request)
    return page(request, "agent_part.html", _console_context(request, session))


def _moved(request: HttpRequest) -> HttpResponse:
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": reverse("web:agent")})
    return HttpResponseRedirect(reverse("web:agent"))


def _console_context(
    request: HttpRequest,
    session: CounterSession,
    said: Said = "",
    problem: Problem | None = None,
) -> dict[str, Any]:
    now = now_of(request)
    console = queries.console_of(session, now)
    return {
        "console": console,
        "joining": queue_queries.joining_estimates(console.queues, now),
        "session": session,
        "now": now,
        "said": said,
        "problem": failure(problem) if problem else None,
    }


def _choice(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    branches = queries.list_branches_with(actor, Ability.SERVE)
    if not branches:
        return page(request, "agent_nowhere.html", {}, status=404)
    wanted = uuid_or_none(request.POST.get("branch") or request.GET.get("branch"))
    branch = next((b for b in branches if b.pk == wanted), branches[0])
    require(actor, branch.organization_id, Ability.SERVE, branch.pk)
    context = {
        "branches": branches,
        "branch": branch,
        "counters": queries.list_counters(branch.pk),
        "queues": branch.live_queues,  # type: ignore[attr-defined]  # prefetched
        "chosen_counter": request.POST.get("counter") or request.GET.get("counter", ""),
        "chosen_queues": request.POST.getlist("queues"),
        "problem": failure(problem) if problem else None,
    }
    return page(request, "agent_open.html", context, problem.status if problem else 200)


@signed_in
@require_POST
def open_session(request: HttpRequest) -> HttpResponse:
    """Sit down at the chosen counter."""
    counter_id = uuid_or_none(request.POST.get("counter"))
    queue_ids = [pk for pk in map(uuid_or_none, request.POST.getlist("queues")) if pk]
    try:
        if counter_id is None:
            raise InvalidInput.on("counter", _("Choose a counter."))
        operations.open_session(
            actor=actor_of(request), counter_id=counter_id, queue_ids=queue_ids, now=now_of(request)
        )
    except NotFound:
        raise
    except Problem as problem:
        return _choice(request, problem)
    return HttpResponseRedirect(reverse("web:agent"))


def _call_next(request: HttpRequest, session: CounterSession) -> Said:
    ticket = operations.call_next_for_session(
        actor=actor_of(request), session_id=session.pk, now=now_of(request)
    )
    return _called(ticket) if ticket else _("Nobody is waiting.")


def _called(ticket: Ticket) -> Said:
    return _("%(number)s called") % {"number": ticket.number}


def _break(request: HttpRequest, session: CounterSession) -> Said:
    operations.take_break(actor=actor_of(request), session_id=session.pk, now=now_of(request))
    return _("You are on a break.")


def _resume(request: HttpRequest, session: CounterSession) -> Said:
    operations.resume_session(actor=actor_of(request), session_id=session.pk, now=now_of(request))
    return _("The counter is open.")


def _end(request: HttpRequest, session: CounterSession) -> Said:
    operations.end_session(actor=actor_of(request), session_id=session.pk, now=now_of(request))
    return ""


SESSION_ACTIONS: Final[dict[str, SessionAction]] = {
    "call-next": _call_next,
    "break": _break,
    "resume": _resume,
    "end": _end,
}


@signed_in
@require_POST
def session_action(request: HttpRequest, action: str) -> HttpResponse:
    """Call the next person, take a break, come back, or leave the counter."""
    act = SESSION_ACTIONS.get(action)
    if act is None:
        raise NotFound
    return _answer(request, lambda session: act(request, session))


def _call(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    return _called(
        operations.call_ticket(
            actor=actor_of(request),
            ticket_id=ticket_id,
            session_id=session.pk,
            now=now_of(request),
        )
    )


def _recall(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.recall_ticket(
        actor=actor_of(request), ticket_id=ticket_id, now=now_of(request)
    )
    if ticket.state == TicketState.NO_SHOW:
        return _("%(number)s did not come") % {"number": ticket.number}
    return _("%(number)s called again") % {"number": ticket.number}


def _start(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.start_ticket(
        actor=actor_of(request), ticket_id=ticket_id, now=now_of(request)
    )
    return _("%(number)s is here") % {"number": ticket.number}


def _complete(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.complete_ticket(
        actor=actor_of(request), ticket_id=ticket_id, now=now_of(request)
    )
    return _("%(number)s done") % {"number": ticket.number}


def _no_show(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.mark_no_show(
        actor=actor_of(request), ticket_id=ticket_id, now=now_of(request)
    )
    return _("%(number)s did not come") % {"number": ticket.number}


def _park(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.park_ticket(
        actor=actor_of(request),
        ticket_id=ticket_id,
        reason=request.POST.get("reason", "")[:60],
        now=now_of(request),
    )
    return _("%(number)s set aside") % {"number": ticket.number}


def _back_in_line(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.resume_ticket(
        actor=actor_of(request), ticket_id=ticket_id, now=now_of(request)
    )
    return _("%(number)s back in line") % {"number": ticket.number}


def _return(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.return_ticket(
        actor=actor_of(request),
        ticket_id=ticket_id,
        to="last" if request.POST.get("to") == "last" else "first",
        now=now_of(request),
    )
    return _("%(number)s back in line") % {"number": ticket.number}


def _transfer(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    target = uuid_or_none(request.POST.get("queue"))
    if target is None:
        raise InvalidInput.on("queue", _("Choose another queue."))
    ticket = operations.transfer_ticket(
        actor=actor_of(request), ticket_id=ticket_id, target_queue_id=target, now=now_of(request)
    )
    return _("%(number)s sent to %(queue)s") % {
        "number": ticket.number,
        "queue": ticket.queue.name,
    }


def _undo(request: HttpRequest, ticket_id: UUID, session: CounterSession) -> Said:
    ticket = operations.undo_step(actor=actor_of(request), ticket_id=ticket_id, now=now_of(request))
    return _("Last step on %(number)s undone") % {"number": ticket.number}


TICKET_ACTIONS: Final[dict[str, TicketAction]] = {
    "call": _call,
    "recall": _recall,
    "start": _start,
    "complete": _complete,
    "no-show": _no_show,
    "park": _park,
    "resume": _back_in_line,
    "return": _return,
    "transfer": _transfer,
    "undo": _undo,
}


@signed_in
@require_POST
def ticket_action(request: HttpRequest, ticket_id: UUID, action: str) -> HttpResponse:
    """Act on one ticket."""
    act = TICKET_ACTIONS.get(action)
    if act is None:
        raise NotFound
    return _answer(request, lambda session: act(request, ticket_id, session))


def _answer(request: HttpRequest, act: Callable[[CounterSession], Said]) -> HttpResponse:
    """Act, then show the console as it is now, whether it went well or not."""
    session = _session_of(request)
    if session is None:
        return _moved(request)
    said, problem = "", None
    try:
        said = act(session)
    except NotFound:
        raise
    except Problem as refused:
        problem = refused
    session = _session_of(request)
    if session is None or (problem is None and not is_htmx(request)):
        return _moved(request)
    template = "agent_part.html" if is_htmx(request) else "agent.html"
    context = _console_context(request, session, said, problem)
    return page(request, template, context, problem.status if problem else 200)

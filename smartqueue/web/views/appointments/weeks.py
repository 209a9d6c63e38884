"""The week, the agents' day, and moving appointments in them."""

from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from smartqueue.appointments import operations
from smartqueue.appointments.enums import MOVABLE
from smartqueue.appointments.models import Appointment
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import can
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import bookings, grids
from smartqueue.web.views.appointments.frame import appointment_at, branch_of, branch_page, day_of
from smartqueue.web.views.booking import date_or_none, shown_times, time_of
from smartqueue.web.views.kit import actor_of, now_of, signed_in, uuid_or_none

DAY: Final = "day"
WEEK: Final = "week"
AGENTS: Final = "agents"
PAGES: Final = {
    DAY: "web:manage-appointments",
    WEEK: "web:manage-appointments-week",
    AGENTS: "web:manage-appointments-agents",
}


@never_cache
@signed_in
@require_safe
def week(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the appointments of a week by the hour."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    return _week(request, branch, day_of(request, branch))


@never_cache
@signed_in
@require_safe
def agents(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the appointments of a day by the hour, each agent's beside the others'."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    return _agents(request, branch, day_of(request, branch))


def _week(
    request: HttpRequest,
    branch: Branch,
    shown: date,
    problem: Problem | None = None,
    refused: Appointment | None = None,
) -> HttpResponse:
    monday = shown - timedelta(days=shown.weekday())
    context = {
        "view": WEEK,
        "grid": grids.week_grid(branch, shown),
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
    }
    return _grid(request, branch, shown, context, problem, refused)


def _agents(
    request: HttpRequest,
    branch: Branch,
    shown: date,
    problem: Problem | None = None,
    refused: Appointment | None = None,
) -> HttpResponse:
    names_reasons = can(actor_of(request), branch.organization_id, Ability.MANAGE)
    context = {
        "view": AGENTS,
        "grid": grids.agents_grid(branch, shown, names_reasons=names_reasons),
        "before": shown - timedelta(days=1),
        "after": shown + timedelta(days=1),
        "sees_all": names_reasons,
        "own_id": actor_of(request).user_id,
    }
    return _grid(request, branch, shown, context, problem, refused)


def _grid(
    request: HttpRequest,
    branch: Branch,
    shown: date,
    context: dict[str, Any],
    problem: Problem | None,
    refused: Appointment | None,
) -> HttpResponse:
    more = {
        "day": shown,
        "today": service_date(now_of(request), branch.timezone),
        "movable": MOVABLE,
        "refused": refused,
        "free_instead": bookings.free_instead(problem.extra, branch) if problem else [],
    }
    template = f"appointments_{context['view']}.html"
    return branch_page(request, template, branch, context["view"], context | more, problem)


@never_cache
@signed_in
@require_safe
def free(request: HttpRequest, branch_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Tell the grid's script where an appointment can be moved to in the dates that are shown."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    found = appointment_at(request, branch, appointment_id)
    since = until = day_of(request, branch)
    by_agent = request.GET.get("view") == AGENTS
    if not by_agent:
        since -= timedelta(days=since.weekday())
        until = since + timedelta(days=6)
    with timezone.override(branch.timezone):
        rows = grids.free_for(found, since, until, now_of(request), by_agent=by_agent)
    return JsonResponse({"free": rows})


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, branch_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Move somebody's appointment to a time that is pressed; the staff may use all places."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    found = appointment_at(request, branch, appointment_id)
    view = request.POST.get("view", DAY)
    problem = None
    if request.method == "POST":
        try:
            moved = operations.reschedule_appointment(
                actor=actor_of(request),
                appointment_id=found.pk,
                starts_at=time_of(request),
                agent_id=uuid_or_none(request.POST.get("agent")),
                now=now_of(request),
            )
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
        else:
            return HttpResponseRedirect(_page_of(view, branch, moved, found.agent_id))
        if view in {WEEK, AGENTS}:
            show = _week if view == WEEK else _agents
            return show(request, branch, day_of(request, branch), problem, found)
    return _choice(request, branch, found, problem)


def _page_of(view: str, branch: Branch, moved: Appointment, agent_id: UUID | None) -> str:
    """Return the page that shows where somebody was moved to, and the way back."""
    address = reverse(PAGES.get(view, PAGES[DAY]), args=[branch.pk])
    facts = {"date": moved.date, "moved": moved.pk}
    if agent_id is not None:
        facts["was"] = agent_id
    return f"{address}?{urlencode(facts)}"


def _choice(
    request: HttpRequest, branch: Branch, found: Appointment, problem: Problem | None
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    more = {
        "moved": found,
        "who": found.customer_name or found.reference,
        "back": f"{reverse(PAGES[DAY], args=[branch.pk])}?date={found.date}",
        "people": found.people,
        "people_choices": (),
        "needs_account": False,
        "here": request.path,
        "choice": bookings.choice_of(
            found.service,
            branch,
            now_of(request),
            day=date_or_none(given.get("day")) or found.date,
            people=found.people,
            is_public=False,
        ),
    }
    return shown_times(request, found.branch, found.service, problem=problem, more=more)

"""The day: who is expected, late and here, and what the staff do about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from smartqueue.appointments import operations
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import calendars
from smartqueue.web.views.appointments.frame import appointment_at, branch_of, branch_page, day_of
from smartqueue.web.views.kit import actor_of, is_htmx, now_of, signed_in

MAX_REASON: Final = 200


def _say_reason(request: HttpRequest) -> dict[str, str]:
    return {"reason": " ".join(request.POST.get("reason", "").split())[:MAX_REASON]}


def _nothing(_request: HttpRequest) -> dict[str, str]:
    return {}


ACTIONS: Final[dict[str, tuple[Callable[..., Any], Callable[[HttpRequest], dict[str, str]]]]] = {
    "check-in": (operations.check_in_appointment, _nothing),
    "no-show": (operations.mark_no_show, _nothing),
    "approve": (operations.approve_appointment, _nothing),
    "decline": (operations.decline_appointment, _say_reason),
    "cancel": (operations.cancel_appointment, _say_reason),
}


def _day_context(request: HttpRequest, branch: Branch) -> dict[str, Any]:
    day = day_of(request, branch)
    return {
        "board": calendars.board_of(branch, day, now_of(request)),
        "day": day,
        "today": service_date(now_of(request), branch.timezone),
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "now": now_of(request),
    }


@never_cache
@signed_in
@require_safe
def day(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show who has an appointment on a date; today, who is expected, late and here."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    return branch_page(
        request, "appointments_day.html", branch, "day", _day_context(request, branch)
    )


@never_cache
@signed_in
@require_safe
def part(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the part of the day that changes."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    return branch_page(
        request, "appointments_board.html", branch, "day", _day_context(request, branch)
    )


@signed_in
@require_POST
def action(
    request: HttpRequest, branch_id: UUID, appointment_id: UUID, action: str
) -> HttpResponse:
    """Check somebody in, note that they did not come, approve, decline or cancel."""
    act, read = ACTIONS.get(action, (None, _nothing))
    if act is None:
        raise NotFound
    branch = branch_of(request, branch_id, Ability.SERVE)
    found = appointment_at(request, branch, appointment_id)
    problem = None
    try:
        act(
            actor=actor_of(request),
            appointment_id=found.pk,
            now=now_of(request),
            **read(request),
        )
    except NotFound:
        raise
    except Problem as refused:
        problem = refused
    if problem is None and request.POST.get("back") == "requests":
        return HttpResponseRedirect(reverse("web:manage-requests", args=[branch_id]))
    if problem is None and not is_htmx(request):
        address = reverse("web:manage-appointments", args=[branch_id])
        return HttpResponseRedirect(f"{address}?date={day_of(request, branch)}")
    template = "appointments_board.html" if is_htmx(request) else "appointments_day.html"
    return branch_page(request, template, branch, "day", _day_context(request, branch), problem)

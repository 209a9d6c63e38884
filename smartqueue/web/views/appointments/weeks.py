"""The week, and moving appointments in it."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from smartqueue.appointments import operations
from smartqueue.appointments.enums import MOVABLE
from smartqueue.business.enums import Ability
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import bookings, calendars
from smartqueue.web.views.appointments.frame import appointment_at, branch_of, branch_page, day_of
from smartqueue.web.views.booking import date_or_none, shown_times, time_of
from smartqueue.web.views.kit import actor_of, now_of, signed_in


@never_cache
@signed_in
@require_safe
def week(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the appointments of a week."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    shown = day_of(request, branch)
    monday = shown - timedelta(days=shown.weekday())
    context = {
        "days": calendars.week_of(branch, shown),
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "today": service_date(now_of(request), branch.timezone),
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "movable": MOVABLE,
    }
    return branch_page(request, "appointments_week.html", branch, "week", context)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, branch_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Move somebody's appointment to a time that is pressed; the staff may use all places."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    found = appointment_at(request, branch, appointment_id)
    address = reverse("web:manage-appointments", args=[branch_id])
    problem = None
    if request.method == "POST":
        try:
            moved = operations.reschedule_appointment(
                actor=actor_of(request),
                appointment_id=found.pk,
                starts_at=time_of(request),
                now=now_of(request),
            )
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
        else:
            return HttpResponseRedirect(f"{address}?date={moved.date}")
    given = request.POST if request.method == "POST" else request.GET
    more = {
        "moved": found,
        "who": found.customer_name or found.reference,
        "back": f"{address}?date={found.date}",
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

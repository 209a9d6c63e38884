"""One agent's calendar: the week, the weekly slots, breaks and leaves."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from smartqueue.accounts.models import User
from smartqueue.appointments import operations
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.common.clock import service_date
from smartqueue.common.db import run_in_unit
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.web import calendars, grids
from smartqueue.web.bookings import zone_of
from smartqueue.web.views.appointments.frame import branch_of, branch_page, day_of, valid
from smartqueue.web.views.appointments.slots import DAYS
from smartqueue.web.views.appointments.weeks import WEEK
from smartqueue.web.views.kit import actor_of, now_of, signed_in

LONGEST_REPEAT: Final = timedelta(days=92)


class BreakForm(forms.Form):
    """A time of the day at which somebody is not there, on one date or on each until another."""

    date = forms.DateField()
    start_time = forms.TimeField()
    end_time = forms.TimeField()
    until = forms.DateField(required=False)
    reason = forms.CharField(max_length=120, required=False)

    def clean(self) -> dict[str, Any]:
        """Refuse a repetition that ends before it begins, or goes on for more than 92 days."""
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("date"), values.get("until")
        if first and last and not first <= last <= first + LONGEST_REPEAT:
            self.add_error("until", _("The last date comes after the first, within three months."))
        return values


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: HttpRequest, branch_id: UUID, agent_id: UUID) -> HttpResponse:
    """Show an agent's week, slots and absences: one's own, for a manager anybody's; add a break."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    agent = calendars.access_agent(actor_of(request), branch.organization_id, agent_id)
    if request.method != "POST":
        return _calendar(request, branch, agent)
    try:
        values = valid(BreakForm(request.POST))
        _take_breaks(request, branch, agent_id, values)
    except NotFound:
        raise
    except Problem as problem:
        return _calendar(request, branch, agent, problem)
    address = reverse("web:manage-agent-calendar", args=[branch.pk, agent_id])
    return HttpResponseRedirect(f"{address}?date={values['date']}")


def _take_breaks(
    request: HttpRequest, branch: Branch, agent_id: UUID, values: dict[str, Any]
) -> None:
    working = calendars.working_days(branch, agent_id)
    days = list(_days(values["date"], values["until"] or values["date"], working))
    if not days:
        raise InvalidInput.on("date", _("This person has no slots on these days."))
    zone = zone_of(branch)

    def at(day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, zone)

    actor, now = actor_of(request), now_of(request)

    def take() -> None:
        for day in days:
            operations.add_absence(
                actor=actor,
                organization_id=branch.organization_id,
                agent_id=agent_id,
                starts_at=at(day, values["start_time"]),
                ends_at=at(day, values["end_time"]),
                reason=values["reason"],
                now=now,
            )

    run_in_unit(take, actor, now)


def _days(first: date, last: date, working: set[int]) -> list[date]:
    """Return the dates of a break: one that stands alone on any weekday, else working days."""
    if first == last:
        return [first]
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in every if not working or day.weekday() in working]


def _calendar(
    request: HttpRequest, branch: Branch, agent: User, problem: Problem | None = None
) -> HttpResponse:
    shown = day_of(request, branch)
    monday = shown - timedelta(days=shown.weekday())
    context = {
        "view": WEEK,
        "read_only": True,
        "agent": agent,
        "grid": grids.week_grid(branch, shown, agent.pk),
        "slots": calendars.slots_of_agent(branch, agent.pk),
        "rows": calendars.absences_of(branch.organization_id, now_of(request), agent.pk),
        "days": DAYS,
        "typed": request.POST,
        "day": shown,
        "today": service_date(now_of(request), branch.timezone),
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
    }
    return branch_page(request, "appointments_agent.html", branch, "agents", context, problem)

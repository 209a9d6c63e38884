"""When the people who serve are away."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.appointments import operations
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import can
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import calendars
from smartqueue.web.views.appointments.frame import branch_of, branch_page, saved, valid
from smartqueue.web.views.kit import actor_of, now_of, signed_in, uuid_or_none


class AbsenceForm(forms.Form):
    """A time at which somebody is not there."""

    agent = forms.UUIDField()
    starts_at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M"])
    ends_at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M"])
    reason = forms.CharField(max_length=120, required=False)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List when people are away: one's own, for a manager everybody's; a sent form adds one."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    if request.method != "POST":
        return _absences(request, branch)
    try:
        with timezone.override(branch.timezone):
            values = valid(AbsenceForm(request.POST))
        operations.add_absence(
            actor=actor_of(request),
            organization_id=branch.organization_id,
            agent_id=values.pop("agent"),
            now=now_of(request),
            **values,
        )
    except NotFound:
        raise
    except Problem as problem:
        return _absences(request, branch, problem)
    return saved(request, "web:manage-absences", branch, _("Saved."))


def _absences(request: HttpRequest, branch: Branch, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    sees_all = can(actor, branch.organization_id, Ability.MANAGE)
    people = calendars.serving_people(branch.organization_id)
    context = {
        "rows": calendars.absences_of(
            branch.organization_id, now_of(request), None if sees_all else actor.require_user()
        ),
        "people": people if sees_all else [p for p in people if p.pk == actor.user_id],
        "typed": request.POST,
        "own_id": actor.user_id,
    }
    return branch_page(request, "appointments_absences.html", branch, "absences", context, problem)


@signed_in
@require_POST
def remove_absence(request: HttpRequest, branch_id: UUID, absence_id: UUID) -> HttpResponse:
    """Open somebody's calendar again."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    operations.remove_absence(actor=actor_of(request), absence_id=absence_id, now=now_of(request))
    agent_id = uuid_or_none(request.POST.get("agent"))
    if agent_id is not None:
        messages.success(request, _("Saved."))
        address = reverse("web:manage-agent-calendar", args=[branch.pk, agent_id])
        return HttpResponseRedirect(address)
    return saved(request, "web:manage-absences", branch, _("Saved."))

"""Single dates that differ from the weekly slots."""

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.appointments import operations, policies
from smartqueue.appointments.enums import ExceptionKind
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import calendars
from smartqueue.web.views.appointments.frame import (
    MOST_PLACES,
    branch_of,
    branch_page,
    saved,
    valid,
)
from smartqueue.web.views.kit import actor_of, now_of, signed_in, uuid_or_none


class DateForm(forms.Form):
    """A date that differs from the weekly slots."""

    date = forms.DateField()
    kind = forms.ChoiceField(choices=ExceptionKind.choices)
    start_time = forms.TimeField(required=False)
    end_time = forms.TimeField(required=False)
    interval_minutes = forms.IntegerField(min_value=5, max_value=480, required=False)
    capacity = forms.IntegerField(min_value=0, max_value=MOST_PLACES, required=False)
    public_capacity = forms.IntegerField(min_value=0, max_value=MOST_PLACES, required=False)
    reason = forms.CharField(max_length=120, required=False)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def dates(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the dates that differ from the weekly slots; a sent form adds one."""
    branch = branch_of(request, branch_id, Ability.MANAGE)
    if request.method != "POST":
        return _dates(request, branch)
    try:
        operations.create_slot_exception(
            actor=actor_of(request),
            branch_id=branch.pk,
            service_id=uuid_or_none(request.POST.get("service")),
            now=now_of(request),
            **valid(DateForm(request.POST)),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _dates(request, branch, problem)
    return saved(request, "web:manage-dates", branch, _("Saved."))


def _dates(request: HttpRequest, branch: Branch, problem: Problem | None = None) -> HttpResponse:
    context = {
        "rows": calendars.dates_of(branch, now_of(request)),
        "services": [service for service, _slots in calendars.slots_of(branch)],
        "kinds": ExceptionKind.choices,
        "typed": request.POST,
        "today": service_date(now_of(request), branch.timezone),
    }
    return branch_page(request, "appointments_dates.html", branch, "dates", context, problem)


@signed_in
@require_POST
def remove_date(request: HttpRequest, branch_id: UUID, exception_id: UUID) -> HttpResponse:
    """Let a date follow the weekly slots again."""
    branch = branch_of(request, branch_id, Ability.MANAGE)
    if policies.access_slot_exception(actor_of(request), exception_id).branch_id != branch.pk:
        raise NotFound
    operations.remove_slot_exception(
        actor=actor_of(request), exception_id=exception_id, now=now_of(request)
    )
    return saved(
        request, "web:manage-dates", branch, _("This date follows the weekly slots again.")
    )

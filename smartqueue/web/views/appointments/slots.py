"""What a branch offers every week."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.appointments import operations, policies
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import can
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.web import calendars
from smartqueue.web.views.appointments.frame import (
    MOST_PLACES,
    branch_of,
    branch_page,
    saved,
    valid,
)
from smartqueue.web.views.kit import actor_of, now_of, signed_in, uuid_or_none

DAYS = tuple((number, name) for number, name in WEEKDAYS.items())


class SlotForm(forms.Form):
    """A weekly slot."""

    agent = forms.UUIDField(required=False)
    day_of_week = forms.TypedChoiceField(choices=DAYS, coerce=int)
    start_time = forms.TimeField()
    end_time = forms.TimeField()
    interval_minutes = forms.IntegerField(min_value=5, max_value=480)
    capacity = forms.IntegerField(min_value=1, max_value=MOST_PLACES)
    public_capacity = forms.IntegerField(min_value=0, max_value=MOST_PLACES, required=False)
    valid_until = forms.DateField(required=False)

    def clean(self) -> dict[str, Any]:
        """Let all places be for the public unless told otherwise."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("public_capacity") is None:
            values["public_capacity"] = values.get("capacity")
        values["agent_id"] = values.pop("agent", None)
        return values


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def slots(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the weekly slots of a branch; a sent form offers another one."""
    branch = branch_of(request, branch_id, Ability.MANAGE)
    if request.method != "POST":
        return _slots(request, branch)
    try:
        service_id = uuid_or_none(request.POST.get("service"))
        if service_id is None:
            raise InvalidInput.on("service", _("Choose a service."), "required")
        operations.create_slot(
            actor=actor_of(request),
            branch_id=branch.pk,
            service_id=service_id,
            now=now_of(request),
            **valid(SlotForm(request.POST)),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _slots(request, branch, problem)
    return saved(request, "web:manage-slots", branch, _("The slot is offered every week."))


def _slots(request: HttpRequest, branch: Branch, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "services": calendars.slots_of(branch),
        "days": DAYS,
        "typed": request.POST,
        "people": calendars.serving_people(branch.organization_id),
        "wanted": uuid_or_none(request.POST.get("agent") or request.GET.get("agent")),
        "sets_rules": can(actor, branch.organization_id, Ability.MANAGE),
    }
    return branch_page(request, "appointments_slots.html", branch, "slots", context, problem)


@signed_in
@require_POST
def generate(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Offer a service as most places do: Monday to Friday, 9 to 17, every 30 minutes."""
    branch = branch_of(request, branch_id, Ability.MANAGE)
    service_id = uuid_or_none(request.POST.get("service"))
    if service_id is None:
        raise NotFound
    given = request.POST.get("capacity", "")
    capacity = int(given) if given.isdecimal() and given.isascii() and len(given) < 4 else 1
    try:
        operations.generate_usual_slots(
            actor=actor_of(request),
            branch_id=branch.pk,
            service_id=service_id,
            now=now_of(request),
            capacity=max(capacity, 1),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _slots(request, branch, problem)
    return saved(request, "web:manage-slots", branch, _("The usual weekly slots are offered."))


@signed_in
@require_POST
def slot_action(request: HttpRequest, branch_id: UUID, slot_id: UUID, action: str) -> HttpResponse:
    """Change a weekly slot, or offer it no more."""
    branch = branch_of(request, branch_id, Ability.MANAGE)
    if policies.access_slot(actor_of(request), slot_id).branch_id != branch.pk:
        raise NotFound
    if action not in {"change", "retire"}:
        raise NotFound
    given: dict[str, Any] = {
        "actor": actor_of(request),
        "slot_id": slot_id,
        "now": now_of(request),
    }
    try:
        if action == "change":
            operations.update_slot(**given, **valid(SlotForm(request.POST)))
        else:
            operations.retire_slot(**given)
    except NotFound:
        raise
    except Problem as problem:
        return _slots(request, branch, problem)
    return saved(request, "web:manage-slots", branch, _("Saved."))

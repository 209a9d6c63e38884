"""What every page of a branch's appointments needs: the branch, the frame, the day, a form's values."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from smartqueue.appointments import policies
from smartqueue.appointments.enums import MOVABLE
from smartqueue.appointments.models import Appointment
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import access_branch, can
from smartqueue.common.clock import service_date
from smartqueue.common.errors import FieldError, InvalidInput, NotFound, Problem
from smartqueue.web import bookings
from smartqueue.web.views.booking import date_or_none
from smartqueue.web.views.kit import actor_of, failure, now_of, page, uuid_or_none

MOST_PLACES: Final = 1000


def branch_of(request: HttpRequest, branch_id: UUID, ability: Ability) -> Branch:
    """Return a branch at which the caller has an ability."""
    return access_branch(actor_of(request), branch_id, ability)


def branch_page(
    request: HttpRequest,
    template: str,
    branch: Branch,
    tab: str,
    context: dict[str, Any],
    problem: Problem | None = None,
) -> HttpResponse:
    """Render a page about a branch's appointments on the branch's clock."""
    actor = actor_of(request)
    values = {
        "branch": branch,
        "tab": tab,
        "is_manager": can(actor, branch.organization_id, Ability.MANAGE, branch.pk),
        "is_bookable": bool(bookings.offered_services(branch)),
        "just_moved": _just_moved(request, branch),
        "was": uuid_or_none(request.GET.get("was")),
        "problem": failure(problem) if problem else None,
        **context,
    }
    with timezone.override(branch.timezone):
        return page(request, template, values, problem.status if problem else 200)


def _just_moved(request: HttpRequest, branch: Branch) -> Appointment | None:
    """Return the appointment that the address says was moved, for the way back."""
    given = uuid_or_none(request.GET.get("moved"))
    if given is None:
        return None
    try:
        found = appointment_at(request, branch, given)
    except NotFound:
        return None
    return found if found.moved_from is not None and found.state in MOVABLE else None


def day_of(request: HttpRequest, branch: Branch) -> date:
    """Return the date that is asked for, on the branch's clock; today where none can be meant."""
    given = request.POST if request.method == "POST" else request.GET
    found = date_or_none(given.get("date"))
    today = service_date(now_of(request), branch.timezone)
    # The next and last years are as far as anybody looks.
    return found if found and abs((found - today).days) < 800 else today


def appointment_at(request: HttpRequest, branch: Branch, appointment_id: UUID) -> Appointment:
    """
    Return an appointment that the caller serves, of this branch.

    :raises NotFound: unknown, or of another branch
    """
    found = policies.access_appointment(actor_of(request), appointment_id)
    if found.branch_id != branch.pk:
        raise NotFound
    return found


def valid(form: forms.Form) -> dict[str, Any]:
    """
    Return what a form holds.

    :raises InvalidInput: with a sentence for each field
    """
    if not form.is_valid():
        raise InvalidInput(
            errors=tuple(
                FieldError(name, "invalid", " ".join(map(str, texts)))
                for name, texts in form.errors.items()
            )
        )
    return form.cleaned_data


def saved(request: HttpRequest, name: str, branch: Branch, said: str) -> HttpResponse:
    """Say that something is done, and go back to a page of the branch."""
    messages.success(request, said)
    return HttpResponseRedirect(reverse(name, args=[branch.pk]))

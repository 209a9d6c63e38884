"""What waits for an answer: appointments to approve, and the waitlist."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.appointments import operations, policies
from smartqueue.appointments.enums import MOVABLE
from smartqueue.business.enums import Ability
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import bookings, calendars
from smartqueue.web.views.appointments.frame import appointment_at, branch_of, branch_page, saved
from smartqueue.web.views.kit import actor_of, now_of, signed_in


@never_cache
@signed_in
@require_safe
def requests(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the appointments that await approval on any date, and who waits for a place."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    context = {
        "pending": calendars.pending_of(branch, now_of(request)),
        "waiting": calendars.waiting_of(branch),
        "now": now_of(request),
    }
    return branch_page(request, "appointments_requests.html", branch, "requests", context)


@signed_in
@require_POST
def take_off(request: HttpRequest, branch_id: UUID, entry_id: UUID) -> HttpResponse:
    """Take somebody off the waitlist; a place that was offered goes to the next."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    if policies.access_entry(actor_of(request), entry_id).branch_id != branch.pk:
        raise NotFound
    operations.leave_waitlist(actor=actor_of(request), entry_id=entry_id, now=now_of(request))
    return saved(request, "web:manage-requests", branch, _("The waitlist is shorter by one."))


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def together(request: HttpRequest, branch_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Show the appointments of a series or a visit; cancel one, or it and all that follow."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    found = appointment_at(request, branch, appointment_id)
    if not bookings.together_with(found):
        raise NotFound
    problem = None
    if request.method == "POST":
        is_all = request.POST.get("what") == "following"
        cancel: Any = operations.cancel_series if is_all else operations.cancel_appointment
        try:
            cancel(actor=actor_of(request), appointment_id=found.pk, now=now_of(request))
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
    rows = bookings.together_with(found)
    context = {"rows": rows, "first": rows[0], "movable": MOVABLE}
    return branch_page(request, "appointments_together.html", branch, "week", context, problem)

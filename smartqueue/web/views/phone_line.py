"""How a branch is reached by phone: a manager's page."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smartqueue.business.enums import Ability
from smartqueue.business.policies import access_branch
from smartqueue.common.errors import NotFound, Problem
from smartqueue.dialogues import operations, queries
from smartqueue.queues.queries import list_queues
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def phone_line(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show and set the code of a branch, and the number that gives a ticket to who rings it."""
    if request.method != "POST":
        return _form(request, branch_id)
    try:
        operations.set_line(
            actor=actor_of(request),
            branch_id=branch_id,
            code=request.POST.get("code", "")[:20],
            missed_call_number=request.POST.get("missed_call_number", "")[:24],
            missed_call_queue_id=_queue_id(request),
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _form(request, branch_id, problem)
    messages.success(request, _("Saved. New posters show it."))
    return HttpResponseRedirect(reverse("web:manage-phone", args=[branch_id]))


def _queue_id(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("missed_call_queue", ""))
    except ValueError:
        return None


def _form(request: HttpRequest, branch_id: UUID, problem: Problem | None = None) -> HttpResponse:
    branch = access_branch(actor_of(request), branch_id, Ability.MANAGE)
    line = queries.line_of_branch(branch.pk)
    kept = {
        "code": line.code if line else queries.free_code(branch),
        "missed_call_number": line.missed_call_shown if line else "",
        "missed_call_queue": str(line.missed_call_queue_id or "") if line else "",
    }
    context = {
        "branch": branch,
        "line": line,
        "typed": request.POST if problem else kept,
        "queues": [
            (str(queue.pk), f"{queue.prefix} · {queue.name}")
            for queue in list_queues().filter(branch=branch.pk)
        ],
        "sms_number": settings.SMS_NUMBER,
        "ussd_code": settings.USSD_CODE,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "phone_line.html", context, problem.status if problem else 200)

"""Owners vouch for a colleague who lost every second factor; the person can object."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.accounts import operations
from smartqueue.accounts.queries import open_factor_resets
from smartqueue.business import policies, queries
from smartqueue.business.models import Membership
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web.views.kit import actor_of, failure, now_of, page, recently_signed_in, signed_in

GROUP = 4


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def vouch(request: HttpRequest, organization_id: UUID, member_id: UUID) -> HttpResponse:
    """Say how to make sure who somebody is, and give the code that stands in for what they lost."""
    member = _member(request, organization_id, member_id)
    reset = open_factor_resets(member.user_id).first()
    context: dict[str, Any] = {
        "organization": member.organization,
        "tab": "members",
        "is_owner": True,
        "member": member,
        "reset": reset,
    }
    if request.method != "POST":
        return page(request, "lost_factors.html", context)
    actor, now = actor_of(request), now_of(request)
    try:
        if "withdraw" in request.POST and reset:
            operations.cancel_factor_reset(actor=actor, reset_id=reset.pk, now=now)
            messages.success(request, _("Withdrawn. The code counts no more."), "good")
            return HttpResponseRedirect(request.path)
        issued = operations.issue_factor_reset(
            actor=actor,
            whose=member.user_id,
            reason=request.POST.get("reason", "").replace("\0", ""),
            now=now,
        )
    except NotFound:
        raise
    except Problem as problem:
        shown = context | {"problem": failure(problem), "typed": request.POST}
        return page(request, "lost_factors.html", shown, problem.status)
    groups = [issued.code[i : i + GROUP] for i in range(0, len(issued.code), GROUP)]
    shown = context | {"issued": issued.reset, "code": "-".join(groups)}
    return page(request, "lost_factors_code.html", shown)


def _member(request: HttpRequest, organization_id: UUID, member_id: UUID) -> Membership:
    """Return a member as an owner sees them; the owner's own is none to vouch for."""
    right = policies.access_staff(actor_of(request), organization_id)
    members = queries.list_members(organization=organization_id, reach=right.reach)
    member = members.select_related("user", "organization").filter(pk=member_id).first()
    if not right.is_owner or member is None or member.user_id == actor_of(request).user_id:
        raise NotFound
    return member


@require_POST
@signed_in
def withdraw(request: HttpRequest, reset_id: UUID) -> HttpResponse:
    """Take back a code that somebody gave in this person's name."""
    operations.cancel_factor_reset(actor=actor_of(request), reset_id=reset_id, now=now_of(request))
    messages.success(request, _("Withdrawn. Change your password, too."), "good")
    return HttpResponseRedirect(reverse("web:account-security"))

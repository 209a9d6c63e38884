"""Support access: platform staff open it with a reason, owners see it and can end it."""

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.business import operations, policies, queries
from smartqueue.business.enums import Ability
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.notifications.queries import list_sms_providers
from smartqueue.web.queries import list_organizations_named
from smartqueue.web.views.kit import (
    actor_of,
    failure,
    now_of,
    page,
    signed_in,
    uuid_or_none,
)

A_PAGE: Final = 20
MINUTES: Final = (30, 60, 120, 240)


@signed_in
@require_safe
def for_owners(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Show an owner when platform staff had access, and why."""
    organization = policies.access_organization(actor_of(request), organization_id, Ability.OWN)
    pages = Paginator(queries.list_support(organization=organization.pk), A_PAGE)
    context = {
        "organization": organization,
        "tab": "support",
        "is_owner": True,
        "page": pages.get_page(request.GET.get("page")),
        "now": now_of(request),
    }
    return page(request, "support_of_organization.html", context)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def for_staff(request: HttpRequest) -> HttpResponse:
    """Let a platform administrator open access, and list what they have opened."""
    actor = actor_of(request)
    if not actor.is_platform_admin:
        raise NotFound
    if request.method != "POST":
        return _staff(request)
    try:
        access = operations.open_support_access(
            actor=actor,
            organization_id=_organization(request),
            reason=request.POST.get("reason", "")[:300],
            minutes=int(request.POST.get("minutes", "0").strip() or 0)
            if request.POST.get("minutes", "").isdecimal()
            else 0,
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _staff(request, problem)
    messages.success(request, _("Access is open, and the owners are told."))
    return HttpResponseRedirect(reverse("web:manage-members", args=[access.organization_id]))


def _organization(request: HttpRequest) -> UUID:
    chosen = uuid_or_none(request.POST.get("organization"))
    if chosen is None:
        raise InvalidInput.on("organization", _("Choose an organization."))
    return chosen


def _staff(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    search = (request.GET.get("search") or "").replace("\0", "")[:100]
    pages = Paginator(queries.list_support(admin=actor_of(request).require_user()), A_PAGE)
    context = {
        "organizations": list_organizations_named(search),
        "search": search,
        "minutes": MINUTES,
        "typed": request.POST if problem else {"minutes": "60"},
        "page": pages.get_page(request.GET.get("page")),
        "now": now_of(request),
        "providers": list_sms_providers(None),
        "with_balances": True,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "support_staff.html", context, problem.status if problem else 200)


@signed_in
@require_POST
def close(request: HttpRequest, access_id: UUID) -> HttpResponse:
    """End support access; an owner and its administrator may."""
    access = operations.close_support_access(
        actor=actor_of(request), access_id=access_id, now=now_of(request)
    )
    messages.success(request, _("Access has ended."))
    if access.admin_id == actor_of(request).user_id:
        return HttpResponseRedirect(reverse("web:support-access"))
    return HttpResponseRedirect(reverse("web:manage-support", args=[access.organization_id]))

"""The kiosks and displays of a branch: a manager's side, and the device's own."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.business import operations, queries
from smartqueue.business.enums import Ability, DeviceKind
from smartqueue.business.models import BranchCredential
from smartqueue.business.policies import access_branch, access_credential
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.limits import operations as limits
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in

PAGE_OF = {DeviceKind.KIOSK.value: "web:kiosk", DeviceKind.DISPLAY.value: "web:wall"}


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def devices(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the devices of a branch; a sent form prepares one and shows its code, once."""
    if request.method != "POST":
        return _shown(request, branch_id)
    try:
        made = operations.add_device(
            actor=actor_of(request),
            branch_id=branch_id,
            kind=_kind(request),
            name=request.POST.get("name", "")[:60],
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _shown(request, branch_id, problem=problem)
    return _shown(request, branch_id, made=made)


@never_cache
@signed_in
@require_POST
def device_action(
    request: HttpRequest, branch_id: UUID, device_id: UUID, action: str
) -> HttpResponse:
    """Make a new code for a device, or revoke it."""
    if access_credential(actor_of(request), device_id).branch_id != branch_id:
        raise NotFound
    given: dict[str, Any] = {
        "actor": actor_of(request),
        "credential_id": device_id,
        "now": now_of(request),
    }
    match action:
        case "code":
            return _shown(request, branch_id, made=operations.renew_pairing_code(**given))
        case "revoke":
            operations.revoke_device(**given)
            messages.success(request, _("Revoked. The device has no access from now on."))
            return HttpResponseRedirect(reverse("web:manage-devices", args=[branch_id]))
    raise NotFound


def _kind(request: HttpRequest) -> DeviceKind:
    try:
        return DeviceKind(request.POST.get("kind", ""))
    except ValueError as error:
        raise InvalidInput.on("kind", _("Choose what the device is.")) from error


def _shown(
    request: HttpRequest,
    branch_id: UUID,
    *,
    made: tuple[BranchCredential, str] | None = None,
    problem: Problem | None = None,
) -> HttpResponse:
    branch = access_branch(actor_of(request), branch_id, Ability.MANAGE)
    credential, code = made or (None, "")
    address = settings.PUBLIC_URL + reverse("web:pair")
    context = {
        "branch": branch,
        "devices": queries.list_devices(branch.pk),
        "kinds": DeviceKind.choices,
        "typed": request.POST if problem else {},
        "new": credential,
        "code": f"{code[:4]} {code[4:]}",
        "address": address,
        "code_address": f"{address}?code={code}",
        "problem": failure(problem) if problem else None,
    }
    return page(request, "devices.html", context, problem.status if problem else 200)


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def pair(request: HttpRequest) -> HttpResponse:
    """Take the code on the device itself, and move it to its page, whose address is its key."""
    code = (request.POST.get("code") or request.GET.get("code") or "")[:20]
    if request.method != "POST":
        return page(request, "pair.html", {"code": code})
    try:
        limits.check("pair")
        credential, token = operations.pair_device(code=code, now=now_of(request))
    except Problem as problem:
        context = {"code": code, "problem": failure(problem)}
        return page(request, "pair.html", context, problem.status)
    return HttpResponseRedirect(reverse(PAGE_OF[credential.kind], args=[token]))

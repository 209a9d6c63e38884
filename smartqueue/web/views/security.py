"""What confirms a person's sign-ins: passkeys, the authenticator app, recovery codes."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts import operations, queries
from smartqueue.accounts.errors import (
    EnrolmentExpired,
    PasskeyKnown,
    PasskeyRefused,
    TooManyPasskeys,
    WrongCode,
)
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.web.views.accounts import let_in, safe_target
from smartqueue.web.views.kit import (
    actor_of,
    credential_of,
    failure,
    now_of,
    page,
    recently_signed_in,
    signed_in,
)

GROUP = 4
_ANSWERABLE = (PasskeyRefused, PasskeyKnown, TooManyPasskeys, InvalidInput)


def _overview(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    factors = queries.factors_of(actor.require_user(), is_required=actor.needs_second_factor)
    reset = queries.open_factor_resets(actor.require_user()).first()
    context: dict[str, Any] = {"factors": factors, "reset": reset}
    if problem is None:
        return page(request, "security.html", context)
    return page(request, "security.html", context | {"problem": failure(problem)}, problem.status)


def _done(
    request: HttpRequest, said: str | Promise, recovery_codes: list[str] | None
) -> HttpResponse:
    """Show recovery codes, which is done once, or go back to the overview."""
    if recovery_codes:
        context = {"codes": recovery_codes, "added": said}
        return page(request, "security_codes.html", context)
    messages.success(request, str(said), extra_tags="good")
    return HttpResponseRedirect(reverse("web:account-security"))


@never_cache
@require_safe
@signed_in
def security(request: HttpRequest) -> HttpResponse:
    """Show what confirms this person's sign-ins."""
    return _overview(request)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def app(request: HttpRequest) -> HttpResponse:
    """Show the secret of a new authenticator app, and take the first code of it."""
    actor, now = actor_of(request), now_of(request)
    problem: Problem | None = None
    if request.method == "POST":
        code = "".join(request.POST.get("code", "").split())
        try:
            codes = operations.confirm_app(actor=actor, code=code, now=now)
        except (WrongCode, EnrolmentExpired) as caught:
            problem = caught
        else:
            return _done(request, _("The authenticator app was added."), codes)
    try:
        setup = operations.app_being_added(actor=actor, now=now)
    except EnrolmentExpired:
        setup = operations.begin_app(actor=actor, now=now)
    groups = [setup.secret[i : i + GROUP] for i in range(0, len(setup.secret), GROUP)]
    context: dict[str, Any] = {"setup": setup, "secret_in_groups": " ".join(groups)}
    if problem is None:
        return page(request, "security_app.html", context)
    context["problem"] = failure(problem)
    return page(request, "security_app.html", context, problem.status)


@require_POST
@recently_signed_in
def remove_app(request: HttpRequest) -> HttpResponse:
    """Remove the authenticator app."""
    operations.remove_app(actor=actor_of(request), now=now_of(request))
    return _done(request, _("The authenticator app was removed."), None)


@never_cache
@require_POST
@recently_signed_in
def codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them."""
    made = operations.make_recovery_codes(actor=actor_of(request), now=now_of(request))
    return _done(request, "", made)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def passkeys(request: HttpRequest) -> HttpResponse:
    """Add a passkey or a security key; the page's script has had the device make it."""
    if request.method != "POST":
        return page(request, "security_passkeys.html", {})
    try:
        added = operations.add_passkey(
            actor=actor_of(request),
            token=request.POST.get("token", ""),
            credential=credential_of(request),
            name=request.POST.get("name", ""),
            now=now_of(request),
        )
    except _ANSWERABLE as problem:
        context = {"problem": failure(problem), "name": request.POST.get("name", "")}
        return page(request, "security_passkeys.html", context, problem.status)
    return _done(request, _("The passkey was added."), added.recovery_codes)


@require_POST
@recently_signed_in
def rename_passkey(request: HttpRequest, passkey_id: UUID) -> HttpResponse:
    """Give a passkey another name."""
    try:
        operations.rename_passkey(
            actor=actor_of(request),
            passkey_id=passkey_id,
            name=request.POST.get("name", ""),
            now=now_of(request),
        )
    except InvalidInput as problem:
        return _overview(request, problem)
    return _done(request, _("The passkey was renamed."), None)


@require_POST
@recently_signed_in
def remove_passkey(request: HttpRequest, passkey_id: UUID) -> HttpResponse:
    """Remove a passkey."""
    operations.remove_passkey(actor=actor_of(request), passkey_id=passkey_id, now=now_of(request))
    return _done(request, _("The passkey was removed."), None)


@never_cache
@require_POST
def sign_in_with_passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with what a passkey has answered, without a password."""
    back = safe_target(request, request.POST.get("next"))
    try:
        user = operations.sign_in_with_passkey(
            token=request.POST.get("token", ""),
            credential=credential_of(request),
            now=now_of(request),
        )
    except Problem as problem:
        context = {"back": back, "identifier": "", "problem": failure(problem)}
        return page(request, "sign_in.html", context, problem.status)
    return let_in(request, user, back)


@never_cache
@require_POST
@signed_in
def confirm_by_passkey(request: HttpRequest) -> HttpResponse:
    """Take a passkey instead of the password before a dangerous change, then go on to it."""
    back = safe_target(request, request.POST.get("next"))
    try:
        operations.reauthenticate_with_passkey(
            actor=actor_of(request),
            token=request.POST.get("token", ""),
            credential=credential_of(request),
            now=now_of(request),
        )
    except Problem as problem:
        context = {"back": back, "problem": failure(problem)}
        return page(request, "confirm.html", context, problem.status)
    return HttpResponseRedirect(back)

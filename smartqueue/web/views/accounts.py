"""Signing in, registering, proving an identifier, signing out, and the language of the pages."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.accounts import operations, policies
from smartqueue.accounts.enums import ChallengePurpose, Channel, CodePurpose, Language, Method
from smartqueue.accounts.errors import MfaExpired, MfaRequired, ResetExpired
from smartqueue.accounts.models import User
from smartqueue.common.errors import Problem
from smartqueue.web.views.kit import (
    actor_of,
    credential_of,
    failure,
    language_of,
    now_of,
    page,
    signed_in,
)

BACKEND = "smartqueue.accounts.backends.PasswordBackend"
LANGUAGE_COOKIE_LIFE = timedelta(days=365)
IDENTIFIER = "web_identifier"
BACK = "web_back"
MFA = "web_mfa"
CODE = "web_code"
GRANT = "web_grant"
# Where a sign-in begins again whose second factor came too late.
_FIRST_STEPS = {
    ChallengePurpose.SIGN_IN.value: "sign_in.html",
    ChallengePurpose.REAUTHENTICATION.value: "confirm.html",
    ChallengePurpose.PASSWORD_RESET.value: "ask_code.html",
}
# What is typed; a passkey has a form of its own.
CODES = [(m.value, m.label) for m in Method if m is not Method.PASSKEY]


def safe_target(request: HttpRequest, target: str | None, otherwise: str = "/") -> str:
    """Return where to go on: the target, if it is ours."""
    allowed = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and allowed else otherwise


def let_in(request: HttpRequest, user: User, back: str) -> HttpResponse:
    """Start the cookie's session of a person who has proven who they are, and go on."""
    auth.login(request, user, backend=BACKEND)
    response = HttpResponseRedirect(back)
    remember_language(response, user.language)
    return response


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with an e-mail address or a phone number and a password."""
    back = safe_target(request, request.POST.get("next") or request.GET.get("next"))
    identifier = request.POST.get("identifier", "").strip()
    context: dict[str, Any] = {"back": back, "identifier": identifier}
    if request.method != "POST":
        return page(request, "sign_in.html", context)
    try:
        user = operations.authenticate(
            identifier=identifier, password=request.POST.get("password", ""), now=now_of(request)
        )
    except MfaRequired as required:
        return _ask_second_factor(request, required, ChallengePurpose.SIGN_IN, back)
    except Problem as problem:
        return page(
            request, "sign_in.html", context | {"problem": failure(problem)}, problem.status
        )
    return let_in(request, user, back)


# --- Codes in place of a password ---------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask_code(request: HttpRequest) -> HttpResponse:
    """Send a code to sign in with."""
    return _ask_code(request, CodePurpose.SIGN_IN)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Send a code for a new password."""
    return _ask_code(request, CodePurpose.PASSWORD_RESET)


def _ask_code(request: HttpRequest, purpose: CodePurpose) -> HttpResponse:
    back = safe_target(request, request.POST.get("next") or request.GET.get("next"))
    identifier = request.POST.get("identifier", "").strip()
    context: dict[str, Any] = {"back": back, "identifier": identifier, "purpose": purpose.value}
    if request.method != "POST":
        return page(request, "ask_code.html", context)
    try:
        asked = operations.ask_code(
            identifier=identifier,
            purpose=purpose,
            language=language_of(request),
            now=now_of(request),
        )
    except Problem as problem:
        shown = context | {"problem": failure(problem)}
        return page(request, "ask_code.html", shown, problem.status)
    return _to_code(request, asked, purpose, back, identifier)


def _to_code(
    request: HttpRequest,
    asked: operations.AskedCode,
    purpose: CodePurpose,
    back: str,
    identifier: str,
) -> HttpResponse:
    request.session[CODE] = {
        "token": asked.token,
        "purpose": purpose.value,
        "back": back,
        "identifier": identifier,
    }
    return HttpResponseRedirect(reverse("web:code"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Take the code that was asked for, and do what it was asked for."""
    asked = request.session.get(CODE)
    if not asked:
        return HttpResponseRedirect(reverse("web:ask-code"))
    context = asked | {"mailbox": settings.DEVELOPMENT_MAILBOX}
    if request.method != "POST":
        return page(request, "code.html", context)
    try:
        response = _take_code(request, asked, "".join(request.POST.get("code", "").split()))
    except MfaRequired as required:
        purpose = ChallengePurpose(asked["purpose"])
        response = _ask_second_factor(request, required, purpose, asked["back"])
    except Problem as problem:
        return page(request, "code.html", context | {"problem": failure(problem)}, problem.status)
    request.session.pop(CODE, None)
    return response


def _take_code(request: HttpRequest, asked: dict[str, Any], typed: str) -> HttpResponse:
    given: dict[str, Any] = {"token": asked["token"], "code": typed, "now": now_of(request)}
    match CodePurpose(asked["purpose"]):
        case CodePurpose.PASSWORD_RESET:
            return _to_new_password(request, operations.open_password_reset(**given))
        case CodePurpose.REAUTHENTICATION:
            operations.reauthenticate_with_code(actor=actor_of(request), **given)
            return HttpResponseRedirect(asked["back"])
        case _:
            return let_in(request, operations.sign_in_with_code(**given), asked["back"])


def _to_new_password(request: HttpRequest, grant: str) -> HttpResponse:
    request.session[GRANT] = grant
    return HttpResponseRedirect(reverse("web:new-password"))


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest) -> HttpResponse:
    """Set a new password after the code, and the second factor of whoever has one."""
    grant = request.session.get(GRANT)
    if not grant:
        return HttpResponseRedirect(reverse("web:forgotten"))
    if request.method != "POST":
        return page(request, "new_password.html", {})
    try:
        operations.reset_password(
            grant=grant, password=request.POST.get("password", ""), now=now_of(request)
        )
    except ResetExpired as problem:
        del request.session[GRANT]
        context = {"purpose": CodePurpose.PASSWORD_RESET.value, "problem": failure(problem)}
        return page(request, "ask_code.html", context, problem.status)
    except Problem as problem:
        return page(request, "new_password.html", {"problem": failure(problem)}, problem.status)
    auth.logout(request)
    messages.success(request, _("Your password is changed. Sign in with it."), "good")
    return HttpResponseRedirect(reverse("web:sign-in"))


# --- The second factor, and proving once more who one is ----------------------------------------


def _ask_second_factor(
    request: HttpRequest, required: MfaRequired, purpose: ChallengePurpose, back: str
) -> HttpResponse:
    request.session[MFA] = required.extra["mfa"] | {"back": back, "purpose": purpose.value}
    return HttpResponseRedirect(reverse("web:second-factor"))


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password again before a dangerous change, then go on to it."""
    back = safe_target(request, request.POST.get("next") or request.GET.get("next"))
    user = policies.access_user(actor_of(request), actor_of(request).require_user())
    channels = [c for c, value in ((Channel.EMAIL, user.email), (Channel.SMS, user.phone)) if value]
    context: dict[str, Any] = {"back": back, "channels": channels}
    if request.method != "POST":
        return page(request, "confirm.html", context)
    if channel := request.POST.get("channel"):
        return _confirm_by_code(request, user, channel, context)
    try:
        operations.reauthenticate(
            actor=actor_of(request), password=request.POST.get("password", ""), now=now_of(request)
        )
    except MfaRequired as required:
        return _ask_second_factor(request, required, ChallengePurpose.REAUTHENTICATION, back)
    except Problem as problem:
        shown = context | {"problem": failure(problem)}
        return page(request, "confirm.html", shown, problem.status)
    return HttpResponseRedirect(back)


def _confirm_by_code(
    request: HttpRequest, user: User, channel: str, context: dict[str, Any]
) -> HttpResponse:
    wanted = Channel.SMS if channel == Channel.SMS else Channel.EMAIL
    try:
        asked = operations.ask_code_again(
            actor=actor_of(request), channel=wanted, now=now_of(request)
        )
    except Problem as problem:
        shown = context | {"problem": failure(problem)}
        return page(request, "confirm.html", shown, problem.status)
    identifier = (user.email if wanted is Channel.EMAIL else user.phone) or ""
    return _to_code(request, asked, CodePurpose.REAUTHENTICATION, context["back"], identifier)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor after a first proof that was right."""
    asked = request.session.get(MFA)
    if not asked:
        return HttpResponseRedirect(reverse("web:sign-in"))
    context = {
        "methods": [(m, label) for m, label in CODES if m in asked["methods"]],
        "passkey_token": asked["token"] if Method.PASSKEY in asked["methods"] else "",
    }
    if request.method != "POST":
        return page(request, "second_factor.html", context)
    method = request.POST.get("method", "")
    answer: operations.Answer = request.POST.get("code", "").replace(" ", "")
    if method == Method.PASSKEY:
        answer = credential_of(request)
    elif method not in Method.values:
        method = Method.TOTP.value
    try:
        return _go_on(request, asked, method=method, code=answer)
    except MfaExpired as problem:
        del request.session[MFA]
        context = {
            "back": asked["back"],
            "purpose": asked["purpose"],
            "problem": failure(problem),
        }
        return page(request, _FIRST_STEPS[asked["purpose"]], context, problem.status)
    except Problem as problem:
        context |= {"problem": failure(problem), "chosen": method}
        return page(request, "second_factor.html", context, problem.status)


def _go_on(request: HttpRequest, asked: dict[str, Any], **given: Any) -> HttpResponse:
    """Take the second factor and do what it was asked for."""
    answer: dict[str, Any] = given | {"token": asked["token"], "now": now_of(request)}
    response: HttpResponse
    match ChallengePurpose(asked["purpose"]):
        case ChallengePurpose.REAUTHENTICATION:
            operations.reauthenticate_with_second_factor(actor=actor_of(request), **answer)
            response = HttpResponseRedirect(asked["back"])
        case ChallengePurpose.PASSWORD_RESET:
            grant = operations.open_password_reset_with_second_factor(**answer)
            response = _to_new_password(request, grant)
        case _:
            user = operations.confirm_second_factor(**answer)
            is_reset = given["method"] == Method.RESET
            back = reverse("web:account-security") if is_reset else asked["back"]
            response = let_in(request, user, back)
    request.session.pop(MFA, None)
    return response


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Ask for an account; a code is sent to the identifier given."""
    back = safe_target(request, request.POST.get("next") or request.GET.get("next"))
    typed = {
        name: request.POST.get(name, "").strip()
        for name in ("identifier", "first_name", "last_name")
    }
    context: dict[str, Any] = {"back": back, "typed": typed}
    if request.method != "POST":
        return page(request, "register.html", context)
    identifier = typed["identifier"]
    is_email = "@" in identifier
    try:
        registration = operations.register(
            email=identifier if is_email else None,
            phone=None if is_email else identifier,
            password=request.POST.get("password", ""),
            first_name=typed["first_name"][:80],
            last_name=typed["last_name"][:80],
            language=language_of(request),
            now=now_of(request),
        )
    except Problem as problem:
        shown = failure(problem)
        shown["fields"]["identifier"] = shown["fields"].get("email") or shown["fields"].get("phone")
        return page(request, "register.html", context | {"problem": shown}, problem.status)
    request.session[IDENTIFIER] = registration.email or registration.phone
    request.session[BACK] = back
    return HttpResponseRedirect(reverse("web:verify"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Take the code that was sent, open the account and sign in."""
    identifier = request.POST.get("identifier") or request.session.get(IDENTIFIER, "")
    context: dict[str, Any] = {
        "identifier": identifier,
        "mailbox": settings.DEVELOPMENT_MAILBOX,
    }
    if request.method != "POST":
        return page(request, "verify.html", context)
    try:
        user = operations.verify_code(
            actor=actor_of(request),
            identifier=identifier,
            code="".join(request.POST.get("code", "").split()),
            now=now_of(request),
        )
    except MfaRequired as required:
        back = safe_target(request, request.session.get(BACK))
        return _ask_second_factor(request, required, ChallengePurpose.SIGN_IN, back)
    except Problem as problem:
        return page(request, "verify.html", context | {"problem": failure(problem)}, problem.status)
    back = safe_target(request, request.session.get(BACK))
    if actor_of(request).user_id == user.pk:
        # A code proves an identifier, not once more the person who is signed in.
        return HttpResponseRedirect(back)
    return let_in(request, user, back)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session; the browser forgets the pages that it could still go back to."""
    auth.logout(request)
    return HttpResponseRedirect("/", headers={"Clear-Site-Data": '"cache"'})


def remember_language(response: HttpResponse, language: str) -> None:
    """Keep the language of the pages on this device."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=LANGUAGE_COOKIE_LIFE,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language of the pages on this device."""
    response = HttpResponseRedirect(safe_target(request, request.POST.get("next")))
    chosen = request.POST.get("language", "")
    if chosen in Language.values:
        remember_language(response, chosen)
    return response

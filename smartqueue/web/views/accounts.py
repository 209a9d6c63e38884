"""Signing in, registering, proving an identifier, signing out, and the language of the pages."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.accounts import operations
from smartqueue.accounts.enums import ChallengePurpose, Language, Method
from smartqueue.accounts.errors import MfaExpired, MfaRequired
from smartqueue.accounts.models import User
from smartqueue.common.errors import Problem
from smartqueue.web.views.kit import actor_of, failure, language_of, now_of, page, signed_in

BACKEND = "smartqueue.accounts.backends.PasswordBackend"
LANGUAGE_COOKIE_LIFE = timedelta(days=365)
IDENTIFIER = "web_identifier"
BACK = "web_back"
MFA = "web_mfa"
_AGAIN = ChallengePurpose.REAUTHENTICATION


def _safe_target(request: HttpRequest, target: str | None, otherwise: str = "/") -> str:
    allowed = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and allowed else otherwise


def _let_in(request: HttpRequest, user: User, back: str) -> HttpResponse:
    auth.login(request, user, backend=BACKEND)
    response = HttpResponseRedirect(back)
    _remember_language(response, user.language)
    return response


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with an e-mail address or a phone number and a password."""
    back = _safe_target(request, request.POST.get("next") or request.GET.get("next"))
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
    return _let_in(request, user, back)


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
    back = _safe_target(request, request.POST.get("next") or request.GET.get("next"))
    context: dict[str, Any] = {"back": back}
    if request.method != "POST":
        return page(request, "confirm.html", context)
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


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor after a first proof that was right."""
    asked = request.session.get(MFA)
    if not asked:
        return HttpResponseRedirect(reverse("web:sign-in"))
    offered = [(m, label) for m, label in Method.choices if m in asked["methods"]]
    context: dict[str, Any] = {"methods": offered}
    if request.method != "POST":
        return page(request, "second_factor.html", context)
    method = request.POST.get("method", offered[0][0])
    try:
        return _go_on(
            request,
            asked,
            method=method if method in Method.values else Method.TOTP.value,
            code=request.POST.get("code", "").replace(" ", ""),
        )
    except MfaExpired as problem:
        del request.session[MFA]
        template = "confirm.html" if asked["purpose"] == _AGAIN else "sign_in.html"
        context = {"back": asked["back"], "problem": failure(problem)}
        return page(request, template, context, problem.status)
    except Problem as problem:
        context |= {"problem": failure(problem), "chosen": method}
        return page(request, "second_factor.html", context, problem.status)


def _go_on(request: HttpRequest, asked: dict[str, Any], **given: str) -> HttpResponse:
    """Take the second factor and do what it was asked for."""
    answer = given | {"token": asked["token"]}
    if asked["purpose"] == _AGAIN:
        operations.reauthenticate_with_second_factor(
            actor=actor_of(request), now=now_of(request), **answer
        )
        del request.session[MFA]
        return HttpResponseRedirect(asked["back"])
    user = operations.confirm_second_factor(now=now_of(request), **answer)
    return _let_in(request, user, asked["back"])


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Ask for an account; a code is sent to the identifier given."""
    back = _safe_target(request, request.POST.get("next") or request.GET.get("next"))
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
    except Problem as problem:
        return page(request, "verify.html", context | {"problem": failure(problem)}, problem.status)
    back = _safe_target(request, request.session.get(BACK))
    return _let_in(request, user, back)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    auth.logout(request)
    return HttpResponseRedirect("/")


def _remember_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=LANGUAGE_COOKIE_LIFE,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language of the pages on this device."""
    response = HttpResponseRedirect(_safe_target(request, request.POST.get("next")))
    chosen = request.POST.get("language", "")
    if chosen in Language.values:
        _remember_language(response, chosen)
    return response

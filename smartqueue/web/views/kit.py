"""What every page needs: the caller, the time, a failure shown beside its field."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import force_str
from django.utils.translation import get_language

from smartqueue.accounts import policies
from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import Problem
from smartqueue.common.logging import note_refusal

View = Callable[..., HttpResponse]

# Below this people mind their own account.
OWN_ACCOUNT = "/account/"


def actor_of(request: HttpRequest) -> Actor:
    """Return the caller that the entrance found."""
    return cast("Actor", request.actor)  # type: ignore[attr-defined]  # set by ActorMiddleware


def now_of(request: HttpRequest) -> datetime:
    """Return the time that this request happens at."""
    return cast("datetime", request.now)  # type: ignore[attr-defined]  # set by RequestMiddleware


def language_of(request: HttpRequest) -> str:
    """Return the language the page is read in: fr, en or ar."""
    return (get_language() or "fr")[:2]


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page."""
    return bool(request.htmx)  # type: ignore[attr-defined]  # set by HtmxMiddleware


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """Render a template below templates/web."""
    response = render(request, f"web/{template}", dict(context), status=status)
    if (problem := context.get("problem")) and problem["retry_after"] is not None:
        response.headers["Retry-After"] = str(problem["retry_after"])
    return response


def signed_in(view: View) -> View:
    """
    Send a caller who is not signed in to the sign-in page, and back afterwards; and one who has to
    add a second factor before working to where that is done.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        actor = actor_of(request)
        if actor.user_id is None:
            return to_sign_in(request)
        is_own_account = request.path.startswith(OWN_ACCOUNT)
        if not is_own_account and actor.needs_second_factor:
            return to_security(request)
        return view(request, *args, **kwargs)

    return checked


def recently_signed_in(view: View) -> View:
    """Ask a signed-in caller for the password again, before the form of a dangerous change."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        policies.require_recent_sign_in(actor_of(request), now_of(request))
        return view(request, *args, **kwargs)

    return signed_in(checked)


def to_confirm(request: HttpRequest) -> HttpResponse:
    """Send the caller to confirm who they are, and back afterwards to the page they were on."""
    here = request.get_full_path()
    if request.method != "GET" or is_htmx(request):
        here = urlsplit(request.headers.get("Referer", "")).path or reverse("web:account")
    target = f"{reverse('web:confirm')}?{urlencode({'next': here})}"
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def to_security(request: HttpRequest) -> HttpResponse:
    """Send the caller to where second factors are added."""
    target = reverse("web:account-security")
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send the caller to the sign-in page; a part asked for by htmx moves the whole page."""
    back = request.get_full_path() if request.method == "GET" and not is_htmx(request) else "/"
    target = f"{reverse('web:sign-in')}?{urlencode({'next': back})}"
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def failure(problem: Problem) -> dict[str, Any]:
    """Return a problem as templates show it: a sentence, what to do, and one text per field."""
    note_refusal(problem.code)
    return {
        "code": problem.code,
        "title": force_str(problem.title),
        "detail": force_str(problem.detail),
        "retry_after": problem.retry_after,
        "fields": {error.field: force_str(error.message) for error in problem.errors},
    }


def credential_of(request: HttpRequest) -> dict[str, Any]:
    """Return what a device answered to WebAuthn, as the page's script posts it; {} for rubbish."""
    try:
        given = json.loads(request.POST.get("credential", ""))
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def uuid_or_none(value: str | None) -> UUID | None:
    """Return the UUID that a form field holds; None for an empty or wrong one."""
    try:
        return UUID(value or "")
    except ValueError:
        return None

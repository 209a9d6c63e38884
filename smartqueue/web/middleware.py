"""Failures of pages, told as pages."""

import logging
from collections.abc import Callable
from typing import Any

from csp.constants import SELF
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from psycopg_pool import PoolTimeout

from smartqueue.accounts.errors import ReauthenticationNeeded, SecondFactorRequired
from smartqueue.common.errors import InvalidInput, NotSignedIn, Problem
from smartqueue.common.logging import note_refusal
from smartqueue.web.views.kit import failure, is_htmx, to_confirm, to_security, to_sign_in

logger = logging.getLogger(__name__)


_NUL = InvalidInput(_("The form holds characters that cannot be stored."))


def _has_nul(*given: QueryDict) -> bool:
    return any("\0" in value for data in given for _name, all_ in data.lists() for value in all_)


class ScriptsOfPackages:
    """Lets the admin site and the API's documentation load their own files, which know no nonce."""

    PATHS = ("/admin/", "/api/docs/")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(self.PATHS):
            response._csp_replace = {"script-src": [SELF]}  # type: ignore[attr-defined]  # read by django-csp
        return response


class PageProblems:
    """Answers an anticipated failure of a page with an error page; leaves the API alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """Refuse what PostgreSQL cannot store as text, whichever field it is in."""
        if request.path.startswith(("/api/", "/admin/")):
            return None
        return _problem_page(request, _NUL) if _has_nul(request.GET, request.POST) else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a problem, or a lost database, in words."""
        if request.path.startswith(("/api/", "/admin/")):
            return None
        if isinstance(exception, OperationalError | InterfaceError | PoolTimeout):
            logger.error("database unavailable", extra={"error": type(exception).__name__})
            response = render(request, "503.html", status=503)
            response.headers["Retry-After"] = "5"
            return response
        return _answer(request, exception) if isinstance(exception, Problem) else None


def _answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Lead to the page that helps, or say what is wrong."""
    note_refusal(problem.code)
    if isinstance(problem, NotSignedIn):
        return to_sign_in(request)
    if isinstance(problem, ReauthenticationNeeded):
        return to_confirm(request)
    if isinstance(problem, SecondFactorRequired):
        return to_security(request)
    return _problem_page(request, problem)


def _problem_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    context = {"problem": failure(problem)}
    if is_htmx(request):
        part = render(request, "web/alert.html", context)
        part.headers["HX-Retarget"] = "#alert"
        part.headers["HX-Reswap"] = "innerHTML"
        return part
    template = "404.html" if problem.status == 404 else "web/problem.html"
    response = render(request, template, context, status=problem.status)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response

"""What every request gets first: a time, an id, an origin, one line in the log."""

import functools
import ipaddress
import logging
import time
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from prometheus_client import Histogram
from psycopg_pool import PoolTimeout

from smartqueue.common import clock, tenancy
from smartqueue.common.errors import Problem
from smartqueue.common.logging import forget_refusal, request_line, without_tokens
from smartqueue.common.rest.problems import problem_response, unavailable

logger = logging.getLogger("smartqueue.request")

MAX_REQUEST_ID = 40
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Histogram(
    "smartqueue_request_seconds",
    "Time from a request's arrival to its answer, by named path, method and status",
    ["view", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


# What every answer has; pages have set a policy of their own by now.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), geolocation=(self), gyroscope=(), magnetometer=(), "
        "microphone=(), payment=(), usb=()"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


_STORED = {name.lower(): (name, value) for name, value in HEADERS.items()}


def _complete(
    request: HttpRequest, response: HttpResponse, request_id: str, *, opens: bool
) -> None:
    response.headers["X-Request-ID"] = request_id
    # These are known to be clean; one by one, Django would look at each for every answer.
    given = response.headers._store
    response.headers._store = {**_STORED, **given}
    response.headers.setdefault(
        "Cache-Control", "no-store" if opens or _is_personal(request) else "private, no-cache"
    )
    if not response.streaming:
        response.headers.setdefault("Content-Length", str(len(response.content)))


def _is_personal(request: HttpRequest) -> bool:
    """Whether an answer may hold what is somebody's: whoever asks named themselves, or acted."""
    meta = request.META
    return (
        request.method not in {"GET", "HEAD"}
        or "HTTP_AUTHORIZATION" in meta
        or "HTTP_X_TICKET_TOKEN" in meta
        or settings.SESSION_COOKIE_NAME in meta.get("HTTP_COOKIE", "")
    )


def _measure(request: HttpRequest, status: int, seconds: float) -> None:
    found = request.resolver_match
    view = (found.view_name if found else "") or "other"
    method = request.method if request.method in KNOWN_METHODS else "other"
    REQUESTS.labels(view, method, status).observe(seconds)


class HttpsRequired(Problem):
    """A program sent its call, and maybe its token, in the clear."""

    status = 403
    code = "https_required"
    title = _("Call this over HTTPS.")


class SecurityOfApi(SecurityMiddleware):
    """As Django's; plain HTTP is refused, where a redirect would hide that a token went in the clear."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:  # type: ignore[override]
        """Refuse what Django would redirect."""
        redirect = super().process_request(request)
        return None if redirect is None else problem_response(request, HttpsRequired())


def client_address(request: HttpRequest) -> str | None:
    """
    Return the caller's address: the one that the outermost trusted proxy saw.

    With TRUSTED_PROXY_COUNT proxies in front, only that many last entries of X-Forwarded-For
    were written by them; anything before is the client's own word.
    """
    direct = _address(request.META.get("REMOTE_ADDR", ""))
    count: int = settings.TRUSTED_PROXY_COUNT
    if count == 0:
        return direct
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    return (_address(forwarded[-count]) if len(forwarded) >= count else None) or direct


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    """Return an address in the form that the journal stores; None for anything else."""
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """Refuse TRACE, and requests for another host: links in answers are built from its name."""
    if request.method == "TRACE":
        return HttpResponseNotAllowed(sorted(KNOWN_METHODS))
    try:
        request.get_host()
    except DisallowedHost:
        return HttpResponseBadRequest()
    return None


def _request_id(request: HttpRequest) -> str:
    given: str = request.META.get("HTTP_X_REQUEST_ID", "")
    if given and len(given) <= MAX_REQUEST_ID and given.replace("-", "").isalnum():
        return given
    return uuid.uuid4().hex


class RequestMiddleware:
    """Stamps the request, keeps tenant scopes from leaking, answers 503 when PostgreSQL is away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        request.now = clock.now()  # type: ignore[attr-defined]  # the entrance's clock
        request_id = request.request_id = _request_id(request)  # type: ignore[attr-defined]
        forget_refusal()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = _refusal(request)
        if response is None:
            with tenancy.serving():
                response = self.get_response(request)
        path = without_tokens(request.path)
        # An address that opens something by its token is somebody's.
        _complete(request, response, request_id, opens=path != request.path)
        seconds = time.perf_counter() - started
        _measure(request, response.status_code, seconds)
        if request.path not in {"/healthz", "/readyz", "/metrics"}:
            request_line(
                lambda: client_address(request),
                request_id=request_id,
                method=request.method,
                path=path,
                status=response.status_code,
                milliseconds=round(seconds * 1000, 1),
            )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a lost database with 503 and Retry-After, on pages too."""
        if isinstance(exception, OperationalError | InterfaceError | PoolTimeout):
            logger.error("database unavailable", extra={"error": type(exception).__name__})
            return problem_response(request, unavailable())
        return None


class LanguageMiddleware:
    """Django's LocaleMiddleware for a place whose addresses carry no language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = translation.get_language_from_request(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language())
        return response

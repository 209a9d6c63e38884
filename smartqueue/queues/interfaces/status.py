"""
The public status of a queue, the product's most read answer.

Its bytes are kept in Redis for a moment, under the version they are of; a commit raises the
version (`realtime.operations`), so older bytes are not served. A process keeps what Redis said for
LOCAL_SECONDS more. Without Redis the status is read anew.
"""

import contextlib
import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter
from redis.exceptions import RedisError

from smartqueue.common.errors import Problem
from smartqueue.common.middleware import HEADERS
from smartqueue.common.redis import client
from smartqueue.common.rest.problems import problem_response
from smartqueue.common.rest.schema import documented
from smartqueue.queues import policies, queries
from smartqueue.queues.interfaces.serializers import StatusOutput
from smartqueue.realtime.operations import version_key

KEPT_MILLISECONDS = 2000
LOCAL_SECONDS = 0.05
MOST_LOCAL = 1000
NARROWED = '-public"'
"""How the ETag of a status ends that leaves out what staff see."""

Kept: TypeAlias = tuple[str, bytes]
"""The ETag and the body of a status."""

_HEX = "[0-9a-f]"
_PATH = re.compile(
    rf"/api/queues/queues/({_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}})/status/"
)


class StatusMiddleware:
    """
    Answers a status that is kept before anything else looks at the request.

    Whoever needs more than the bytes (another origin, another method) takes the whole way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._local: dict[str, tuple[float, Kept]] = {}
        self._headers = dict(HEADERS)
        if settings.SECURE_HSTS_SECONDS:
            self._headers["Strict-Transport-Security"] = (
                f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
            )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if (
            path.endswith("/status/")
            and request.method == "GET"
            and "HTTP_ORIGIN" not in request.META
        ):
            kept = self._kept(path)
            if kept is not None and not (_is_narrowed(kept) and _names_somebody(request)):
                response = _answer(request, kept)
                for name, value in self._headers.items():
                    response.headers[name] = value
                return response
        return self.get_response(request)

    def _kept(self, path: str) -> Kept | None:
        moment = time.monotonic()
        local = self._local.get(path)
        if local is not None and moment < local[0]:
            return local[1]
        found = _PATH.fullmatch(path)
        kept = _kept(UUID(found[1])) if found else None
        if kept is None:
            self._local.pop(path, None)
            return None
        if len(self._local) >= MOST_LOCAL:
            self._local.clear()
        self._local[path] = (moment + LOCAL_SECONDS, kept)
        return kept


@documented(
    responses={200: StatusOutput, 304: None},
    parameters=[OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
)
@require_safe
def queue_status(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Answer the live state of a queue; 304 when the client's ETag is still right."""
    try:
        kept = _kept(queue_id) or _fresh(queue_id, request)
        if _is_narrowed(kept) and _names_somebody(request):
            return _answer(request, _inside(queue_id, request) or kept)
        return _answer(request, kept)
    except Problem as problem:
        return problem_response(request, problem)


def _is_narrowed(kept: Kept) -> bool:
    """Whether the kept bytes leave out what staff see."""
    return kept[0].endswith(NARROWED)


def _names_somebody(request: HttpRequest) -> bool:
    return "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME in request.COOKIES


def _answer(request: HttpRequest, kept: Kept) -> HttpResponse:
    etag, body = kept
    if request.META.get("HTTP_IF_NONE_MATCH") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(body, content_type="application/json")
        response.headers["Content-Length"] = str(len(body))
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def _kept(queue_id: UUID) -> Kept | None:
    try:
        found: Any = client().mget(version_key(f"queue:{queue_id}"), _key(queue_id))
    except RedisError:
        return None
    version, kept = found
    if kept is None:
        return None
    of_version, etag, body = kept.split(b"\n", 2)
    if version is not None and int(version) > int(of_version):
        return None
    return etag.decode(), body


def _fresh(queue_id: UUID, request: Any) -> Kept:
    queue = queries.get_queue(queue_id)
    is_narrowed = queue.hides_waiting_count or queue.hides_estimate
    status = queries.status_of(queue, request.now)
    etag, body = _encoded(status, NARROWED if is_narrowed else '"')
    kept = b"\n".join((str(status["version"]).encode(), etag.encode(), body))
    with contextlib.suppress(RedisError):
        client().set(_key(queue_id), kept, px=KEPT_MILLISECONDS)
    return etag, body


def _inside(queue_id: UUID, request: Any) -> Kept | None:
    """Return what staff of the queue see, which is not kept; None for anybody else."""
    queue = queries.get_queue(queue_id)
    if not policies.sees_inside(request.actor, queue):
        return None
    return _encoded(queries.status_of(queue, request.now, inside=True), '"')


def _encoded(status: dict[str, Any], end: str) -> Kept:
    estimate = status["estimate"] or {}
    figures = "-".join(str(estimate.get(name)) for name in ("low", "median", "high"))
    body = json.dumps(status, ensure_ascii=False, separators=(",", ":")).encode()
    return f'"{status["version"]}-{figures}{end}', body


def _key(queue_id: UUID) -> str:
    return f"status:{queue_id}"

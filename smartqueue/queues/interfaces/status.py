"""
The public status of a queue, the product's most read answer.

Its bytes are kept in Redis for a moment, under the version they are of; a commit raises the
version (`realtime.operations`), so older bytes are not served. Without Redis it is read anew.
"""

import contextlib
import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from smartqueue.common.errors import Problem
from smartqueue.common.redis import client
from smartqueue.common.rest.problems import problem_response
from smartqueue.queues import queries
from smartqueue.realtime.operations import version_key

KEPT_MILLISECONDS = 2000


@require_safe
def queue_status(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Answer the live state of a queue; 304 when the client's ETag is still right."""
    try:
        etag, body = _kept(queue_id) or _fresh(queue_id, request)
    except Problem as problem:
        return problem_response(request, problem)
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(body, content_type="application/json")
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def _kept(queue_id: UUID) -> tuple[str, bytes] | None:
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


def _fresh(queue_id: UUID, request: Any) -> tuple[str, bytes]:
    status = queries.queue_status(queue_id, request.now)
    estimate = status["estimate"] or {}
    figures = "-".join(str(estimate.get(name)) for name in ("low", "median", "high"))
    etag = f'"{status["version"]}-{figures}"'
    body = json.dumps(status, ensure_ascii=False, separators=(",", ":")).encode()
    kept = b"\n".join((str(status["version"]).encode(), etag.encode(), body))
    with contextlib.suppress(RedisError):
        client().set(_key(queue_id), kept, px=KEPT_MILLISECONDS)
    return etag, body


def _key(queue_id: UUID) -> str:
    return f"status:{queue_id}"

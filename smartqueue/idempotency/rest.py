"""`Idempotency-Key` on the POSTs that create or act."""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any, ParamSpec, overload
from uuid import UUID

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from smartqueue.common.db import Row, fetch_one, run_in_unit, run_in_unit_after, write_along
from smartqueue.common.errors import Conflict, InvalidInput, Problem
from smartqueue.common.ids import new_id
from smartqueue.common.rest.renderers import json_of

HEADER = "Idempotency-Key"
SECRET = "token"  # noqa: S105  # a field's name

Method = Callable[..., Response]
P = ParamSpec("P")


class RequestInProgress(Conflict):
    code = "request_in_progress"
    title = _("The same request is still being carried out. Ask again in a moment.")


class KeyReused(Problem):
    status = 422
    code = "idempotency_key_reused"
    title = _("This idempotency key was used with another body. Take a new key.")


_CLAIM = """
    SELECT pg_try_advisory_xact_lock(%s::bigint),
           stored.body_digest, stored.status, stored.answer
    FROM (SELECT 1) AS one
    LEFT JOIN idempotency_idempotencykey AS stored ON stored.digest = %s::bytea
"""
_STORED = """
    SELECT body_digest, status, answer FROM idempotency_idempotencykey WHERE digest = %s
"""
_STORE = """
    INSERT INTO idempotency_idempotencykey (id, digest, body_digest, status, answer, created_at)
    VALUES (%s, %s, %s, %s, %s::jsonb, now())
"""


@overload
def idempotent(method: Callable[P, Response]) -> Callable[P, Response]: ...
@overload
def idempotent(
    *, restore: Callable[[Any], Any]
) -> Callable[[Callable[P, Response]], Callable[P, Response]]: ...
def idempotent(method: Method | None = None, *, restore: Callable[[Any], Any] | None = None) -> Any:
    """
    Carry a POST out once per key; the answer is stored in the transaction that made it true.

    Only 2xx answers are stored. A `token` in one is not; `restore` puts it back on replay.
    Without the header the method runs as it is.
    """

    def decorate(inner: Method) -> Method:
        @functools.wraps(inner)
        def wrapper(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            header = request.headers.get(HEADER)
            if header is None:
                return run_in_unit(lambda: inner(self, request, *args, **kwargs))

            def work() -> Response:
                return inner(self, request, *args, **kwargs)

            return _once(_Keys.of(request, header), work, restore)

        wrapper.is_idempotent = True  # type: ignore[attr-defined]
        return wrapper

    return decorate(method) if method else decorate


def _once(
    keys: "_Keys", work: Callable[[], Response], restore: Callable[[Any], Any] | None
) -> Response:
    def replay(answer: tuple[int, Any]) -> Response:
        status, body = answer
        is_short = restore is not None and SECRET in body
        return Response(restore(body) if restore and is_short else body, status=status)

    def claim_and_work(claimed: list[Row]) -> Response:
        answer = keys.claimed(claimed)
        if answer is not None:
            return replay(answer)
        response = work()
        keys.store(response)
        return response

    # When the other request commits between this one's snapshot and its lock, this one carries on
    # beside an effect that is its own, and must not be told of a conflict.
    try:
        return run_in_unit_after(keys.claim(), claim_and_work)
    except (RequestInProgress, KeyReused):
        raise
    except IntegrityError as error:
        if "idempotency" not in str(error):
            raise
        return run_in_unit_after(keys.claim(), claim_and_work)
    except Problem:
        answer = run_in_unit(keys.stored)
        if answer is None:
            raise
        return replay(answer)


def _digest_of_file(value: Any) -> str:
    """Let a file of a form stand in the body's digest by its content."""
    if not isinstance(value, UploadedFile):
        raise TypeError(f"{type(value).__name__} is no part of a body")
    value.seek(0)
    digest = hashlib.file_digest(value, "sha256")
    value.seek(0)
    return digest.hexdigest()


def _sorted(body: Any) -> bytes:
    """Return the same bytes for the same body, whatever the order of its fields."""
    try:
        return orjson.dumps(body, _digest_of_file, orjson.OPT_SORT_KEYS)
    except TypeError:
        # Halves of a character, which its form will refuse.
        return json.dumps(body, sort_keys=True, default=_digest_of_file).encode()


class _Keys:
    def __init__(self, digest: bytes, body_digest: bytes) -> None:
        self.digest = digest
        self.body_digest = body_digest

    @classmethod
    def of(cls, request: Request, header: str) -> "_Keys":
        try:
            key = UUID(header)
        except ValueError as error:
            raise InvalidInput.on(HEADER, _("The key must be a UUID.")) from error
        actor = request._request.actor.label  # type: ignore[attr-defined]
        digest = hashlib.sha256(f"{actor} {request.path} {key}".encode()).digest()
        return cls(digest, hashlib.sha256(_sorted(request.data)).digest())

    def claim(self) -> tuple[str, list[Any]]:
        """Return the query that takes the key for its transaction."""
        return _CLAIM, [int.from_bytes(self.digest[:8], signed=True), self.digest]

    def claimed(self, rows: list[Row]) -> tuple[int, Any] | None:
        """
        Return the stored answer if there is one.

        :raises RequestInProgress: another transaction has the key
        """
        ((is_locked, *stored),) = rows
        if stored[0] is not None:
            return self._answer(*stored)
        if not is_locked:
            raise RequestInProgress(retry_after=1)
        return None

    def stored(self) -> tuple[int, Any] | None:
        """Return the stored answer as of now, if there is one."""
        row = fetch_one(_STORED, [self.digest])
        return self._answer(*row) if row else None

    def _answer(self, body_digest: Any, status: int, answer: Any) -> tuple[int, Any]:
        if bytes(body_digest) != self.body_digest:
            raise KeyReused
        return status, orjson.loads(answer) if isinstance(answer, str) else answer

    def store(self, response: Response) -> None:
        data = {} if response.data is None else dict(response.data)
        if SECRET in data:
            data[SECRET] = None
        write_along(
            _STORE,
            [
                new_id(),
                self.digest,
                self.body_digest,
                response.status_code,
                json_of(data).decode(),
            ],
        )

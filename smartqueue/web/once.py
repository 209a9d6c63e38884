"""A form that is sent twice acts once."""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from smartqueue.common.db import run_in_unit
from smartqueue.common.ids import new_id
from smartqueue.idempotency.models import IdempotencyKey


def form_digest(path: str, nonce: UUID, filled_in: object) -> bytes:
    """
    Return what stands for one form as it was filled in.

    `filled_in` is what the form holds, of a constant `repr`: a form that comes back from the
    browser's history for another person has the nonce of the first and is another form.
    """
    return sha256(f"page {path} {nonce} {filled_in!r}".encode(errors="replace")).digest()


def issue_once(digest: bytes, issue: Callable[[], list[UUID]]) -> list[UUID]:
    """
    Return the ids of the tickets that `issue` makes; for a form seen before, those it made then.

    The nonce was drawn when the form was shown. The answer is stored in the transaction that issues,
    so that neither a double click nor a retry on a bad line makes a second ticket.
    """

    def once() -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_of(digest)])
        stored = IdempotencyKey.objects.filter(digest=digest).values_list("answer", flat=True)
        if (answer := stored.first()) is not None:
            return [UUID(ticket) for ticket in answer["tickets"]]
        tickets = issue()
        IdempotencyKey.objects.create(
            id=new_id(),
            digest=digest,
            body_digest=b"",
            status=201,
            answer={"tickets": [str(ticket) for ticket in tickets]},
            created_at=Now(),
        )
        return tickets

    return run_in_unit(once)


def _lock_of(digest: bytes) -> int:
    return int.from_bytes(digest[:8], signed=True)

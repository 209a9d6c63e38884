"""
What people are shown changes only when it moves by more than the threshold of `waits.settle`.

Redis remembers what each ticket and each queue was shown last; a ticket's list is what is scored
when its call comes. Without Redis everybody sees the fresh figure, and only the one told on joining,
which stands with the ticket, is scored.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from redis.exceptions import RedisError

from smartqueue.common.redis import client
from smartqueue.queues import estimates
from smartqueue.queues.models import Queue, Ticket
from smartqueue.waits import Estimate, settle

logger = logging.getLogger(__name__)

KEPT_SECONDS: Final = 36 * 3600
# Nobody compares with what a queue showed an hour ago.
QUEUE_KEPT_SECONDS: Final = 3600
MOST_PER_TICKET: Final = 50


def to_holders(rows: Iterable[tuple[Ticket, Estimate]], now: datetime) -> dict[UUID, Estimate]:
    """Return what the holder of each waiting ticket is shown, by ticket, and remember what changed."""
    tickets = list(rows)
    # Who has just joined was shown what the ticket tells.
    asked = [ticket for ticket, _ in tickets if ticket.joined_at != now]
    known = _last_shown(asked)
    settled = {}
    changed: dict[str, estimates.Noted] = {}
    for ticket, fresh in tickets:
        previous = known.get(ticket.pk) or ticket.first_estimate
        kept = _of_queue(previous, ticket.queue_id)
        settled[ticket.pk] = told = settle(kept, fresh)
        note = estimates.noted(ticket.queue, told, now) if told is fresh else None
        if note is not None:
            changed[_ticket_key(ticket.pk)] = note
    _remember(changed)
    return settled


def to_anybody(rows: Iterable[tuple[Queue, Estimate]], now: datetime) -> dict[UUID, Estimate]:
    """Return what each queue shows to whoever thinks of joining, by queue."""
    queues = list(rows)
    keys = [_queue_key(queue.pk) for queue, _ in queues]
    known = dict(zip(keys, _read(keys), strict=True))
    settled = {}
    changed: dict[str, str] = {}
    for queue, fresh in queues:
        key = _queue_key(queue.pk)
        settled[queue.pk] = told = settle(_of_queue(known[key], queue.pk), fresh)
        note = estimates.noted(queue, told, now) if told is fresh else None
        if note is not None:
            changed[key] = json.dumps(note)
    _keep(changed)
    return settled


def all_of(ticket: Ticket) -> list[estimates.Noted]:
    """Return everything that a ticket's holder was shown, the first first."""
    first = [ticket.first_estimate] if ticket.first_estimate else []
    try:
        later: Any = client().lrange(_ticket_key(ticket.pk), 0, MOST_PER_TICKET - 1)
    except RedisError as error:
        logger.warning("what was shown is not known", extra={"error": str(error)})
        later = []
    return first + [json.loads(one) for one in later]


def forget(ticket_ids: Iterable[UUID]) -> None:
    """Drop what is remembered of tickets whose waits are over and scored for good."""
    keys = [_ticket_key(ticket_id) for ticket_id in ticket_ids]
    if not keys:
        return
    try:
        client().delete(*keys)
    except RedisError:
        # It expires by itself.
        return


def _of_queue(note: Mapping[str, Any] | None, queue_id: UUID) -> Estimate | None:
    if note is None or note["queue"] != str(queue_id):
        return None
    return estimates.from_noted(dict(note))


def _ticket_key(ticket_id: UUID) -> str:
    return f"shown:ticket:{ticket_id}"


def _queue_key(queue_id: UUID) -> str:
    return f"shown:queue:{queue_id}"


def _last_shown(tickets: Iterable[Ticket]) -> dict[UUID, estimates.Noted]:
    rows = list(tickets)
    if not rows:
        return {}
    pipeline = client().pipeline(transaction=False)
    for ticket in rows:
        pipeline.lindex(_ticket_key(ticket.pk), -1)
    try:
        found = pipeline.execute()
    except RedisError:
        return {}
    return {
        ticket.pk: json.loads(note)
        for ticket, note in zip(rows, found, strict=True)
        if note is not None
    }


def _remember(notes: Mapping[str, estimates.Noted]) -> None:
    if not notes:
        return
    pipeline = client().pipeline(transaction=False)
    for key, note in notes.items():
        pipeline.rpush(key, json.dumps(note))
        pipeline.ltrim(key, -MOST_PER_TICKET, -1)
        pipeline.expire(key, KEPT_SECONDS)
    _run(pipeline)


def _read(keys: list[str]) -> list[estimates.Noted | None]:
    if not keys:
        return []
    try:
        found: Any = client().mget(keys)
    except RedisError:
        return [None] * len(keys)
    return [None if note is None else json.loads(note) for note in found]


def _keep(notes: Mapping[str, str]) -> None:
    if not notes:
        return
    pipeline = client().pipeline(transaction=False)
    for key, note in notes.items():
        pipeline.set(key, note, ex=QUEUE_KEPT_SECONDS)
    _run(pipeline)


def _run(pipeline: Any) -> None:
    try:
        pipeline.execute()
    except RedisError as error:
        logger.warning("what is shown is not remembered", extra={"error": str(error)})

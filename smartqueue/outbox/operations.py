"""Publishing: the event and one delivery for each of its handlers, in the caller's transaction."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from smartqueue.common.db import insert_values, operation
from smartqueue.common.ids import new_id
from smartqueue.outbox import context, registry, wake
from smartqueue.outbox.enums import DeliveryState
from smartqueue.outbox.events import Event
from smartqueue.outbox.models import Delivery, DomainEvent

# Past on every clock, also where the demonstration scales it: due at once.
_DUE_AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)


def publish(*events: Event) -> None:
    """
    Store events with the change they tell of; their handlers run after the commit.

    :raises RuntimeError: outside a transaction, where a crash could lose the event
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("publish() needs the transaction of the change it tells of")
    is_due = False
    for event in events:
        insert_values(DomainEvent, stored := _stored(event))
        for handler in registry.handlers_for(event):
            insert_values(Delivery, _delivery(stored["id"], handler.name))
            is_due = True
    if is_due:
        wake.wake_relay_after_commit()


def _stored(event: Event) -> dict[str, Any]:
    origin = context.current.get()
    cls = type(event)
    return {
        "id": new_id(),
        "type": cls.full_name(),
        "organization_id": event.organization_id,
        "actor": event.actor,
        "subject_type": cls.subject,
        "subject_id": event.subject_id,
        "subject_version": event.subject_version,
        "occurred_at": event.occurred_at,
        "payload": event.payload(),
        "address": origin.address,
        "request_id": origin.request_id,
    }


def _delivery(event_id: UUID, handler: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "event_id": event_id,
        "handler": handler,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": _DUE_AT_ONCE,
        "last_error": "",
        "done_at": None,
    }


_TRY_AGAIN = """
    UPDATE outbox_delivery SET state = 'pending', attempts = 0, next_attempt_at = now()
    WHERE id = ANY(%s) AND state = 'dead'
"""


@operation
def retry_deliveries(delivery_ids: Collection[UUID]) -> int:
    """Make dead deliveries due again, with all their tries; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(_TRY_AGAIN, [list(delivery_ids)])
        count: int = cursor.rowcount
    wake.wake_relay_after_commit()
    return count

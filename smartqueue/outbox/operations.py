"""Publishing: the event and one delivery for each of its handlers, in the caller's transaction."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Model

from smartqueue.common.db import insert_rows
from smartqueue.common.ids import new_id
from smartqueue.outbox import context, registry, wake
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
    rows: list[Model] = []
    for event in events:
        rows += rows_of(event)
    insert_rows(rows)
    if len(rows) > len(events):
        wake.after_commit(wake.wake_relay)


def rows_of(event: Event) -> list[Model]:
    """Return the unsaved row of an event followed by its deliveries."""
    origin = context.current.get()
    cls = type(event)
    stored = DomainEvent(
        id=new_id(),
        type=cls.full_name(),
        organization_id=event.organization_id,
        actor=event.actor,
        subject_type=cls.subject,
        subject_id=event.subject_id,
        subject_version=event.subject_version,
        occurred_at=event.occurred_at,
        payload=event.payload(),
        address=origin.address,
        request_id=origin.request_id,
    )
    return [
        stored,
        *(
            Delivery(
                id=new_id(),
                event_id=stored.id,
                handler=handler.name,
                next_attempt_at=_DUE_AT_ONCE,
            )
            for handler in registry.handlers_of(cls)
        ),
    ]

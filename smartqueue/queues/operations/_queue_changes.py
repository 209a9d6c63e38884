"""How a queue as a whole changes: its row, its screens, its event."""

from datetime import datetime
from typing import Any, Final

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import update_row, written_together
from smartqueue.outbox import operations as outbox
from smartqueue.queues import events
from smartqueue.queues.models import CounterSession, Queue
from smartqueue.queues.operations import _lifecycle
from smartqueue.realtime import operations as realtime

FIELDS: Final = (
    "version",
    "state",
    "state_reason",
    "state_changed_at",
    "returns_on",
    "open_counters",
    "live",
    "hides_waiting_count",
    "hides_estimate",
)


def record(
    queue: Queue,
    event: type[events.QueueEvent],
    *,
    actor: Actor,
    at: datetime,
    reason: str = "",
    session: CounterSession | None = None,
) -> None:
    """Write a queue's change and tell everybody; `session` for a counter's event."""
    data: dict[str, Any] = {"reason": reason} if reason else {}
    extra: dict[str, Any] = {}
    if session is not None:
        data["counter"] = session.counter.name
        extra = {
            "counter_id": session.counter_id,
            "session_id": session.pk,
            "agent_id": session.agent_id,
        }
    topic_event = _lifecycle.tell(queue, events.wire_type(event), data, at)
    with written_together():
        update_row(queue, FIELDS)
        realtime.broadcast(topic_event, forward_to=(f"org:{queue.organization_id}",))
        outbox.publish(
            event(
                organization_id=queue.organization_id,
                subject_version=queue.version,
                occurred_at=at,
                actor=actor.label,
                queue_id=queue.pk,
                branch_id=queue.branch_id,
                reason=reason,
                **extra,
            )
        )

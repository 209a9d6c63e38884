"""Opening, freezing and closing a queue."""

from datetime import datetime
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import Ability
from smartqueue.common.db import operation
from smartqueue.queues import events, policies
from smartqueue.queues.enums import QueueState
from smartqueue.queues.models import Queue
from smartqueue.queues.operations import _queue_changes


@operation
def open_queue(*, actor: Actor, queue_id: UUID, now: datetime, reason: str = "") -> Queue:
    """
    Let people join and be called; an open queue stays as it is.

    :raises NotFound: unknown, or not the actor's
    """
    return _set_state(actor, queue_id, QueueState.OPEN, events.QueueOpened, reason, now)


@operation
def pause_queue(*, actor: Actor, queue_id: UUID, now: datetime, reason: str = "") -> Queue:
    """
    Freeze a queue: nobody joins, nobody is called, places are kept.

    :raises NotFound: unknown, or not the actor's
    """
    return _set_state(actor, queue_id, QueueState.PAUSED, events.QueuePaused, reason, now)


@operation
def close_queue(*, actor: Actor, queue_id: UUID, now: datetime, reason: str = "") -> Queue:
    """
    Close for the day. Whoever waits or is set aside expires right after; who is at a counter
    is finished by the agent.

    :raises NotFound: unknown, or not the actor's
    """
    return _set_state(actor, queue_id, QueueState.CLOSED, events.QueueClosed, reason, now)


def _set_state(
    actor: Actor,
    queue_id: UUID,
    state: QueueState,
    event: type[events.QueueEvent],
    reason: str,
    now: datetime,
) -> Queue:
    queue = policies.access_queue(actor, queue_id, Ability.SERVE, lock=True)
    if queue.state == state and queue.state_reason == reason:
        return queue
    queue.state = state
    queue.state_reason = reason
    queue.state_changed_at = now
    _queue_changes.record(queue, event, actor=actor, at=now, reason=reason)
    return queue

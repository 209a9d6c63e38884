"""Opening, freezing and closing a queue."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import Ability
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.queues import events, policies, queries
from smartqueue.queues.enums import QueueState
from smartqueue.queues.errors import QueueClosed
from smartqueue.queues.models import Queue
from smartqueue.queues.operations import _lifecycle, _queue_changes

LATEST_RETURN: Final = timedelta(days=60)
OUTAGE: Final = "outage"


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


@operation
def close_for_outage(
    *, actor: Actor, queue_id: UUID, now: datetime, reason: str = "", day: date | None = None
) -> Queue:
    """
    Close for today because serving cannot go on. Whoever waits or is set aside expires right after,
    with a return ticket for `day`: the next one on which the place opens, unless told otherwise.

    A queue that was closed so already stays as it is, with the day that was said first.

    :raises NotFound: unknown, or not managed by the actor
    :raises QueueClosed: it was closed without return tickets
    :raises InvalidInput: a day that is not after today, or more than 60 days away
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE, lock=True)
    if queue.state == QueueState.CLOSED:
        if queue.returns_on is None:
            raise QueueClosed(queue.state_reason)
        return queue
    today = _lifecycle.today(queue, now)
    day = day or queries.next_service_day(queue.branch, now)
    if not today < day <= today + LATEST_RETURN:
        raise InvalidInput.on("day", _("Choose a day after today, within 60 days."), "day")
    queue.state, queue.state_reason, queue.state_changed_at = QueueState.CLOSED, reason, now
    queue.returns_on = day
    _queue_changes.record(queue, events.QueueClosed, actor=actor, at=now, reason=OUTAGE)
    return queue


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
    if state != QueueState.CLOSED:
        queue.returns_on = None
    _queue_changes.record(queue, event, actor=actor, at=now, reason=reason)
    return queue

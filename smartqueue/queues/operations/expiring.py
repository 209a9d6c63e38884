"""What ends by itself: lines at closing, tickets and sessions at the day's end."""

from datetime import datetime
from typing import Final
from uuid import UUID

from smartqueue.accounts.actor import SYSTEM
from smartqueue.business.hours import first_day_in_force
from smartqueue.business.queries import schedule_of
from smartqueue.common.db import operation
from smartqueue.common.tenancy import enter
from smartqueue.queues import events, queries
from smartqueue.queues.enums import ACTIVE, AT_COUNTER, QueueState, TicketState
from smartqueue.queues.models import Queue, Ticket
from smartqueue.queues.operations import _lifecycle, _queue_changes
from smartqueue.queues.operations.opening import OUTAGE

BATCH = 200
_UNSERVED: Final = frozenset({TicketState.WAITING, TicketState.PARKED})


@operation
def expire_tickets(*, queue_id: UUID, now: datetime, limit: int = BATCH) -> int:
    """
    End up to `limit` tickets that have no more chance; returns how many there were.

    In a closed queue those are the waiting and the parked, who get a return ticket where an outage
    closed it; from service days that are over
    everything that has not ended, also at a counter. Call it until it returns 0.
    """
    queue = _lock(queue_id)
    if queue.state == QueueState.CLOSED and queue.state_changed_at is not None:
        # An earlier closing may be heard of so late that people have joined and it closed again.
        now = max(now, queue.state_changed_at)
    left = Ticket.objects.filter(queue=queue, state__in=ACTIVE).select_related("counter")
    past = left.filter(service_date__lt=first_day_in_force(schedule_of(queue.branch), now))
    due = list(past.order_by("order_key")[:limit])
    if queue.state == QueueState.CLOSED and len(due) < limit:
        waiting = left.exclude(state__in=AT_COUNTER).exclude(pk__in=[t.pk for t in due])
        due += list(waiting.order_by("order_key")[: limit - len(due)])
    for ticket in due:
        ticket.queue = queue
        _expire(queue, ticket, now)
    return len(due)


def _expire(queue: Queue, ticket: Ticket, now: datetime) -> None:
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.EXPIRED)
    ticket.ended_at = now
    returns = _is_given_return(queue, from_state, now)
    if returns:
        ticket.returns_on = queue.returns_on
    _lifecycle.release_counter(ticket)
    _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketExpired,
            actor=SYSTEM,
            at=now,
            from_state=from_state,
            reason=OUTAGE if returns else "closing",
        )
    )


def _is_given_return(queue: Queue, from_state: TicketState, now: datetime) -> bool:
    if queue.state != QueueState.CLOSED or queue.returns_on is None:
        return False
    # On the day itself where the line is ended after midnight.
    return from_state in _UNSERVED and queue.returns_on >= _lifecycle.today(queue, now)


@operation
def follow_opening_hours(
    *, queue_id: UUID, is_open: bool, now: datetime, since: datetime | None = None
) -> None:
    """
    Open or close a queue that follows its branch's hours. A paused one is only closed, as for an
    outage: those whom it froze were not to be served. One that was changed after `since` stays as
    it is: somebody may have, since it was looked for.
    """
    queue = _lock(queue_id)
    changed_at = queue.state_changed_at
    if since is not None and changed_at is not None and changed_at >= since:
        return
    wanted = QueueState.OPEN if is_open else QueueState.CLOSED
    if queue.state == wanted or (is_open and queue.state == QueueState.PAUSED):
        return
    is_frozen = queue.state == QueueState.PAUSED
    queue.returns_on = queries.next_service_day(queue.branch, now) if is_frozen else None
    reason = queue.state_reason if is_frozen else ""
    queue.state, queue.state_reason, queue.state_changed_at = wanted, reason, now
    event = events.QueueOpened if is_open else events.QueueClosed
    _queue_changes.record(queue, event, actor=SYSTEM, at=now, reason="opening_hours")


@operation
def retire_closed_place_queue(*, queue_id: UUID, now: datetime) -> None:
    """Close and retire a queue whose branch has closed for good."""
    queue = _lock(queue_id)
    if queue.retired_at is not None:
        return
    queue.retired_at = now
    queue.save(update_fields=["retired_at"])
    if queue.state != QueueState.CLOSED:
        queue.state, queue.state_reason, queue.state_changed_at = QueueState.CLOSED, "", now
        _queue_changes.record(
            queue, events.QueueClosed, actor=SYSTEM, at=now, reason="closed_place"
        )


def _lock(queue_id: UUID) -> Queue:
    queue: Queue = (
        Queue.objects.with_scopes_disabled()
        .select_related("branch")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=queue_id)
    )
    enter(queue.organization_id)
    return queue

"""How a ticket changes: one place writes the row, its period, and what everybody is told."""

import dataclasses
from datetime import date, datetime
from typing import Any, Final

from smartqueue.accounts.actor import Actor
from smartqueue.common import clock
from smartqueue.common.db import (
    insert_rows,
    insert_values,
    name_refusals,
    update_row,
    write,
    written_together,
)
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox
from smartqueue.queues import events, live
from smartqueue.queues.enums import TicketState
from smartqueue.queues.errors import AlreadyWaiting, CounterBusy
from smartqueue.queues.models import CounterSession, Queue, Ticket, TicketPeriod, TicketStep
from smartqueue.realtime import operations as realtime
from smartqueue.realtime.operations import Message

QUEUE_FIELDS: Final = (
    "version",
    "number_date",
    "last_sequence",
    "waiting_count",
    "last_order_key",
    "last_ticket_id",
    "live",
)
TICKET_FIELDS: Final = (
    "version",
    "queue",
    "state",
    "service",
    "priority",
    "order_key",
    "session",
    "counter",
    "calls",
    "call_reason",
    "more_time_used",
    "outcome",
    "note",
    "called_at",
    "started_at",
    "ended_at",
    "returns_on",
)
UNDOABLE: Final = (
    "session_id",
    "counter_id",
    "calls",
    "call_reason",
    "order_key",
    "outcome",
    "note",
    "called_at",
    "started_at",
    "ended_at",
)
PERSON_KEY_LENGTH: Final = Ticket._meta.get_field("person_key").max_length
# A request that waited for the lock may have come before the change that it now follows.
_CLOSE_PERIOD = """
    UPDATE queues_ticketperiod SET ended_at = greatest(%s, started_at)
    WHERE ticket_id = %s AND ended_at IS NULL
    RETURNING ended_at
"""
# Reads when the period before ended, so that it is closed first.
_OPEN_NEXT_PERIOD = """
    INSERT INTO queues_ticketperiod (
        id, organization_id, ticket_id, state, queue_id, counter_id, agent_id, reason,
        started_at, ended_at)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, begins.at, CASE WHEN %s THEN begins.at END
    FROM (SELECT coalesce((SELECT ended_at FROM closed_period), %s) AS at) AS begins
"""
name_refusals(
    {
        "ticket_one_per_counter": CounterBusy,
        "ticket_one_per_customer": AlreadyWaiting,
        "ticket_one_per_phone": AlreadyWaiting,
    }
)


@dataclasses.dataclass(kw_only=True)
class Change:
    """
    One change of one ticket under the lock of its queue.

    `event` names it, `reason` is the word of ours kept in the period and the event; `words` are what
    somebody typed, which the period keeps instead and no event repeats. `from_state` is None
    for a new ticket. `left_queue` is where a transferred ticket came from, also locked.
    """

    queue: Queue
    ticket: Ticket
    event: type[events.TicketEvent]
    actor: Actor
    at: datetime
    from_state: TicketState | None
    reason: str = ""
    words: str = ""
    undo: bool = False
    new_day: bool = False
    left_queue: Queue | None = None
    step: dict[str, Any] | None = None

    @property
    def entered(self) -> bool:
        """Whether a new period begins: another state, another queue, or a new ticket."""
        return self.from_state != self.ticket.state or self.left_queue is not None


def remember(ticket: Ticket, actor: Actor, to: TicketState, at: datetime) -> dict[str, Any]:
    """Return the values of the step that would undo what is about to happen to a ticket, for its agent."""
    before = {name: _plain(getattr(ticket, name)) for name in UNDOABLE}
    return {
        "id": new_id(),
        "organization_id": ticket.organization_id,
        "ticket_id": ticket.pk,
        "agent_id": ticket.session.agent_id if ticket.session else actor.require_user(),
        "ticket_version": ticket.version + 1,
        "to_state": to,
        "before": {"state": ticket.state, **before},
        "done_at": at,
        "undone_at": None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if hasattr(value, "hex") and hasattr(value, "bytes") else value


def release_counter(ticket: Ticket) -> None:
    """Take a ticket off its counter."""
    ticket.session = None
    ticket.counter = None


def seat(ticket: Ticket, session: CounterSession) -> None:
    """Put a ticket at a session's counter."""
    ticket.session = session
    ticket.counter = session.counter


def record(change: Change) -> Ticket:
    """
    Write a change whole: ticket, period, queue, topics, event, in one statement.

    :raises CounterBusy: the counter has got somebody else through another queue
    :raises AlreadyWaiting: the person has another active ticket in the queue
    """
    queue, ticket = change.queue, change.ticket
    if change.from_state is not None:
        ticket.version += 1
    topic_events = []
    if change.left_queue is not None:
        topic_events.append(_tell_left_queue(change, change.left_queue))
    topic_events.append(_tell_queue(change))
    topic_events.append(_tell_holder(change))
    with written_together():
        _write_ticket(change)
        if change.left_queue is not None:
            update_row(change.left_queue, QUEUE_FIELDS)
        update_row(queue, QUEUE_FIELDS)
        realtime.broadcast(*topic_events, forward_to=(f"org:{queue.organization_id}",))
        outbox.publish(_domain_event(change))
    return ticket


def _write_ticket(change: Change) -> None:
    ticket = change.ticket
    if change.from_state is None:
        insert_rows([ticket])
    else:
        update_row(ticket, TICKET_FIELDS)
    if change.entered:
        _write_period(change)
    if change.step is not None:
        insert_values(TicketStep, change.step)


def _write_period(change: Change) -> None:
    ticket = change.ticket
    if change.from_state is None:
        insert_values(TicketPeriod, _first_period(change))
        return
    write(_CLOSE_PERIOD, [change.at, ticket.pk], name="closed_period")
    write(
        _OPEN_NEXT_PERIOD,
        [
            new_id(),
            ticket.organization_id,
            ticket.pk,
            ticket.state,
            ticket.queue_id,
            ticket.counter_id,
            ticket.session.agent_id if ticket.session else None,
            change.words or change.reason,
            ticket.ended_at is not None,
            change.at,
        ],
    )


def _first_period(change: Change) -> dict[str, Any]:
    ticket = change.ticket
    return {
        "id": new_id(),
        "organization_id": ticket.organization_id,
        "ticket_id": ticket.pk,
        "state": ticket.state,
        "queue_id": ticket.queue_id,
        "counter_id": None,
        "agent_id": None,
        "started_at": change.at,
        "ended_at": None,
        "reason": change.reason,
    }


def _tell_queue(change: Change) -> Message:
    queue, ticket = change.queue, change.ticket
    was_waiting = change.from_state is TicketState.WAITING and change.left_queue is None
    is_waiting = ticket.state == TicketState.WAITING
    queue.waiting_count += is_waiting - was_waiting
    if is_waiting:
        _note_last(queue, ticket)
    data = live.ticket_event_facts(ticket, undo=change.undo)
    if change.new_day:
        data["new_day"] = True
    return tell(queue, events.wire_type(change.event), data, change.at)


def _note_last(queue: Queue, ticket: Ticket) -> None:
    last = queue.last_order_key, queue.last_ticket_id
    if None in last or (ticket.order_key, ticket.pk) > last:
        queue.last_order_key, queue.last_ticket_id = ticket.order_key, ticket.pk


def _tell_left_queue(change: Change, left: Queue) -> Message:
    left.waiting_count -= change.from_state is TicketState.WAITING
    data = live.ticket_event_facts(change.ticket, undo=False) | {"elsewhere": True}
    return tell(left, events.wire_type(change.event), data, change.at)


def tell(queue: Queue, event_type: str, data: dict[str, Any], at: datetime) -> Message:
    """Take the queue's next version and return the event that its screens will get."""
    queue.version += 1
    queue.live = live.apply_to_figures(queue.live, event_type, data)
    return Message(
        topic=f"queue:{queue.pk}",
        version=queue.version,
        type=event_type,
        data=data | live.queue_facts(queue),
        inside=live.inside_facts(queue),
        at=at,
    )


def _tell_holder(change: Change) -> Message:
    ticket = change.ticket
    return Message(
        topic=f"ticket:{ticket.pk}",
        version=ticket.version,
        type=events.wire_type(change.event),
        data=live.ticket_facts(ticket),
        at=change.at,
    )


def _domain_event(change: Change) -> events.TicketEvent:
    ticket = change.ticket
    return change.event(
        organization_id=ticket.organization_id,
        subject_version=ticket.version,
        occurred_at=change.at,
        actor=change.actor.label,
        ticket_id=ticket.pk,
        queue_id=ticket.queue_id,
        branch_id=ticket.branch_id,
        queue_version=change.queue.version,
        from_state=change.from_state,
        state=ticket.state,
        service_id=ticket.service_id,
        customer_id=ticket.customer_id,
        counter_id=ticket.counter_id,
        agent_id=ticket.session.agent_id if ticket.session else None,
        priority=ticket.priority,
        channel=ticket.channel,
        calls=ticket.calls,
        reason=change.reason,
        is_reachable=bool(ticket.customer_id or ticket.phone or ticket.is_watched),
    )


def today(queue: Queue, now: datetime) -> date:
    """Return the service date of a moment at a queue's branch."""
    return clock.service_date(now, queue.branch.timezone)


def person_key_of(name: str) -> str:
    """Return what tells apart several people who joined with one account or phone."""
    # Folding may lengthen a name ("ß" becomes "ss") beyond its column.
    return " ".join(name.casefold().split())[:PERSON_KEY_LENGTH]

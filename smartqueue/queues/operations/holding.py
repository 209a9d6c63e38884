"""What the holder of a ticket may do with it; staff may do the same for them."""

from datetime import datetime
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import operation, update_row
from smartqueue.common.errors import NotFound
from smartqueue.queues import events, policies
from smartqueue.queues.enums import TicketState
from smartqueue.queues.errors import IllegalTransition, MoreTimeExhausted
from smartqueue.queues.models import Ticket
from smartqueue.queues.operations import _lifecycle, _order


@operation
def cancel_ticket(*, actor: Actor, ticket_id: UUID, now: datetime, reason: str = "") -> Ticket:
    """
    Leave the line.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: being served, or ended already
    """
    ticket, queue, _ = policies.access_ticket_locked(actor, ticket_id, holder=True)
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.CANCELLED)
    ticket.ended_at = now
    _lifecycle.release_counter(ticket)
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketCancelled,
            actor=actor,
            at=now,
            from_state=from_state,
            reason="holder",
            words=reason,
        )
    )


@operation
def give_more_time(*, actor: Actor, ticket_id: UUID, now: datetime, people: int = 3) -> Ticket:
    """
    Let some people pass, a limited number of times.

    :param people: how many, 1 to 20; with fewer people behind, all of them
    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: the ticket is not waiting
    :raises MoreTimeExhausted: done as often as the queue allows
    """
    ticket, queue, _ = policies.access_ticket_locked(actor, ticket_id, holder=True)
    if ticket.state != TicketState.WAITING:
        raise IllegalTransition(state=ticket.state)
    if ticket.more_time_used >= queue.more_time_limit:
        raise MoreTimeExhausted(limit=queue.more_time_limit)
    ticket.more_time_used += 1
    ticket.order_key = _order.key_behind(queue, ticket, people)
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketDelayed,
            actor=actor,
            at=now,
            from_state=TicketState.WAITING,
        )
    )


@operation
def update_ticket(
    *,
    actor: Actor,
    ticket_id: UUID,
    customer_name: str | None = None,
    phone: str | None = None,
    plate: str | None = None,
    note: str | None = None,
    language: str | None = None,
) -> Ticket:
    """
    Correct what people may correct on a ticket; only staff write the note. Never a state. `language`
    is that of the messages about it.

    :raises NotFound: unknown, or not the actor's
    :raises AlreadyWaiting: that person has another active ticket in the queue
    """
    ticket, _queue, _ = policies.access_ticket_locked(actor, ticket_id, holder=True)
    given = {
        "customer_name": customer_name,
        "phone": phone,
        "plate": plate,
        "note": note,
        "language": language,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if "note" in changes and not policies.serves(actor, ticket):
        raise NotFound
    for name, value in changes.items():
        setattr(ticket, name, value)
    if customer_name is not None:
        ticket.person_key = changes["person_key"] = _lifecycle.person_key_of(customer_name)
    if changes:
        update_row(ticket, tuple(changes))
    return ticket

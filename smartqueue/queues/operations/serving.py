"""What happens at the counter after the call."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.queues import events, policies
from smartqueue.queues.enums import AT_COUNTER, QueueState, ReentryRule, TicketState
from smartqueue.queues.errors import GraceOver, IllegalTransition, QueueClosed
from smartqueue.queues.models import Queue, QueueService, Ticket
from smartqueue.queues.operations import _lifecycle, _order


@operation
def start_ticket(*, actor: Actor, ticket_id: UUID, now: datetime) -> Ticket:
    """
    Say that the called person has arrived at the counter.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: the ticket is not called
    """
    ticket, queue, _other = policies.access_ticket_locked(actor, ticket_id)
    step = _lifecycle.remember(ticket, actor, TicketState.SERVING, now)
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.SERVING)
    ticket.started_at = now
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketStarted,
            actor=actor,
            at=now,
            from_state=from_state,
            step=step,
        )
    )


@operation
def complete_ticket(
    *, actor: Actor, ticket_id: UUID, now: datetime, outcome: str = "", note: str = ""
) -> Ticket:
    """
    Say that the person has been served; the counter is free.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: the ticket is not being served
    """
    ticket, queue, _other = policies.access_ticket_locked(actor, ticket_id)
    step = _lifecycle.remember(ticket, actor, TicketState.COMPLETED, now)
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.COMPLETED)
    ticket.ended_at = now
    ticket.outcome, ticket.note = outcome, note
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketCompleted,
            actor=actor,
            at=now,
            from_state=from_state,
            words=outcome,
            step=step,
        )
    )


@operation
def park_ticket(*, actor: Actor, ticket_id: UUID, now: datetime, reason: str = "") -> Ticket:
    """
    Set a person aside (a missing paper, a break); they keep the place they earned.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: the ticket has ended
    """
    ticket, queue, _other = policies.access_ticket_locked(actor, ticket_id)
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.PARKED)
    _lifecycle.release_counter(ticket)
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketParked,
            actor=actor,
            at=now,
            from_state=from_state,
            words=reason,
        )
    )


@operation
def resume_ticket(*, actor: Actor, ticket_id: UUID, now: datetime) -> Ticket:
    """
    Put somebody back in line who was set aside, or who missed the call and came in time.

    :raises NotFound: unknown, or not the actor's
    :raises GraceOver: the call was missed too long ago
    :raises IllegalTransition: neither set aside nor missed
    """
    ticket, queue, _other = policies.access_ticket_locked(actor, ticket_id)
    from_state = TicketState(ticket.state)
    if from_state not in {TicketState.PARKED, TicketState.NO_SHOW}:
        raise IllegalTransition(state=ticket.state)
    event: type[events.TicketEvent] = events.TicketResumed
    if from_state is TicketState.NO_SHOW:
        _check_grace(queue, ticket, now)
        event = events.TicketReinstated
        if queue.after_no_show == ReentryRule.LAST:
            ticket.order_key = _order.key_last(queue, now)
    ticket.move_to(TicketState.WAITING)
    ticket.ended_at = None
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=event,
            actor=actor,
            at=now,
            from_state=from_state,
        )
    )


def _check_grace(queue: Queue, ticket: Ticket, now: datetime) -> None:
    if queue.state == QueueState.CLOSED:
        raise QueueClosed(queue.state_reason)
    grace = timedelta(minutes=queue.no_show_grace_minutes)
    if ticket.ended_at is not None and now - ticket.ended_at > grace:
        raise GraceOver(grace_minutes=queue.no_show_grace_minutes)


@operation
def return_ticket(
    *, actor: Actor, ticket_id: UUID, now: datetime, to: Literal["first", "last"] = "first"
) -> Ticket:
    """
    Send a called or served person back to the line, before everybody or behind.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: the ticket is not at a counter
    """
    ticket, queue, _other = policies.access_ticket_locked(actor, ticket_id)
    from_state = TicketState(ticket.state)
    if from_state not in AT_COUNTER:
        raise IllegalTransition(state=ticket.state)
    ticket.move_to(TicketState.WAITING)
    _lifecycle.release_counter(ticket)
    # "First" never loses what was earned: an earlier key is kept.
    ticket.order_key = (
        _order.key_last(queue, now)
        if to == "last"
        else min(_order.key_first(queue, now), ticket.order_key)
    )
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketReturned,
            actor=actor,
            at=now,
            from_state=from_state,
            reason=to,
        )
    )


@operation
def transfer_ticket(
    *,
    actor: Actor,
    ticket_id: UUID,
    target_queue_id: UUID,
    now: datetime,
    service_id: UUID | None = None,
) -> Ticket:
    """
    Move a waiting, called or served person to another queue of the branch; the number stays.

    The target queue's rule decides whether the place earned comes along.

    :raises NotFound: unknown ticket or queue, or not the actor's
    :raises QueueClosed: the target takes nobody now
    :raises InvalidInput: the same queue, or a service that the target does not serve
    :raises IllegalTransition: the ticket is neither waiting nor at a counter
    """
    ticket, source, target = policies.access_ticket_locked(actor, ticket_id, also=target_queue_id)
    if target is None or target.pk == source.pk:
        raise InvalidInput.on("queue", _("Choose another queue."))
    if target.state == QueueState.CLOSED:
        raise QueueClosed(target.state_reason)
    from_state = TicketState(ticket.state)
    if from_state not in (TicketState.WAITING, *AT_COUNTER):
        raise IllegalTransition(state=ticket.state)
    ticket.service_id = _service_in(target, service_id, ticket)
    if from_state is not TicketState.WAITING:
        ticket.move_to(TicketState.WAITING)
    _lifecycle.release_counter(ticket)
    if target.after_transfer == ReentryRule.LAST:
        ticket.order_key = _order.key_last(target, now)
    ticket.queue = target
    return _lifecycle.record(
        _lifecycle.Change(
            queue=target,
            ticket=ticket,
            event=events.TicketTransferred,
            actor=actor,
            at=now,
            from_state=from_state,
            left_queue=source,
        )
    )


def _service_in(target: Queue, service_id: UUID | None, ticket: Ticket) -> UUID | None:
    offered = set(QueueService.objects.filter(queue=target).values_list("service_id", flat=True))
    if service_id is not None and service_id not in offered:
        raise InvalidInput.on("service", _("This queue does not serve that service."))
    if service_id is not None:
        return service_id
    if ticket.service_id in offered:
        return ticket.service_id
    return offered.pop() if len(offered) == 1 else None

"""Calling people to counters; two agents never get the same person."""

from datetime import datetime
from typing import Any
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import Ability
from smartqueue.common.db import operation
from smartqueue.common.errors import NotFound
from smartqueue.queues import events, policies, queries
from smartqueue.queues.enums import ORDINARY, CallRule, Policy, QueueState, TicketState
from smartqueue.queues.errors import (
    CounterBusy,
    IllegalTransition,
    QueuePaused,
    TicketNotWaiting,
)
from smartqueue.queues.models import CounterSession, Queue, Ticket
from smartqueue.queues.operations import _lifecycle


@operation
def call_next_for_session(*, actor: Actor, session_id: UUID, now: datetime) -> Ticket | None:
    """
    Call the person who should be next at the agent's counter, over all its queues.

    Among the heads of the queues the one with the largest wait times the agent's weight for the
    service is called. Returns None when nobody waits.

    :raises NotFound: unknown session, or another agent's
    :raises SessionNotOpen: on a break
    :raises CounterBusy: somebody is still at the counter
    """
    session = policies.access_open_session(actor, session_id)
    if session.is_busy:  # type: ignore[attr-defined]  # annotated by the policy
        raise CounterBusy
    passed: set[UUID] = set()
    while True:
        queue_id = queries.best_queue(session, now, without=passed)
        if queue_id is None:
            return None
        queue = _lock_if_there(actor, queue_id)
        if queue is not None and queue.state != QueueState.PAUSED:
            ticket = _call_head(queue, session_id, actor, now)
            if ticket is not None:
                return ticket
        # Frozen or retired, or others took everybody between the look and the lock.
        passed.add(queue_id)


def _lock_if_there(actor: Actor, queue_id: UUID) -> Queue | None:
    try:
        return policies.access_queue(actor, queue_id, Ability.SERVE, lock=True)
    except NotFound:
        return None


@operation
def call_next_ticket(
    *, actor: Actor, queue_id: UUID, session_id: UUID, now: datetime
) -> Ticket | None:
    """
    Call the next person of one queue to the agent's counter; None when nobody waits.

    :raises NotFound: unknown queue or session, or not the actor's to call
    :raises SessionNotOpen: on a break
    :raises CounterBusy: somebody is still at the counter
    :raises QueuePaused: the queue is frozen
    """
    queue = policies.access_queue(actor, queue_id, Ability.SERVE, lock=True)
    if queue.state == QueueState.PAUSED:
        raise QueuePaused(queue.state_reason)
    return _call_head(queue, session_id, actor, now)


def _call_head(queue: Queue, session_id: UUID, actor: Actor, now: datetime) -> Ticket | None:
    session, ticket = policies.access_session_with_head(actor, session_id, queue)
    _check_ready(session, queue)
    if ticket is None:
        return None
    return _call(queue, ticket, session, actor, _rule_of(queue, ticket), now)


def _ready_session(actor: Actor, session_id: UUID, queue: Queue) -> CounterSession:
    session = policies.access_open_session(actor, session_id, lock=True)
    _check_ready(session, queue)
    return session


def _check_ready(session: CounterSession, queue: Queue) -> None:
    if session.branch_id != queue.branch_id:
        raise NotFound
    if session.is_busy:  # type: ignore[attr-defined]  # annotated by the policy
        raise CounterBusy


@operation
def call_ticket(*, actor: Actor, ticket_id: UUID, session_id: UUID, now: datetime) -> Ticket:
    """
    Call one given ticket, waiting or set aside; exactly one caller wins.

    :raises NotFound: unknown ticket or session, or not the actor's to call
    :raises TicketNotWaiting: somebody else called it, or it left; names its state
    :raises CounterBusy: somebody is still at the counter
    """
    ticket, queue, _ = policies.access_ticket_locked(actor, ticket_id)
    if ticket.state not in {TicketState.WAITING, TicketState.PARKED}:
        raise TicketNotWaiting(state=ticket.state)
    if queue.state == QueueState.PAUSED:
        raise QueuePaused(queue.state_reason)
    session = _ready_session(actor, session_id, queue)
    parked = ticket.state == TicketState.PARKED
    rule = CallRule.BACK_FROM_PARKED if parked else CallRule.CHOSEN_BY_AGENT
    return _call(queue, ticket, session, actor, rule, now)


def _rule_of(queue: Queue, ticket: Ticket) -> CallRule:
    if ticket.return_of_id is not None:
        return CallRule.RETURN_TICKET
    if ticket.priority == ORDINARY:
        return CallRule.FIRST_IN_LINE
    if (ticket.joined_at - ticket.order_key).total_seconds() >= 86_400:
        return CallRule.EMERGENCY
    if queue.policy == Policy.ONE_IN_N:
        return CallRule.TURN_OF_PRIORITY
    return CallRule.HEAD_START if queue.policy == Policy.HEAD_START else CallRule.FIRST_IN_LINE


def _reason(ticket: Ticket, rule: CallRule, now: datetime) -> dict[str, Any]:
    return {
        "code": rule.value,
        "priority": ticket.priority,
        "waited_seconds": max(round((now - ticket.joined_at).total_seconds()), 0),
    }


def _call(
    queue: Queue,
    ticket: Ticket,
    session: CounterSession,
    actor: Actor,
    rule: CallRule,
    now: datetime,
) -> Ticket:
    step = _lifecycle.remember(ticket, actor, TicketState.CALLED, now)
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.CALLED)
    _lifecycle.seat(ticket, session)
    ticket.calls = 1
    ticket.called_at = now
    ticket.call_reason = _reason(ticket, rule, now)
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketCalled,
            actor=actor,
            at=now,
            from_state=from_state,
            reason=rule.value,
            step=step,
        )
    )


@operation
def recall_ticket(*, actor: Actor, ticket_id: UUID, now: datetime) -> Ticket:
    """
    Call a person again who has not come; past the queue's `max_calls` this marks a no-show.

    :raises NotFound: unknown, or not the actor's to call
    :raises IllegalTransition: the ticket is not called
    """
    ticket, queue, _ = policies.access_ticket_locked(actor, ticket_id)
    if ticket.state != TicketState.CALLED:
        raise IllegalTransition(state=ticket.state)
    if ticket.calls >= queue.max_calls:
        return _miss(queue, ticket, actor, now, "max_calls")
    ticket.calls += 1
    ticket.called_at = now
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketRecalled,
            actor=actor,
            at=now,
            from_state=TicketState.CALLED,
        )
    )


@operation
def mark_no_show(*, actor: Actor, ticket_id: UUID, now: datetime) -> Ticket:
    """
    Say that a called person did not come; within the grace time they can be reinstated.

    :raises NotFound: unknown, or not the actor's to call
    :raises IllegalTransition: the ticket is not called
    """
    ticket, queue, _ = policies.access_ticket_locked(actor, ticket_id)
    return _miss(queue, ticket, actor, now, "agent")


def _miss(queue: Queue, ticket: Ticket, actor: Actor, now: datetime, reason: str) -> Ticket:
    step = _lifecycle.remember(ticket, actor, TicketState.NO_SHOW, now)
    from_state = TicketState(ticket.state)
    ticket.move_to(TicketState.NO_SHOW)
    ticket.ended_at = now
    _lifecycle.release_counter(ticket)
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=events.TicketNoShow,
            actor=actor,
            at=now,
            from_state=from_state,
            reason=reason,
            step=step,
        )
    )

"""Taking back the last step."""

from datetime import datetime
from typing import Any
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import operation
from smartqueue.queues import events, policies
from smartqueue.queues.enums import AT_COUNTER, UNDO_WITHIN, SessionState, TicketState
from smartqueue.queues.errors import CounterBusy, NothingToUndo
from smartqueue.queues.models import CounterSession, Ticket, TicketStep
from smartqueue.queues.operations import _lifecycle

_TOLD_AS: dict[str, type[events.TicketEvent]] = {
    TicketState.WAITING: events.TicketReturned,
    TicketState.PARKED: events.TicketParked,
    TicketState.CALLED: events.TicketCalled,
    TicketState.SERVING: events.TicketStarted,
}


@operation
def undo_step(*, actor: Actor, ticket_id: UUID, now: datetime) -> Ticket:
    """
    Put a ticket back to where it was before the agent's own last step, within two minutes.

    :raises NotFound: unknown, or not the actor's
    :raises NothingToUndo: no step of this agent, too late, or somebody has acted since
    :raises CounterBusy: the counter serves somebody else by now
    """
    ticket, queue, _ = policies.access_ticket_locked(actor, ticket_id)
    step = (
        TicketStep.objects.filter(ticket=ticket, undone_at=None).order_by("-ticket_version").first()
    )
    if (
        step is None
        or step.agent_id != actor.user_id
        or now - step.done_at > UNDO_WITHIN
        or ticket.state != step.to_state
    ):
        raise NothingToUndo
    from_state = TicketState(ticket.state)
    back_to = TicketState(step.before["state"])
    _restore(ticket, step.before)
    if back_to in AT_COUNTER:
        _check_counter_free(ticket)
    ticket.move_to(back_to, undo=True)
    step.undone_at = now
    step.save(update_fields=["undone_at"])
    return _lifecycle.record(
        _lifecycle.Change(
            queue=queue,
            ticket=ticket,
            event=_TOLD_AS[back_to],
            actor=actor,
            at=now,
            from_state=from_state,
            reason="undo",
            undo=True,
        )
    )


def _restore(ticket: Ticket, before: dict[str, Any]) -> None:
    fields: dict[str, Any] = {field.attname: field for field in ticket._meta.concrete_fields}
    for name in _lifecycle.UNDOABLE:
        field = fields[name]
        target = field.target_field if field.is_relation else field
        value = before[name]
        is_json = name == "call_reason"
        setattr(ticket, name, value if is_json or value is None else target.to_python(value))


def _check_counter_free(ticket: Ticket) -> None:
    # Locked, so that the agent of a session that does not serve this queue cannot leave meanwhile.
    locked = CounterSession.objects.select_for_update(of=("self",), no_key=True)
    if not locked.filter(pk=ticket.session_id).exclude(state=SessionState.ENDED).exists():
        raise NothingToUndo
    occupied = Ticket.objects.filter(counter=ticket.counter, state__in=AT_COUNTER)
    if occupied.exclude(pk=ticket.pk).exists():
        raise CounterBusy

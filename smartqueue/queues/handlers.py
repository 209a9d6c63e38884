"""What queues does upon events: learn from each wait, empty a closed line."""

from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.registry import subscribe
from smartqueue.queues import operations
from smartqueue.queues.events import (
    QueueClosed,
    TicketCalled,
    TicketCancelled,
    TicketCompleted,
    TicketEvent,
    TicketNoShow,
)


@subscribe(TicketCalled, TicketCancelled, TicketCompleted, TicketNoShow)
def on_ticket_ended_learn(event: TicketEvent) -> None:
    """Let the queue's estimator learn from a wait or a service that has just ended."""
    if event.reason != "undo":
        operations.learn_from_ticket(event=event)


@subscribe(QueueClosed, mode=HandlerMode.OUTSIDE)
def on_queue_closed_expire(event: QueueClosed) -> None:
    """End the tickets of a closed line, some hundred a transaction, so that no lock is held long."""
    while operations.expire_tickets(queue_id=event.queue_id, now=event.occurred_at):
        pass

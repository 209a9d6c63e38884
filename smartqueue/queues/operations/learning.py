"""Teaching the wait estimator of a queue what has happened."""

from smartqueue.common.db import operation
from smartqueue.queues import estimates
from smartqueue.queues.enums import TicketState
from smartqueue.queues.events import TicketEvent
from smartqueue.queues.models import QueueWaits, Ticket
from smartqueue.waits import Predictor


@operation
def learn_from_ticket(*, event: TicketEvent) -> None:
    """Add one ended wait or service to what is known of its queue."""
    ticket = (
        Ticket.objects.with_scopes_disabled()
        .select_related("service")
        .filter(pk=event.ticket_id)
        .first()
    )
    if ticket is None:
        return
    QueueWaits.objects.bulk_create(
        [
            QueueWaits(
                queue_id=event.queue_id, state=Predictor().to_state(), updated_at=event.occurred_at
            )
        ],
        ignore_conflicts=True,
    )
    learned = QueueWaits.objects.select_for_update(of=("self",)).get(queue_id=event.queue_id)
    predictor = estimates.predictor_from(learned.state)
    _observe(predictor, ticket, event)
    learned.state = predictor.to_state()
    learned.updated_at = event.occurred_at
    learned.save(update_fields=["state", "updated_at"])


def _observe(predictor: Predictor, ticket: Ticket, event: TicketEvent) -> None:
    ended = event.occurred_at.timestamp()
    if event.state == TicketState.CALLED:
        predictor.observe_wait(ticket.joined_at.timestamp(), ended, outcome="called")
    elif event.state == TicketState.CANCELLED and event.from_state == TicketState.WAITING:
        predictor.observe_wait(ticket.joined_at.timestamp(), ended, outcome="left")
    elif event.state in {TicketState.COMPLETED, TicketState.NO_SHOW} and ticket.called_at:
        predictor.observe_service(
            str(ticket.service_id or ""),
            ended - ticket.called_at.timestamp(),
            declared=ticket.service.duration_minutes * 60.0 if ticket.service else None,
            no_show=event.state == TicketState.NO_SHOW,
        )

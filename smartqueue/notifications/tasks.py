import logging
from uuid import UUID

from celery import shared_task

from smartqueue.common.jobs import periodic
from smartqueue.notifications import operations
from smartqueue.notifications.providers.base import ProviderError
from smartqueue.notifications.providers.email import client as email

SWEEP_SIZE = 100

logger = logging.getLogger(__name__)


@shared_task
def send_message_task(message_id: str) -> None:
    """Send one message in three steps: claimed in a transaction, sent outside of any, recorded."""
    _send(UUID(message_id))


def _send(message_id: UUID) -> None:
    message = operations.claim_message(message_id=message_id)
    if message is None:
        return
    try:
        email.send(
            recipient=message.recipient,
            subject=message.subject,
            body=message.body,
            reference=str(message.id),
        )
    except ProviderError as error:
        logger.warning(
            "Message not sent", extra={"message_id": str(message_id), "error": error.code}
        )
        operations.record_failure(
            message_id=message_id, error=error.code, is_retryable=error.retryable
        )
    else:
        operations.record_sent(message_id=message_id)


@periodic(every_seconds=15, lease_seconds=300)
def send_due_messages_task() -> None:
    """Send what is due again, or whose hint was lost; note what a dead worker left."""
    operations.settle_abandoned_messages()
    for message_id in operations.list_due_messages(SWEEP_SIZE):
        _send(message_id)


@periodic(every_seconds=3600)
def remove_old_messages_task() -> None:
    """Delete messages of more than 30 days."""
    operations.remove_old_messages()

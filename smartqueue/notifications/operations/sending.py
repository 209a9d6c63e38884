"""Messages that leave the application."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now

from smartqueue.accounts.actor import SYSTEM
from smartqueue.accounts.errors import ChannelUnavailable
from smartqueue.common.crypto import decrypt, encrypt
from smartqueue.common.db import operation
from smartqueue.common.ids import new_id
from smartqueue.common.phones import is_textable
from smartqueue.notifications import queries, texts
from smartqueue.notifications.enums import Channel, MessageState
from smartqueue.notifications.events import MessageQueued
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.outbox import operations as outbox

MAX_ATTEMPTS = 8
FIRST_RETRY = timedelta(seconds=30)
CLAIM_LIFE = timedelta(minutes=5)
MESSAGE_LIFE = timedelta(days=30)


def can_send(channel: Channel) -> bool:
    """Whether messages leave on this channel: text messages have no provider yet."""
    return channel == Channel.EMAIL or (channel == Channel.SMS and settings.DEVELOPMENT_MAILBOX)


@operation
def send_message(
    *,
    channel: Channel,
    recipient: str,
    template: str,
    context: Mapping[str, Any],
    language: str,
    dedupe_key: str,
    now: datetime,
    user_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> OutgoingMessage | None:
    """
    Queue a message once: the same `dedupe_key` again sends nothing and returns None.

    It leaves after the commit, and not after `expires_at`. With the development mailbox it is
    delivered there at once. `user_id` is whose data it is, for erasure.

    :raises UnknownText: no words under this template
    :raises ChannelUnavailable: nothing sends on this channel, or no text message to this number
    """
    if not can_send(channel):
        raise ChannelUnavailable
    if channel == Channel.SMS and not is_textable(recipient):
        raise ChannelUnavailable
    subject, body = texts.render(template, context, language)
    is_delivered = settings.DEVELOPMENT_MAILBOX
    message = OutgoingMessage(
        id=new_id(),
        channel=channel,
        recipient=recipient,
        user_id=user_id,
        template=template,
        subject=subject,
        sealed_body=encrypt(body, queries.BODY_PURPOSE),
        state=MessageState.SENT if is_delivered else MessageState.QUEUED,
        dedupe_key=dedupe_key,
        created_at=now,
        expires_at=expires_at,
        sent_at=now if is_delivered else None,
    )
    OutgoingMessage.objects.bulk_create([message], ignore_conflicts=True)
    if not OutgoingMessage.objects.filter(pk=message.pk).exists():
        return None
    if not is_delivered:
        outbox.publish(
            MessageQueued(
                message_id=message.pk,
                channel=str(channel),
                occurred_at=now,
                actor=SYSTEM.label,
            )
        )
    return message


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that this worker, and no other, is to send now."""

    id: UUID
    channel: str
    recipient: str
    subject: str
    body: str


@operation
def claim_message(*, message_id: UUID) -> ClaimedMessage | None:
    """Take a due message for sending; None when another worker has it or it need not go any more."""
    due = OutgoingMessage.objects.filter(
        pk=message_id, state=MessageState.QUEUED, next_attempt_at__lte=Now()
    )
    is_late = Q(expires_at__lte=Now())
    due.filter(is_late).update(state=MessageState.FAILED, last_error="expired", sealed_body="")
    is_claimed = due.update(
        state=MessageState.SENDING, attempts=F("attempts") + 1, claimed_at=Now()
    )
    if not is_claimed:
        return None
    message = OutgoingMessage.objects.get(pk=message_id)
    return ClaimedMessage(
        id=message.pk,
        channel=message.channel,
        recipient=message.recipient,
        subject=message.subject,
        body=decrypt(message.sealed_body, queries.BODY_PURPOSE),
    )


@operation
def record_sent(*, message_id: UUID) -> None:
    """Note that a claimed message has left, and forget what it said."""
    OutgoingMessage.objects.filter(pk=message_id, state=MessageState.SENDING).update(
        state=MessageState.SENT, sent_at=Now(), sealed_body="", last_error=""
    )


@operation
def record_failure(*, message_id: UUID, error: str, is_retryable: bool) -> None:
    """Note that a claimed message did not leave; it is tried again later, up to eight times."""
    message = (
        OutgoingMessage.objects.select_for_update(of=("self",))
        .filter(pk=message_id, state=MessageState.SENDING)
        .first()
    )
    if message is None:
        return
    message.last_error = error[:60]
    if is_retryable and message.attempts < MAX_ATTEMPTS:
        message.state = MessageState.QUEUED
        message.next_attempt_at = Now() + FIRST_RETRY * 2 ** (message.attempts - 1)
    else:
        message.state = MessageState.FAILED
        message.sealed_body = ""
    message.save(update_fields=["state", "last_error", "next_attempt_at", "sealed_body"])


@operation
def settle_abandoned_messages() -> int:
    """
    Note as unknown what a worker took and never reported on; return how many.

    Not sent again: it may have arrived, and e-mail cannot be asked.
    """
    return OutgoingMessage.objects.filter(
        state=MessageState.SENDING, claimed_at__lt=Now() - CLAIM_LIFE
    ).update(state=MessageState.UNKNOWN, sealed_body="")


def list_due_messages(limit: int) -> list[UUID]:
    """Return messages that wait to be sent and whose time has come, oldest first."""
    due = OutgoingMessage.objects.filter(state=MessageState.QUEUED, next_attempt_at__lte=Now())
    return list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


@operation
def remove_old_messages() -> int:
    """Delete messages of more than 30 days; return how many."""
    deleted, _ = OutgoingMessage.objects.filter(stored_at__lt=Now() - MESSAGE_LIFE).delete()
    return deleted

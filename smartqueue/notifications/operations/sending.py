"""Messages that leave the application: what is queued, and into what."""

import json
import logging
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError
from django.db.models.functions import Now

from smartqueue.accounts.actor import SYSTEM
from smartqueue.accounts.errors import ChannelUnavailable
from smartqueue.common.crypto import decrypt, encrypt
from smartqueue.common.db import operation
from smartqueue.common.ids import new_id
from smartqueue.common.phones import is_textable
from smartqueue.notifications import queries, texts
from smartqueue.notifications.enums import Channel, Importance, MessageState
from smartqueue.notifications.events import MessageQueued
from smartqueue.notifications.models import Batch, OutgoingMessage
from smartqueue.notifications.operations import budgets, mail
from smartqueue.notifications.operations.optouts import has_opted_out
from smartqueue.notifications.providers.base import Attachment, providers_of
from smartqueue.notifications.segments import measure
from smartqueue.outbox import operations as outbox

MAILBOX_CHANNELS: Final = frozenset({Channel.EMAIL, Channel.SMS})
SUBJECT_LENGTH: Final = 200
OPTED_OUT: Final = "opted_out"
BUDGET_SPENT: Final = "budget_spent"
NO_PROVIDER: Final = "no_provider"
MESSAGE_LIFE: Final = timedelta(days=30)

logger = logging.getLogger(__name__)


def can_send(channel: Channel) -> bool:
    """Whether messages leave on this channel: by a provider, or into the development mailbox."""
    return bool(providers_of(channel)) or is_mailbox(channel)


def is_mailbox(channel: Channel) -> bool:
    """Whether messages of a channel stay in the development mailbox: nobody carries them further."""
    return (
        settings.DEVELOPMENT_MAILBOX and channel in MAILBOX_CHANNELS and not providers_of(channel)
    )


def _reaches(channel: Channel, recipient: str) -> bool:
    return can_send(channel) and (channel != Channel.SMS or is_textable(recipient))


@dataclass(frozen=True, slots=True)
class Words:
    """A message as it is sent; `body` is plain text, `html` may be empty."""

    subject: str
    body: str
    html: str = ""


def render(
    channel: Channel,
    template: str,
    context: Mapping[str, Any],
    language: str,
    organization_id: UUID | None = None,
) -> Words:
    """
    Return the words of a message, an organization's own where it has some.

    :raises UnknownText: no words under this template
    :raises KeyError: the words name something that the context lacks
    """
    own = queries.own_words(organization_id, template, channel, language)
    return Words(*texts.render(template, context, language, channel, own))


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
    organization_id: UUID | None = None,
    importance: Importance = Importance.NORMAL,
    not_before: datetime | None = None,
    link: str = "",
    topic: str = "",
    attachments: Sequence[Attachment] = (),
    batch_id: UUID | None = None,
    fallbacks: Sequence[tuple[Channel, str]] = (),
    is_announced: bool = True,
    html: str = "",
) -> OutgoingMessage | None:
    """
    Queue a message once: the same `dedupe_key`, channel and recipient again sends nothing and
    returns None.

    It leaves after the commit, not before `not_before` and not after `expires_at`. `fallbacks` are
    tried in turn when it ends undelivered and is still in time. `user_id` is whose data it is, for
    erasure; `organization_id` whose name it bears and who pays. Who opted out of text messages, and
    an organization whose budget is spent, gets a message that has ended already, with the reason.
    Without `is_announced` no event calls a worker: the caller does. `html` is an e-mail's page, in
    which the caller has escaped every value; without it the words become paragraphs. One of a batch
    has ended too where nothing reaches its recipient any more: the batch was taken on when something
    did.

    :raises UnknownText: no words under this template
    :raises ChannelUnavailable: nothing sends on this channel, or no text message to this number
    """
    if batch_id is None and not _reaches(channel, recipient):
        raise ChannelUnavailable
    words = render(channel, template, context, language, organization_id)
    words = replace(words, html=html or words.html)
    return _queue(
        _Order(
            channel=channel,
            recipient=recipient,
            template=template,
            language=language,
            dedupe_key=dedupe_key,
            words=words,
            rest=_rest(words, context, link, topic, attachments, fallbacks),
            user_id=user_id,
            expires_at=expires_at,
            organization_id=organization_id,
            importance=importance,
            not_before=not_before,
            batch_id=batch_id,
            is_announced=is_announced,
        ),
        now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be sent, rendered."""

    channel: Channel
    recipient: str
    template: str
    language: str
    dedupe_key: str
    words: Words
    rest: dict[str, Any]
    user_id: UUID | None
    expires_at: datetime | None
    organization_id: UUID | None
    importance: Importance
    not_before: datetime | None
    batch_id: UUID | None
    fallback_of_id: UUID | None = None
    is_announced: bool = True


def _rest(
    words: Words,
    context: Mapping[str, Any],
    link: str,
    topic: str,
    attachments: Sequence[Attachment],
    fallbacks: Sequence[tuple[Channel, str]],
) -> dict[str, Any]:
    """Return what besides the body is needed to send, or to send otherwise; without what is empty."""
    files = [[a.name, a.content_type, b64encode(a.content).decode()] for a in attachments]
    found = {
        "html": words.html,
        "link": link,
        "topic": topic,
        "attachments": files,
        "fallbacks": [[str(channel), recipient] for channel, recipient in fallbacks],
        # Other channels have other words for the same facts.
        "context": dict(context) if fallbacks else {},
    }
    return {name: value for name, value in found.items() if value}


def _queue(order: _Order, now: datetime) -> OutgoingMessage | None:
    is_kept = is_mailbox(order.channel)
    refusal = "" if is_kept else _refusal(order, now)
    state, ended_at = MessageState.QUEUED, None
    if is_kept or refusal:
        state, ended_at = (MessageState.FAILED if refusal else MessageState.SENT), now
    sealed_rest = json.dumps(order.rest, cls=DjangoJSONEncoder) if order.rest else ""
    message = OutgoingMessage(
        id=new_id(),
        channel=order.channel,
        recipient=order.recipient,
        user_id=order.user_id,
        organization_id=order.organization_id,
        batch_id=order.batch_id,
        importance=order.importance,
        template=order.template,
        language=order.language,
        subject=order.words.subject[:SUBJECT_LENGTH],
        sealed_body="" if refusal else encrypt(order.words.body, queries.BODY_PURPOSE),
        sealed_rest="" if is_kept or refusal else _sealed(sealed_rest),
        segments=measure(order.words.body).segments if order.channel == Channel.SMS else 1,
        state=state,
        last_error=refusal,
        dedupe_key=order.dedupe_key,
        fallback_of_id=order.fallback_of_id,
        created_at=now,
        next_attempt_at=Now() + max(order.not_before - now, timedelta())
        if order.not_before
        else Now(),
        expires_at=order.expires_at,
        sent_at=now if is_kept else None,
        ended_at=ended_at,
    )
    OutgoingMessage.objects.bulk_create([message], ignore_conflicts=True)
    if not OutgoingMessage.objects.filter(pk=message.pk).exists():
        return None
    if refusal:
        message.sealed_rest = _sealed(sealed_rest)
        fall_back(message, now)
        message.sealed_rest = ""
    if state == MessageState.QUEUED and order.not_before is None and order.is_announced:
        outbox.publish(
            MessageQueued(
                message_id=message.pk,
                channel=str(order.channel),
                importance=str(order.importance),
                organization_id=order.organization_id,
                occurred_at=now,
                actor=SYSTEM.label,
            )
        )
    return message


def _sealed(text: str) -> str:
    return encrypt(text, queries.BODY_PURPOSE) if text else ""


def _refusal(order: _Order, now: datetime) -> str:
    """Return why a message need not even be tried; empty when it may be."""
    if not _reaches(order.channel, order.recipient):
        return NO_PROVIDER
    if order.importance == Importance.VITAL:
        return ""
    if order.channel == Channel.EMAIL:
        return mail.refusal(order.recipient, order.organization_id)
    if order.channel != Channel.SMS:
        return ""
    if has_opted_out(order.recipient):
        return OPTED_OUT
    return BUDGET_SPENT if budgets.is_spent(order.organization_id, now) else ""


# --- After it ended undelivered ------------------------------------------------------------------


def fall_back(message: OutgoingMessage, now: datetime) -> None:
    """
    Queue what a message says for the next channel of its fallbacks, if it is still in time; in the
    transaction that ends it, before its words are removed. It ends also where those of the next channel
    cannot be made: the words are others since it was queued, or what it holds cannot be read.
    """
    if message.expires_at is not None and message.expires_at <= now:
        return
    try:
        order = _next_order(message)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("a message has no other way", extra={"message_id": str(message.pk)})
        return
    if order is not None:
        _queue(order, now)


def _next_order(message: OutgoingMessage) -> _Order | None:
    rest = rest_of(message)
    fallbacks = rest.get("fallbacks", [])
    while fallbacks:
        (name, recipient), fallbacks = fallbacks[0], fallbacks[1:]
        channel = Channel(name)
        if _reaches(channel, recipient):
            return _fallback_order(message, rest, channel, recipient, fallbacks)
    return None


def _fallback_order(
    message: OutgoingMessage,
    rest: Mapping[str, Any],
    channel: Channel,
    recipient: str,
    further: list[list[str]],
) -> _Order:
    words = render(
        channel,
        message.template,
        rest.get("context", {}),
        message.language,
        message.organization_id,
    )
    given = {**rest, "html": words.html, "fallbacks": further}
    return _Order(
        channel=channel,
        recipient=recipient,
        template=message.template,
        language=message.language,
        dedupe_key=message.dedupe_key,
        words=words,
        rest={name: value for name, value in given.items() if value},
        user_id=message.user_id,
        expires_at=message.expires_at,
        organization_id=message.organization_id,
        importance=Importance(message.importance),
        not_before=None,
        batch_id=message.batch_id,
        fallback_of_id=message.pk,
    )


def rest_of(message: OutgoingMessage) -> dict[str, Any]:
    """Return what besides the body is needed to send a message."""
    if not message.sealed_rest:
        return {}
    found: dict[str, Any] = json.loads(decrypt(message.sealed_rest, queries.BODY_PURPOSE))
    return found


@operation
def remove_old_messages() -> int:
    """Delete messages and batches of more than 30 days; return how many rows."""
    deleted, _ = OutgoingMessage.objects.filter(stored_at__lt=Now() - MESSAGE_LIFE).delete()
    old = Batch.objects.with_scopes_disabled().filter(created_at__lt=Now() - MESSAGE_LIFE)
    return deleted + int(old.delete()[0])

"""
What providers call the product with: kept as it came, understood later, each thing once.

Receipts and incoming texts over a bind (SMPP) come through tasks.py.
"""

import json
import logging
from base64 import b64decode, b64encode
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from smartqueue.common.crypto import decrypt, encrypt
from smartqueue.common.db import operation
from smartqueue.common.ids import new_id
from smartqueue.common.phones import is_textable
from smartqueue.notifications import ports
from smartqueue.notifications.enums import CallbackKind, CallbackState, Channel, Importance
from smartqueue.notifications.models import InboundMessage, ProviderCallback, ProviderReceipt
from smartqueue.notifications.operations import attempts, optouts, sending
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    InboundText,
    Ringing,
    webhook_of,
)
from smartqueue.notifications.queries import CALLBACK_PURPOSE

PURPOSE: Final = CALLBACK_PURPOSE
MAX_TRIES: Final = 5
RETRY: Final = timedelta(seconds=30)
CALLBACK_LIFE: Final = timedelta(days=7)
RECEIPT_LIFE: Final = timedelta(days=30)
REPLY_LIFE: Final = timedelta(minutes=30)
KEPT_HEADERS: Final = ("content-type", "user-agent")
SIGNATURES: Final = "signature"

logger = logging.getLogger(__name__)


@operation
def store_callback(*, provider: str, kind: CallbackKind, callback: Callback) -> UUID:
    """Keep a provider's call as it came, in a transaction of its own; return its id."""
    kept = {
        "method": callback.method,
        "url": callback.url,
        "headers": {
            name: value
            for name, value in callback.headers.items()
            if name in KEPT_HEADERS or SIGNATURES in name
        },
        "query": dict(callback.query),
        "body": b64encode(callback.body).decode(),
    }
    row = ProviderCallback(provider=provider, kind=kind, sealed=encrypt(json.dumps(kept), PURPOSE))
    row.save(force_insert=True)
    return row.pk


def _callback(row: ProviderCallback) -> Callback:
    kept: dict[str, Any] = json.loads(decrypt(row.sealed, PURPOSE))
    return Callback(**{**kept, "body": b64decode(kept["body"])})


def process_callback(*, callback_id: UUID, now: datetime) -> list[UUID]:
    """
    Understand a call that was kept, and take each receipt and text in it once; return the incoming
    messages that are to be answered.

    One that is not the provider's or not in its form is refused. An error that nobody foresaw has it
    tried again, five times.
    """
    row = _claim_callback(callback_id)
    if row is None:
        return []
    try:
        inbound = _take(row, now)
    except BadCallback as refused:
        logger.warning(
            "a callback is refused", extra={"provider": row.provider, "error": refused.code}
        )
        _finish(row, CallbackState.REFUSED, refused.code)
        return []
    except Exception as error:
        logger.exception("a callback failed", extra={"callback": str(row.pk)})
        is_over = row.tries >= MAX_TRIES
        code = f"{attempts.PARKED}:{type(error).__name__}"
        _finish(row, CallbackState.REFUSED if is_over else CallbackState.STORED, code)
        return []
    _finish(row, CallbackState.DONE, "")
    return inbound


@operation
def _claim_callback(callback_id: UUID) -> ProviderCallback | None:
    taken = ProviderCallback.objects.filter(
        pk=callback_id, state=CallbackState.STORED, next_try_at__lte=Now()
    ).update(tries=F("tries") + 1, next_try_at=Now() + RETRY)
    return ProviderCallback.objects.get(pk=callback_id) if taken else None


@operation
def _finish(row: ProviderCallback, state: CallbackState, code: str) -> None:
    values: dict[str, Any] = {"state": state, "error_code": code[:60]}
    if state == CallbackState.DONE:
        values["sealed"] = ""
    ProviderCallback.objects.filter(pk=row.pk).update(**values)


def _take(row: ProviderCallback, now: datetime) -> list[UUID]:
    webhook = webhook_of(row.provider)
    if webhook is None:
        raise BadCallback("unknown_provider")
    callback = _callback(row)
    if row.kind == CallbackKind.RECEIPTS and webhook.receipts is not None:
        for receipt in webhook.receipts(callback):
            attempts.record_receipt(provider=row.provider, receipt=receipt, now=now)
        return []
    if row.kind == CallbackKind.INBOUND and webhook.inbound is not None:
        texts = webhook.inbound(callback)
        stored = [store_text(provider=row.provider, message=text, now=now) for text in texts]
        return [pk for pk in stored if pk is not None]
    raise BadCallback("unknown_kind")


# --- People who write or ring -------------------------------------------------------------------


@operation
def store_text(*, provider: str, message: InboundText, now: datetime) -> UUID | None:
    """Keep an incoming text, once; None where it had come before."""
    return _store_inbound(provider, f"text:{message.event_id}", asdict(message), now)


@operation
def store_ringing(*, provider: str, ringing: Ringing, now: datetime) -> UUID | None:
    """Keep that somebody rang, once; None where it was known."""
    return _store_inbound(provider, f"ring:{ringing.event_id}", asdict(ringing), now)


def _store_inbound(
    provider: str, event_id: str, told: dict[str, Any], now: datetime
) -> UUID | None:
    row = InboundMessage(
        id=new_id(),
        provider=provider,
        event_id=event_id[:200],
        sealed=encrypt(json.dumps(told), PURPOSE),
        received_at=now,
    )
    InboundMessage.objects.bulk_create([row], ignore_conflicts=True)
    return row.pk if InboundMessage.objects.filter(pk=row.pk).exists() else None


def answer_inbound(*, inbound_id: UUID, now: datetime) -> None:
    """
    Answer somebody who wrote or rang. STOP and START are the register's; everything else is whoever's
    who fills the port of conversations, and a reply goes back by text message.
    """
    row = _claim_inbound(inbound_id)
    if row is None:
        return
    try:
        _answer(row, now)
    except Exception as error:
        logger.exception("an incoming message failed", extra={"inbound": str(row.pk)})
        code = f"{attempts.PARKED}:{type(error).__name__}"[:60]
        InboundMessage.objects.filter(pk=row.pk).update(error_code=code)
        if row.tries >= MAX_TRIES:
            _close_inbound(row.pk, now)
        return
    _close_inbound(row.pk, now)


@operation
def _claim_inbound(inbound_id: UUID) -> InboundMessage | None:
    taken = InboundMessage.objects.filter(
        pk=inbound_id, answered_at=None, next_try_at__lte=Now()
    ).update(tries=F("tries") + 1, next_try_at=Now() + RETRY)
    return InboundMessage.objects.get(pk=inbound_id) if taken else None


@operation
def _close_inbound(inbound_id: UUID, now: datetime) -> None:
    InboundMessage.objects.filter(pk=inbound_id).update(answered_at=now, sealed="")


def _answer(row: InboundMessage, now: datetime) -> None:
    told = json.loads(decrypt(row.sealed, PURPOSE))
    conversations = ports.conversations()
    if row.event_id.startswith("ring:"):
        if conversations is not None:
            conversations.answer_missed_call(
                phone=told["caller"],
                called=told["called"],
                event_id=f"{row.provider}:{told['event_id']}",
                now=now,
            )
        return
    # Two providers may give two texts one id.
    message = InboundText(**{**told, "event_id": f"{row.provider}:{told['event_id']}"})
    wish = optouts.wish_in(message.text)
    if wish is not None:
        _follow(wish, message.sender, row, now)
        return
    reply = conversations.answer_text(message, row.received_at) if conversations else None
    if reply:
        _reply("reply", {"text": reply}, message.sender, row.pk, now)


def _follow(wish: bool, phone: str, row: InboundMessage, now: datetime) -> None:
    # Of two that are understood in another order than they came in, the last to come counts.
    if not wish:
        optouts.opt_out(phone=phone, now=row.received_at)
        _reply("texts_stopped", {}, phone, row.pk, now)
    elif optouts.opt_in(phone=phone, now=row.received_at):
        _reply("texts_started", {}, phone, row.pk, now)


def _reply(
    template: str, context: dict[str, str], phone: str, inbound_id: UUID, now: datetime
) -> None:
    """Write back; who asked is answered, whatever else they opted out of."""
    if not (is_textable(phone) and sending.can_send(Channel.SMS)):
        return
    sending.send_message(
        channel=Channel.SMS,
        recipient=phone,
        template=template,
        context=context,
        language=settings.LANGUAGE_CODE[:2],
        dedupe_key=f"inbound:{inbound_id}",
        now=now,
        expires_at=now + REPLY_LIFE,
        importance=Importance.VITAL,
    )


# --- What is left over --------------------------------------------------------------------------


def list_stored_callbacks(limit: int) -> list[UUID]:
    """Return calls of providers that wait to be understood."""
    due = ProviderCallback.objects.filter(state=CallbackState.STORED, next_try_at__lte=Now())
    return list(due.order_by("next_try_at").values_list("pk", flat=True)[:limit])


def list_unanswered_messages(limit: int) -> list[UUID]:
    """Return incoming messages that wait for an answer."""
    due = InboundMessage.objects.filter(answered_at=None, next_try_at__lte=Now())
    return list(due.order_by("next_try_at").values_list("pk", flat=True)[:limit])


@operation
def remove_old_callbacks() -> int:
    """Delete calls of providers after a week, receipts and incoming messages after 30 days."""
    calls, _ = ProviderCallback.objects.filter(received_at__lt=Now() - CALLBACK_LIFE).delete()
    waiting = ProviderReceipt.objects.filter(attempt=None, received_at__lt=Now() - CALLBACK_LIFE)
    receipts, _ = waiting.delete()
    texts, _ = InboundMessage.objects.filter(stored_at__lt=Now() - RECEIPT_LIFE).delete()
    return calls + receipts + texts

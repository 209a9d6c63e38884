"""
One message at one provider, in three steps: an attempt is written down, the provider is called
outside of any transaction, and what it said is recorded.

Whoever dies between leaves `sending`, which is treated after its lease as an answer that never came:
`unknown`, asked about, and never sent again blindly.
"""

import logging
from base64 import b64decode
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from smartqueue.accounts.actor import SYSTEM
from smartqueue.common import tenancy
from smartqueue.common.crypto import decrypt
from smartqueue.common.db import RowOf, fetch_all, fetch_one, operation, write, written_together
from smartqueue.common.ids import new_id
from smartqueue.notifications import ports, queries
from smartqueue.notifications.enums import (
    ATTEMPT_TRANSITIONS,
    TRANSITIONS,
    UNDELIVERED,
    AttemptState,
    CallbackKind,
    CallbackState,
    Channel,
    Importance,
    MessageState,
)
from smartqueue.notifications.events import MessageNotDelivered
from smartqueue.notifications.models import (
    DeliveryAttempt,
    OutgoingMessage,
    ProviderCallback,
    ProviderReceipt,
    SmsAccount,
)
from smartqueue.notifications.operations import (
    budgets,
    devices,
    health,
    mail,
    routing,
    sending,
)
from smartqueue.notifications.operations.optouts import has_opted_out
from smartqueue.notifications.operations.routing import Choice, Choices
from smartqueue.notifications.providers.base import (
    NOT_TAKEN,
    Attachment,
    Delivery,
    Handed,
    OutcomeUnknown,
    Outgoing,
    Provider,
    ProviderError,
    Receipt,
    provider_named,
    webhook_of,
)
from smartqueue.outbox import operations as outbox

MAX_ATTEMPTS: Final = 8
MAX_FAILURES: Final = 5
FIRST_RETRY: Final = timedelta(seconds=30)
LONGEST_RETRY: Final = timedelta(hours=1)
NO_PROVIDER_RETRY: Final = timedelta(seconds=15)
FIRST_LOOK: Final = timedelta(seconds=10)
LOOK_AGAIN: Final = timedelta(seconds=60)
LIFE_WITHOUT_EXPIRY: Final = timedelta(days=1)
EXPIRED: Final = "expired"
PARKED: Final = "parked"
DEVICE_GONE: Final = "device_gone"

logger = logging.getLogger(__name__)


def reports(provider: Provider) -> bool:
    """Whether a provider tells what became of a message: texts are receipted, mails are not."""
    told: bool | None = getattr(provider, "reports", None)
    if told is not None:
        return told
    webhook = webhook_of(provider.name)
    return provider.channel == Channel.SMS or (webhook is not None and webhook.receipts is not None)


# --- Which provider -----------------------------------------------------------------------------


_DUE: Final = """
    SELECT channel, recipient, importance, organization_id, statement_timestamp(),
        CASE WHEN attempts > 0 THEN ARRAY(
            SELECT provider::text FROM notifications_deliveryattempt WHERE message_id = message.id
        ) END,
        ARRAY(SELECT provider::text FROM notifications_providerhealth
              WHERE circuit = 'open' ORDER BY provider),
        ARRAY(SELECT probe_at FROM notifications_providerhealth
              WHERE circuit = 'open' ORDER BY provider)
    FROM notifications_outgoingmessage AS message
    WHERE id = %s AND state = 'queued' AND next_attempt_at <= statement_timestamp()
"""


def choices_for(message_id: UUID) -> Choices | None:
    """Return by which providers a due message may go now; None if it need not go any more."""
    row = fetch_one(_DUE, [message_id])
    if row is None:
        return None
    channel, recipient, importance, organization_id, db_now, tried, resting, probe_at = row
    choices = routing.choose(
        Channel(channel),
        recipient,
        tried=tried or (),
        resting=dict(zip(resting, probe_at, strict=True)),
        db_now=db_now,
    )
    return replace(
        choices, is_vital=importance == Importance.VITAL, organization_id=organization_id
    )


def _tried(message: OutgoingMessage) -> list[str]:
    if not message.attempts:
        return []
    return list(message.deliveries.values_list("provider", flat=True))


@operation
def postpone_message(*, message_id: UUID, seconds: float | None, now: datetime) -> None:
    """Have a message wait for a provider; one that is too late, or has none for a day, ends."""
    message = _lock(message_id, MessageState.QUEUED)
    if message is None or _is_over(message, now):
        return
    if now - message.created_at > LIFE_WITHOUT_EXPIRY:
        _end(message, MessageState.FAILED, "no_provider", now)
        return
    wait = NO_PROVIDER_RETRY if seconds is None else timedelta(seconds=seconds)
    OutgoingMessage.objects.filter(pk=message.pk).update(next_attempt_at=Now() + wait)


def _lock(message_id: UUID, *states: MessageState) -> OutgoingMessage | None:
    rows = OutgoingMessage.objects.select_for_update(of=("self",)).filter(pk=message_id)
    return (rows.filter(state__in=states) if states else rows).first()


def _is_over(message: OutgoingMessage, now: datetime) -> bool:
    """End a locked message that is too late."""
    if message.expires_at is None or message.expires_at > now:
        return False
    _end(message, MessageState.EXPIRED, EXPIRED, now)
    return True


# --- Step 1 -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that this worker, and no other, is to hand to `provider` now."""

    id: UUID
    attempt_id: UUID
    provider: Provider
    outgoing: Outgoing


_MESSAGE: Final = RowOf(OutgoingMessage)
_LOCK_DUE: Final = f"""
    SELECT {_MESSAGE.columns("message")} FROM notifications_outgoingmessage AS message
    WHERE id = %s AND state = 'queued' AND next_attempt_at <= statement_timestamp()
    FOR UPDATE SKIP LOCKED
"""  # noqa: S608  # names from the model
_ATTEMPT: Final = """
    INSERT INTO notifications_deliveryattempt (
        id, message_id, provider, state, provider_reference, error_code, is_fault, is_probe,
        segments, cost_minor, currency, spent_month)
    VALUES (%s, %s, %s, 'sending', '', '', false, %s, %s, %s, %s, %s)
"""
_CLAIM: Final = """
    UPDATE notifications_outgoingmessage
    SET state = 'sending', attempts = attempts + 1, claimed_at = statement_timestamp(), provider = %s
    WHERE id = %s
"""


@operation
def claim_message(*, message_id: UUID, choice: Choice, now: datetime) -> ClaimedMessage | None:
    """
    Write down an attempt at a due message; None when another worker has it, or it need not go.

    :raises ValueError: its words cannot be read
    """
    row = fetch_one(_LOCK_DUE, [message_id])
    message = _MESSAGE.read(row) if row else None
    if message is None or _is_over(message, now):
        return None
    is_vital = message.importance == Importance.VITAL
    if message.channel == Channel.SMS and not is_vital and has_opted_out(message.recipient):
        _end(message, MessageState.FAILED, sending.OPTED_OUT, now)
        return None
    if message.channel == Channel.EMAIL and not is_vital:
        refusal = mail.refusal(message.recipient, message.organization_id)
        if refusal:
            _end(message, MessageState.FAILED, refusal, now)
            return None
    address = queries.address_of(Channel(message.channel), message.recipient)
    if address is None:
        _end(message, MessageState.FAILED, DEVICE_GONE, now)
        return None
    payer = message.organization_id if message.channel == Channel.SMS else None
    account = budgets.account_of(payer) if payer else None
    attempt_id, provider = new_id(), choice.provider
    outgoing = _outgoing(message, address, attempt_id, provider, account)
    cost = choice.price_minor * message.segments
    with _keys_of(payer), written_together():
        month = None
        if payer:
            month = budgets.charge(payer, cost, account=account, is_vital=is_vital, now=now)
        if payer is None or month is not None:
            currency = choice.currency if choice.price_minor else ""
            paid = [choice.is_probe, message.segments, cost, currency, month]
            write(_ATTEMPT, [attempt_id, message.pk, provider.name, *paid])
            write(_CLAIM, [provider.name, message.pk])
            return ClaimedMessage(message.pk, attempt_id, provider, outgoing)
    _end(message, MessageState.FAILED, sending.BUDGET_SPENT, now)
    return None


def _keys_of(organization_id: UUID | None) -> AbstractContextManager[None]:
    """Write to an organization's rows, whatever the scope: a worker has the message of any."""
    if organization_id is None:
        return nullcontext()
    return tenancy.with_keys(tenancy.keys_of({"organization": organization_id}))


def _outgoing(
    message: OutgoingMessage,
    address: str,
    attempt_id: UUID,
    provider: Provider,
    account: SmsAccount | None,
) -> Outgoing:
    rest = sending.rest_of(message)
    return Outgoing(
        reference=attempt_id,
        recipient=address,
        body=decrypt(message.sealed_body, queries.BODY_PURPOSE),
        subject=message.subject,
        html=rest.get("html", ""),
        sender=account.sender_name if account else "",
        link=rest.get("link", ""),
        topic=rest.get("topic", ""),
        is_urgent=message.importance == Importance.VITAL,
        expires_at=message.expires_at,
        receipt_url=queries.callback_address(provider.name, "receipts"),
        unsubscribe_url=_unsubscribe_url(message),
        data=_facts(message),
        attachments=tuple(
            Attachment(name, b64decode(content), kind)
            for name, kind, content in rest.get("attachments", [])
        ),
    )


def _unsubscribe_url(message: OutgoingMessage) -> str:
    if message.channel != Channel.EMAIL or message.importance == Importance.VITAL:
        return ""
    return mail.unsubscribe_url(message.recipient, message.organization_id)


def _facts(message: OutgoingMessage) -> dict[str, str]:
    """Return what an adapter may tell beside the words: which message it is, and in whose look."""
    facts = {"id": str(message.pk), "code": message.template, "language": message.language}
    if message.channel == Channel.EMAIL and message.organization_id:
        look = ports.look_of(message.organization_id)
        facts |= {"organization": look.name, "colour": look.colour}
    return facts


@operation
def record_poison(*, message_id: UUID, error: str, now: datetime) -> None:
    """
    Note that a message could not even be made ready, by an error that nobody foresaw; it is tried
    again later, and parked after five times.
    """
    message = _lock(message_id, MessageState.QUEUED)
    if message is None:
        return
    message.failures += 1
    code = f"{PARKED}:{error}"[:60]
    if message.failures >= MAX_FAILURES:
        OutgoingMessage.objects.filter(pk=message.pk).update(failures=message.failures)
        _end(message, MessageState.FAILED, code, now, falls_back=False)
        logger.error("a message is parked", extra={"message_id": str(message_id), "error": error})
        return
    OutgoingMessage.objects.filter(pk=message.pk).update(
        failures=message.failures,
        last_error=error[:60],
        next_attempt_at=Now() + FIRST_RETRY * 2 ** (message.failures - 1),
    )


# --- Step 3 -------------------------------------------------------------------------------------


def _lock_attempt(attempt_id: UUID) -> DeliveryAttempt | None:
    """Return an attempt whose message, and with it everything about it, is locked."""
    message_id = (
        DeliveryAttempt.objects.filter(pk=attempt_id).values_list("message_id", flat=True).first()
    )
    message = _lock(message_id) if message_id else None
    if message is None:
        return None
    attempt = DeliveryAttempt.objects.get(pk=attempt_id)
    attempt.message = message
    return attempt


_TAKEN: Final = """
    WITH message AS (
        SELECT id FROM notifications_outgoingmessage
        WHERE id = %(message)s AND state = 'sending' FOR UPDATE
    ), attempt AS (
        UPDATE notifications_deliveryattempt AS attempt
        SET state = 'sent', provider_reference = %(reference)s, ended_at = statement_timestamp()
        FROM message
        WHERE attempt.id = %(attempt)s AND attempt.state = 'sending' AND NOT attempt.is_probe
        RETURNING attempt.message_id, attempt.cost_minor
    ), told AS (
        UPDATE notifications_outgoingmessage AS message
        SET state = 'sent', sent_at = statement_timestamp(), last_error = '',
            cost_minor = attempt.cost_minor,
            settle_at = statement_timestamp() + %(settle)s::int * interval '1 second'
        FROM attempt WHERE message.id = attempt.message_id
    )
    SELECT EXISTS (SELECT FROM attempt), EXISTS (
        SELECT FROM notifications_providerreceipt
        WHERE provider = %(provider)s AND reference = %(reference)s AND attempt_id IS NULL)
"""


@operation
def record_taken(*, claimed: ClaimedMessage, handed: Handed, seconds: float, now: datetime) -> None:
    """
    Note that a provider has taken a claimed message, as `record_handed` does: in one statement where
    nothing has happened to it meanwhile and the provider reports later, as nearly always.
    """
    is_usual = (
        handed.cost_minor is None
        and handed.reference
        and seconds <= health.SLOW_SECONDS
        and reports(claimed.provider)
    )
    if is_usual:
        reference = handed.reference[:200]
        values = {
            "message": claimed.id,
            "attempt": claimed.attempt_id,
            "provider": claimed.provider.name,
            "reference": reference,
            "settle": _until_asked(),
        }
        is_taken, is_told = fetch_one(_TAKEN, values) or (False, False)
        if is_taken and is_told and (attempt := _lock_attempt(claimed.attempt_id)):
            _apply_waiting(attempt, now)
        if is_taken:
            return
    record_handed(attempt_id=claimed.attempt_id, handed=handed, seconds=seconds, now=now)


@operation
def record_handed(*, attempt_id: UUID, handed: Handed, seconds: float, now: datetime) -> None:
    """Note that a provider has taken a message. `seconds` is how long it took."""
    attempt = _lock_attempt(attempt_id)
    if attempt is None:
        return
    attempt.is_fault = seconds > health.SLOW_SECONDS
    attempt.provider_reference = handed.reference[:200]
    if handed.cost_minor is not None:
        _correct_cost(attempt, handed.cost_minor, handed.currency)
    is_moved = _move(attempt, AttemptState.SENT)
    _derive(attempt, now, may_retry=not is_moved and _was_lost(attempt))
    health.note_outcome(attempt)
    _apply_waiting(attempt, now)


@operation
def record_refusal(
    *, attempt_id: UUID, error: ProviderError, now: datetime, address: str = ""
) -> None:
    """
    Note that a provider did not take a message, or that nobody knows (OutcomeUnknown). `address` is
    what it knew the recipient by: a phone may have told of another meanwhile.
    """
    attempt = _lock_attempt(attempt_id)
    if attempt is None:
        return
    is_unknown = isinstance(error, OutcomeUnknown)
    is_asked_to_wait = error.retry_after is not None and error.retryable
    if error.is_recipient:
        _note_unreachable(attempt.message, error.code, now, address)
    attempt.error_code = error.code[:60]
    speaks_for_all = _speaks_for_all(attempt.provider)
    attempt.is_fault = speaks_for_all and (
        is_unknown or (error.retryable and not error.is_recipient and not is_asked_to_wait)
    )
    is_moved = _move(attempt, AttemptState.UNKNOWN if is_unknown else AttemptState.FAILED)
    if is_moved and not is_unknown:
        _give_back(attempt)
    may_retry = error.retryable and not error.is_recipient if is_moved else _was_lost(attempt)
    _derive(attempt, now, may_retry=may_retry, after=error.retry_after)
    health.note_outcome(attempt)
    if is_asked_to_wait and error.retry_after and speaks_for_all:
        health.rest_for(attempt.provider, error.retry_after)


def _note_unreachable(
    message: OutgoingMessage, code: str, now: datetime, address: str = ""
) -> None:
    """Send nothing further to a recipient that does not exist any more."""
    devices.forget_device(message, address)
    mail.note_dead_address(message, code, now)


def _speaks_for_all(name: str) -> bool:
    """
    Whether one answer says how the provider is doing; those of Web Push come from many servers, and
    which of them is asked is for strangers to choose.
    """
    return getattr(provider_named(name), "has_one_server", True)


def _move(attempt: DeliveryAttempt, state: AttemptState) -> bool:
    """Write an attempt down in a new state, if it may still take it."""
    is_moved = state in ATTEMPT_TRANSITIONS[AttemptState(attempt.state)]
    if is_moved:
        attempt.state = state
        attempt.ended_at = Now()
    attempt.save(
        update_fields=[
            "state",
            "error_code",
            "is_fault",
            "provider_reference",
            "cost_minor",
            "currency",
            "spent_month",
            "ended_at",
        ]
    )
    return is_moved


def _correct_cost(attempt: DeliveryAttempt, cost_minor: int, currency: str) -> None:
    organization_id = attempt.message.organization_id
    is_ours = currency in {"", attempt.currency or "XOF"}
    if organization_id and attempt.spent_month and is_ours:
        difference = cost_minor - attempt.cost_minor
        budgets.correct(organization_id, attempt.spent_month, difference)
    attempt.cost_minor, attempt.currency = cost_minor, currency or attempt.currency


def _give_back(attempt: DeliveryAttempt) -> None:
    """What was not sent costs nothing."""
    organization_id = attempt.message.organization_id
    if organization_id and attempt.spent_month:
        budgets.correct(organization_id, attempt.spent_month, -attempt.cost_minor, messages=-1)
    attempt.cost_minor, attempt.spent_month = 0, None
    attempt.save(update_fields=["cost_minor", "spent_month"])


# --- What follows for the message ---------------------------------------------------------------


def _derive(
    attempt: DeliveryAttempt,
    now: datetime,
    *,
    may_retry: bool = False,
    is_recipient: bool = False,
    after: float | None = None,
) -> None:
    """Bring a locked message to what its attempt says of it."""
    message, state = attempt.message, AttemptState(attempt.state)
    if state == AttemptState.DELIVERED:
        _end(message, MessageState.DELIVERED, "", now)
    elif message.ended_at is not None or not _is_latest(attempt):
        return
    elif state == AttemptState.SENT:
        _note_sent(attempt)
    elif state == AttemptState.UNKNOWN:
        _note_unknown(attempt)
    elif state == AttemptState.EXPIRED:
        _end(message, MessageState.EXPIRED, attempt.error_code or EXPIRED, now)
    elif state == AttemptState.FAILED:
        _note_failed(attempt, now, may_retry=may_retry and not is_recipient, after=after)


def _is_latest(attempt: DeliveryAttempt) -> bool:
    latest = attempt.message.deliveries.order_by("-id").values_list("pk", flat=True).first()
    return latest == attempt.pk


def _note_sent(attempt: DeliveryAttempt) -> None:
    message = attempt.message
    provider = provider_named(attempt.provider)
    ends = provider is None or not reports(provider)
    message.state, message.last_error = MessageState.SENT, ""
    values = {
        "state": MessageState.SENT,
        "sent_at": Now(),
        "last_error": "",
        "cost_minor": attempt.cost_minor,
    }
    if ends:
        values |= {"ended_at": Now(), "settle_at": None, "sealed_body": "", "sealed_rest": ""}
        message.ended_at = Now()
    else:
        values |= {"settle_at": Now() + timedelta(seconds=_until_asked())}
    OutgoingMessage.objects.filter(pk=message.pk).update(**values)


def _until_asked() -> int:
    """Return after how many seconds a message without a receipt is looked at."""
    return min(int(settings.MESSAGE_RECEIPT_SECONDS), 600)


def _note_unknown(attempt: DeliveryAttempt) -> None:
    message = attempt.message
    message.state = MessageState.UNKNOWN
    OutgoingMessage.objects.filter(pk=message.pk).update(
        state=MessageState.UNKNOWN,
        last_error=attempt.error_code,
        settle_at=Now() + min(FIRST_LOOK, _patience(message)),
        cost_minor=attempt.cost_minor,
    )


def _patience(message: OutgoingMessage) -> timedelta:
    """Return how long one waits for word of a message that may have arrived."""
    seconds = settings.MESSAGE_UNKNOWN_SECONDS
    return timedelta(seconds=seconds if message.importance == Importance.VITAL else seconds * 5)


def _note_failed(
    attempt: DeliveryAttempt, now: datetime, *, may_retry: bool, after: float | None
) -> None:
    message = attempt.message
    if not may_retry or message.attempts >= MAX_ATTEMPTS:
        _end(message, MessageState.FAILED, attempt.error_code, now)
        return
    others = routing.has_untried(Channel(message.channel), message.recipient, _tried(message))
    backoff = min(FIRST_RETRY * 2 ** (message.attempts - 1), LONGEST_RETRY)
    wait = timedelta() if others else max(backoff, timedelta(seconds=after or 0))
    _queue_again(message, attempt.error_code, wait)


def _queue_again(message: OutgoingMessage, error: str, wait: timedelta) -> None:
    message.state = MessageState.QUEUED
    OutgoingMessage.objects.filter(pk=message.pk).update(
        state=MessageState.QUEUED,
        last_error=error[:60],
        next_attempt_at=Now() + wait,
        settle_at=None,
    )


def _end(
    message: OutgoingMessage,
    state: MessageState,
    error: str,
    now: datetime,
    *,
    falls_back: bool = True,
) -> None:
    """Bring a locked message to its last state; nothing undoes that it was delivered."""
    before = MessageState(message.state)
    is_same = state == before and message.ended_at is None
    if not is_same and state not in TRANSITIONS[before]:
        return
    if state in UNDELIVERED and message.ended_at is None:
        if falls_back:
            sending.fall_back(message, now)
        outbox.publish(
            MessageNotDelivered(
                message_id=message.pk,
                channel=message.channel,
                code=error[:60],
                organization_id=message.organization_id,
                occurred_at=now,
                actor=SYSTEM.label,
            )
        )
    OutgoingMessage.objects.filter(pk=message.pk).update(
        state=state,
        last_error=error[:60],
        ended_at=Now(),
        settle_at=None,
        sealed_body="",
        sealed_rest="",
    )
    message.state, message.ended_at = state, now


# --- Asking and giving up -----------------------------------------------------------------------


@operation
def settle_abandoned_messages(*, now: datetime) -> int:
    """
    Note as unknown what a worker took and never reported on; return how many.

    A provider may have told of it meanwhile: then the message is what the provider said.
    """
    late = OutgoingMessage.objects.filter(
        state=MessageState.SENDING,
        claimed_at__lt=Now() - timedelta(seconds=settings.MESSAGE_LEASE_SECONDS),
    )
    rows = list(late.select_for_update(of=("self",), skip_locked=True)[:500])
    for message in rows:
        attempt = message.deliveries.order_by("-id").first()
        if attempt is None:
            _queue_again(message, "", timedelta())
            continue
        attempt.message = message
        if is_untold := attempt.state == AttemptState.SENDING:
            attempt.error_code, attempt.is_fault = "worker_died", False
            _move(attempt, AttemptState.UNKNOWN)
        _derive(attempt, now, may_retry=not is_untold and _was_lost(attempt))
        _apply_waiting(attempt, now)
    return len(rows)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A message about which its provider may be asked."""

    message_id: UUID
    provider: str
    reference: str
    own_reference: str


def list_unsettled_messages(limit: int) -> list[Unsettled]:
    """Return messages whose fate is to be asked for now."""
    due = OutgoingMessage.objects.filter(settle_at__lte=Now()).order_by("settle_at")
    found = []
    for message_id in due.values_list("pk", flat=True)[:limit]:
        attempt = DeliveryAttempt.objects.filter(message_id=message_id).order_by("-id").first()
        if attempt is not None:
            found.append(
                Unsettled(message_id, attempt.provider, attempt.provider_reference, str(attempt.pk))
            )
    return found


@operation
def settle_message(
    *, message_id: UUID, receipt: Receipt | None, is_asked: bool, now: datetime
) -> None:
    """
    Take what a provider answered about a message. Without an answer it waits for its receipt until a
    deadline; then what may have arrived is given up, or sent once more where that is vital.

    `is_asked` is False when the provider could not be asked now.
    """
    message = _lock(message_id, MessageState.SENT, MessageState.UNKNOWN)
    attempt = message.deliveries.order_by("-id").first() if message else None
    if message is None or attempt is None or message.ended_at is not None:
        return
    attempt.message = message
    is_silent = receipt is None or receipt.delivery == Delivery.ON_THE_WAY
    if receipt is not None:
        _apply(attempt, receipt, now)
    if not is_silent or message.ended_at is not None:
        return
    provider = provider_named(attempt.provider)
    hears = provider is not None and reports(provider)
    deadline = _deadline(attempt) if hears or not is_asked else now_of_database()
    if deadline > now_of_database():
        wait = deadline if is_asked else min(deadline, now_of_database() + LOOK_AGAIN)
        OutgoingMessage.objects.filter(pk=message.pk).update(settle_at=wait)
    elif message.state == MessageState.SENT:
        _end(message, MessageState.SENT, "", now)
    elif _has_unread_word(attempt.provider):
        wait = now_of_database() + FIRST_LOOK
        OutgoingMessage.objects.filter(pk=message.pk).update(settle_at=wait)
    else:
        _give_up(attempt, now)


def _has_unread_word(provider: str) -> bool:
    """Whether a provider's calls wait to be understood: one may tell of the message."""
    return ProviderCallback.objects.filter(
        provider=provider, kind=CallbackKind.RECEIPTS, state=CallbackState.STORED
    ).exists()


def now_of_database() -> datetime:
    """Return PostgreSQL's time."""
    row = fetch_one("SELECT statement_timestamp()", [])
    assert row is not None  # noqa: S101  # a query without a table has one row
    found: datetime = row[0]
    return found


def _deadline(attempt: DeliveryAttempt) -> datetime:
    if attempt.message.state == MessageState.SENT:
        return attempt.started_at + timedelta(seconds=settings.MESSAGE_RECEIPT_SECONDS)
    return attempt.started_at + _patience(attempt.message)


def _give_up(attempt: DeliveryAttempt, now: datetime) -> None:
    """One that is vital and still in time goes once more; any other ends as unknown."""
    message = attempt.message
    lost = message.deliveries.filter(state=AttemptState.UNKNOWN).count()
    is_in_time = message.expires_at is None or message.expires_at > now
    if message.importance == Importance.VITAL and is_in_time and lost == 1:
        _queue_again(message, "unknown", timedelta())
        return
    _end(message, MessageState.UNKNOWN, attempt.error_code or "unknown", now)


# --- What providers tell ------------------------------------------------------------------------

_STATE_OF: Final = {
    Delivery.ON_THE_WAY: AttemptState.SENT,
    Delivery.DELIVERED: AttemptState.DELIVERED,
    Delivery.FAILED: AttemptState.FAILED,
    Delivery.EXPIRED: AttemptState.EXPIRED,
}


@operation
def record_receipt(*, provider: str, receipt: Receipt, now: datetime) -> bool:
    """
    Take what a provider tells of a message, once; False if it had told so before.

    A receipt of a message that is not known yet is kept: the provider may be faster than the record
    of its own answer, which takes it then. One that crosses that record is left to the next
    `list_crossed_attempts`.
    """
    row = ProviderReceipt(
        id=new_id(),
        provider=provider,
        told=_told(receipt),
        reference=receipt.reference[:200],
        own_reference=receipt.own_reference[:64],
        delivery=receipt.delivery,
        code=receipt.code[:60],
        is_recipient=receipt.is_recipient,
    )
    ProviderReceipt.objects.bulk_create([row], ignore_conflicts=True)
    if not ProviderReceipt.objects.filter(pk=row.pk).exists():
        return False
    found = _attempt_of(provider, receipt)
    attempt = _lock_attempt(found) if found else None
    if attempt is not None:
        ProviderReceipt.objects.filter(pk=row.pk).update(attempt=attempt)
        _apply(attempt, receipt, now)
    return True


def _told(receipt: Receipt) -> str:
    own = f"{receipt.reference or receipt.own_reference}:{receipt.delivery}:{receipt.code}"
    return (receipt.event_id or own)[:320]


def _attempt_of(provider: str, receipt: Receipt) -> UUID | None:
    of_provider = DeliveryAttempt.objects.filter(provider=provider)
    if receipt.own_reference:
        try:
            own = UUID(receipt.own_reference)
        except ValueError:
            own = None
        if own is not None and of_provider.filter(pk=own).exists():
            return own
    if not receipt.reference:
        return None
    found: UUID | None = (
        of_provider.filter(provider_reference=receipt.reference)
        .order_by("-id")
        .values_list("pk", flat=True)
        .first()
    )
    return found


def _apply_waiting(attempt: DeliveryAttempt, now: datetime) -> None:
    """Take the receipts that came before the provider's answer was recorded."""
    if not attempt.provider_reference:
        return
    waiting = ProviderReceipt.objects.filter(
        provider=attempt.provider, reference=attempt.provider_reference, attempt=None
    ).order_by("id")
    for row in waiting:
        ProviderReceipt.objects.filter(pk=row.pk).update(attempt=attempt)
        _apply(
            attempt,
            Receipt(Delivery(row.delivery), code=row.code, is_recipient=row.is_recipient),
            now,
        )


_CROSSED: Final = """
    SELECT DISTINCT attempt.id
    FROM notifications_providerreceipt AS receipt
    JOIN notifications_deliveryattempt AS attempt
        ON attempt.provider = receipt.provider AND attempt.provider_reference = receipt.reference
    WHERE receipt.attempt_id IS NULL AND receipt.reference <> '' LIMIT %s
"""


def list_crossed_attempts(limit: int) -> list[UUID]:
    """
    Return attempts with a receipt that was taken while their hand-over was being recorded: each of
    the two transactions ended before it could see what the other had written.
    """
    return [pk for (pk,) in fetch_all(_CROSSED, [limit])]


@operation
def apply_waiting_receipts(*, attempt_id: UUID, now: datetime) -> None:
    """Take the receipts of an attempt that nobody has taken yet."""
    attempt = _lock_attempt(attempt_id)
    if attempt is not None:
        _apply_waiting(attempt, now)


def _apply(attempt: DeliveryAttempt, receipt: Receipt, now: datetime) -> None:
    """Bring a locked attempt and its message to what the provider says."""
    is_recorded = attempt.state != AttemptState.SENDING
    if receipt.reference and not attempt.provider_reference:
        attempt.provider_reference = receipt.reference[:200]
    if receipt.code:
        attempt.error_code = receipt.code[:60]
    if not _move(attempt, _STATE_OF[receipt.delivery]):
        return
    if receipt.is_recipient:
        _note_unreachable(attempt.message, receipt.code, now)
    is_arrived = receipt.delivery == Delivery.DELIVERED
    if not is_recorded and not is_arrived:
        # The worker that has the message is about to record what the provider answered.
        return
    if receipt.code == NOT_TAKEN:
        _give_back(attempt)
    _derive(
        attempt,
        now,
        may_retry=receipt.code == NOT_TAKEN or _is_worth_another(attempt),
        is_recipient=receipt.is_recipient,
    )


def _was_lost(attempt: DeliveryAttempt) -> bool:
    """
    Whether a provider told, while it was still being handed the message, that it did not deliver it,
    and it is one that goes by another.
    """
    told = attempt.receipts.filter(delivery=Delivery.FAILED).order_by("-id").first()
    return told is not None and not told.is_recipient and _is_worth_another(attempt)


def _is_worth_another(attempt: DeliveryAttempt) -> bool:
    """Whether a message that its provider did not deliver goes by another: a vital one."""
    message = attempt.message
    return message.importance == Importance.VITAL and routing.has_untried(
        Channel(message.channel), message.recipient, _tried(message)
    )


def list_due_messages(limit: int) -> list[UUID]:
    """Return messages that wait to be sent and whose time has come: the vital ones first."""
    due = OutgoingMessage.objects.filter(state=MessageState.QUEUED, next_attempt_at__lte=Now())
    ordered = due.order_by(F("importance").desc(), "next_attempt_at")
    return list(ordered.values_list("pk", flat=True)[:limit])

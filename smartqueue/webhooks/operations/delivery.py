"""Queueing, claiming and settling messages; a worker calls the receiver in between."""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from smartqueue.business.queries import owners_of
from smartqueue.common.crypto import decrypt
from smartqueue.common.db import operation
from smartqueue.common.purge import delete_where
from smartqueue.notifications import operations as notifications
from smartqueue.outbox.events import Event
from smartqueue.webhooks import catalogue, listeners, queries
from smartqueue.webhooks.enums import (
    ANSWER_BYTES,
    DISABLED_AFTER,
    LEASE,
    MESSAGE_LIFE,
    MOST_AT_ONCE,
    MOST_TRIES,
    RETRY_AFTER,
    DisabledReason,
    EndpointState,
    MessageState,
)
from smartqueue.webhooks.models import Attempt, Endpoint, Message

PURPOSE: Final = "webhook secret"
DISABLED: Final = "webhook_disabled"
GONE_STATUS: Final = 410
ABANDONED: Final = "abandoned"
JITTER: Final = 0.1


@operation
def queue_messages(event: Event) -> list[UUID]:
    """
    Keep an event for the endpoints of its organization that chose it; return which. The same event
    again keeps nothing more.
    """
    name = catalogue.type_of(type(event))
    if name is None or event.organization_id is None:
        return []
    rows = Endpoint.objects.with_scopes_disabled().filter(
        organization_id=event.organization_id, state=EndpointState.ACTIVE
    )
    chosen = rows.filter(Q(event_types=None) | Q(event_types__contains=[name]))
    endpoints: list[UUID] = list(chosen.values_list("pk", flat=True))
    if not endpoints:
        return []
    body, key, db_now = catalogue.body_of(event), catalogue.key_of(event), queries.now_of_database()
    Message.objects.with_scopes_disabled().bulk_create(
        [
            Message(
                organization_id=event.organization_id,
                endpoint_id=endpoint_id,
                event_key=key,
                type=name,
                subject_version=event.subject_version,
                occurred_at=event.occurred_at,
                body=body,
                next_attempt_at=db_now,
                created_at=db_now,
            )
            for endpoint_id in endpoints
        ],
        ignore_conflicts=True,
    )
    return endpoints


# --- By a worker --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """What a worker sends: the message as it is signed, and with which secrets, the newest first."""

    attempt_id: UUID
    message_id: UUID
    url: str
    body: str
    keys: tuple[str, ...]

    @property
    def wire_id(self) -> str:
        """The id that the receiver knows the message by, the same at every try."""
        return f"msg_{self.message_id.hex}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; without a status nothing came, and `error_code` says why."""

    milliseconds: int
    status: int | None = None
    text: str = ""
    error_code: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has the message."""
        return self.status is not None and 200 <= self.status < 300


@operation
def claim_next(endpoint_id: UUID) -> ClaimedMessage | None:
    """
    Take the next due message of an endpoint for one try, which is noted before it is made; None when
    none is due, or as many are under way as one receiver may take.
    """
    endpoint = _locked(endpoint_id)
    if endpoint is None or endpoint.state != EndpointState.ACTIVE:
        return None
    db_now = queries.now_of_database()
    of_endpoint = Message.objects.with_scopes_disabled().filter(endpoint=endpoint)
    under_way = of_endpoint.filter(state=MessageState.SENDING).count()
    if under_way >= (1 if endpoint.failing_since else MOST_AT_ONCE):
        return None
    due = of_endpoint.filter(state=MessageState.PENDING, next_attempt_at__lte=db_now)
    message: Message | None = due.order_by("next_attempt_at", "id").first()
    if message is None:
        return None
    message.move_to(MessageState.SENDING)
    message.attempts += 1
    message.leased_until = db_now + LEASE
    message.save(update_fields=["state", "attempts", "leased_until"])
    attempt = Attempt(organization_id=message.organization_id, message=message, started_at=db_now)
    attempt.save(force_insert=True)
    keys = _keys(endpoint, db_now)
    return ClaimedMessage(attempt.pk, message.pk, endpoint.url, message.body, keys)


def _locked(endpoint_id: UUID) -> Endpoint | None:
    rows = Endpoint.objects.with_scopes_disabled().filter(pk=endpoint_id)
    endpoint: Endpoint | None = rows.select_for_update(of=("self",), no_key=True).first()
    return endpoint


def _keys(endpoint: Endpoint, db_now: datetime) -> tuple[str, ...]:
    keys = [decrypt(endpoint.sealed_secret, PURPOSE)]
    if endpoint.old_secret_until is not None and db_now < endpoint.old_secret_until:
        keys.append(decrypt(endpoint.sealed_old_secret, PURPOSE))
    return tuple(keys)


@operation
def record_answer(*, attempt_id: UUID, answer: Answer, now: datetime) -> None:
    """
    Note what became of a try, and what follows: the end, the next try, or an endpoint that is
    disabled. A try that was given up meanwhile only keeps its answer.
    """
    rows = Attempt.objects.with_scopes_disabled().filter(pk=attempt_id)
    endpoint_id = rows.values_list("message__endpoint_id", flat=True).first()
    endpoint = _locked(endpoint_id) if endpoint_id else None
    attempt: Attempt | None = rows.select_related("message").first()
    if endpoint is None or attempt is None:
        return
    db_now = queries.now_of_database()
    was_open = attempt.ended_at is None
    if not was_open and answer.error_code == ABANDONED:
        # Its worker lives: the answer came while the try was about to be given up.
        return
    attempt.ended_at = db_now
    attempt.milliseconds = answer.milliseconds
    attempt.status = answer.status
    attempt.answer = answer.text.replace("\0", "")[:ANSWER_BYTES]
    attempt.error_code = "" if answer.is_accepted else answer.error_code or "not_accepted"
    attempt.save()
    if was_open:
        _settle(endpoint, attempt.message, answer, db_now, now)


def _settle(
    endpoint: Endpoint, message: Message, answer: Answer, db_now: datetime, now: datetime
) -> None:
    message.leased_until = None
    if answer.is_accepted:
        message.move_to(MessageState.DELIVERED)
        message.ended_at = db_now
    elif message.attempts >= MOST_TRIES or endpoint.state == EndpointState.DISABLED:
        message.move_to(MessageState.FAILED)
        message.ended_at = db_now
    else:
        wait = RETRY_AFTER[message.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
        message.move_to(MessageState.PENDING)
        message.next_attempt_at = db_now + wait
    message.save()
    _note_health(endpoint, answer, db_now, now)


def _note_health(endpoint: Endpoint, answer: Answer, db_now: datetime, now: datetime) -> None:
    if answer.is_accepted:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = db_now
        endpoint.save(update_fields=["failing_since"])
    if endpoint.state == EndpointState.DISABLED:
        return
    if answer.status == GONE_STATUS:
        _disable(endpoint, DisabledReason.GONE, db_now, now)
    elif db_now - endpoint.failing_since >= DISABLED_AFTER:
        _disable(endpoint, DisabledReason.FAILURES, db_now, now)


def _disable(endpoint: Endpoint, reason: DisabledReason, db_now: datetime, now: datetime) -> None:
    endpoint.state = EndpointState.DISABLED
    endpoint.disabled_reason = reason
    endpoint.save(update_fields=["state", "disabled_reason"])
    waiting = Message.objects.with_scopes_disabled().filter(
        endpoint=endpoint, state=MessageState.PENDING
    )
    waiting.update(state=MessageState.FAILED, ended_at=db_now)
    listeners.reload(endpoint.organization_id)
    organization_id = endpoint.organization_id
    path = f"/manage/{organization_id}/webhooks/{endpoint.pk}/"
    for user_id in owners_of(organization_id):
        notifications.notify(
            user_id=user_id,
            code=DISABLED,
            data={"endpoint_id": str(endpoint.pk), "path": path},
            dedupe_key=f"{DISABLED}:{endpoint.pk}:{db_now.isoformat()}",
            now=now,
            organization_id=organization_id,
        )


@operation
def settle_abandoned(*, now: datetime) -> int:
    """Have messages tried again whose worker died; return how many."""
    over = Message.objects.with_scopes_disabled().filter(
        state=MessageState.SENDING, leased_until__lt=queries.now_of_database()
    )
    open_tries = Attempt.objects.with_scopes_disabled().filter(
        message__in=list(over.values_list("pk", flat=True)), ended_at=None
    )
    ids: list[UUID] = list(open_tries.values_list("pk", flat=True))
    for attempt_id in ids:
        took = int(LEASE.total_seconds() * 1000)
        answer = Answer(milliseconds=took, error_code=ABANDONED)
        record_answer(attempt_id=attempt_id, answer=answer, now=now)
    return len(ids)


def remove_old_messages() -> int:
    """Delete what was queued more than 30 days ago, in batches; return how many messages."""
    before = queries.now_of_database() - MESSAGE_LIFE
    delete_where(
        Attempt,
        "message_id IN (SELECT id FROM webhooks_message WHERE created_at < %s)",
        [before],
    )
    return delete_where(Message, "created_at < %s", [before])

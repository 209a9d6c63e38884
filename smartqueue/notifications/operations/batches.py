"""One text for many people: made a part at a time, counted, and stopped where somebody wishes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.errors import ChannelUnavailable
from smartqueue.accounts.models import User
from smartqueue.common.crypto import decrypt, encrypt
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.notifications import policies
from smartqueue.notifications.enums import BatchState, Channel, Importance, MessageState
from smartqueue.notifications.errors import BatchOver, BudgetSpent
from smartqueue.notifications.events import BatchCancelled, BatchCreated
from smartqueue.notifications.models import Batch, BatchChunk, OutgoingMessage
from smartqueue.notifications.operations import budgets, by_hand, sending
from smartqueue.outbox import operations as outbox

PURPOSE: Final = "batch"
CHUNK: Final = 200
MOST: Final = 10_000
MOST_BY_HAND: Final = 500
BY_HAND_LIFE: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class BatchRecipient:
    """One person of a batch; `context` is what their words need beyond the batch's own."""

    recipient: str
    language: str = "fr"
    user_id: UUID | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@operation
def create_batch(
    *,
    organization_id: UUID,
    channel: Channel,
    template: str,
    context: Mapping[str, Any],
    recipients: Sequence[BatchRecipient],
    now: datetime,
    created_by: Actor,
    expires_at: datetime | None = None,
    importance: Importance = Importance.NORMAL,
) -> Batch:
    """
    Have one text sent to many people, each of them once. The caller has checked who asks and to whom.

    :raises ChannelUnavailable: nothing sends on this channel
    :raises InvalidInput: nobody, or more than 10,000 people
    """
    if not sending.can_send(channel):
        raise ChannelUnavailable
    people = list({one.recipient: one for one in recipients}.values())
    if not 1 <= len(people) <= MOST:
        raise InvalidInput.on("recipients", _("From 1 to 10,000 people."), "count")
    batch = Batch(
        organization_id=organization_id,
        channel=channel,
        template=template,
        total=len(people),
        created_by_id=created_by.user_id,
        created_at=now,
        expires_at=expires_at,
    )
    batch.save(force_insert=True)
    BatchChunk.objects.with_scopes_disabled().bulk_create(
        BatchChunk(
            organization_id=organization_id,
            batch=batch,
            number=number,
            sealed=_sealed(context, importance, people[start : start + CHUNK]),
        )
        for number, start in enumerate(range(0, len(people), CHUNK))
    )
    outbox.publish(
        BatchCreated(
            batch_id=batch.pk,
            total=batch.total,
            organization_id=organization_id,
            occurred_at=now,
            actor=created_by.label,
        )
    )
    return batch


def _sealed(
    context: Mapping[str, Any], importance: Importance, people: Sequence[BatchRecipient]
) -> str:
    told = {
        "context": dict(context),
        "importance": str(importance),
        "people": [[one.recipient, one.language, one.user_id, dict(one.context)] for one in people],
    }
    return encrypt(json.dumps(told, cls=DjangoJSONEncoder), PURPOSE)


@operation
def send_to_many(
    *,
    actor: Actor,
    organization_id: UUID,
    phones: Sequence[str],
    text: str,
    now: datetime,
) -> Batch:
    """
    Have a text of staff sent to several of their organization's people.

    :raises NotFound: not an organization that the actor manages
    :raises TooManyRequests: the actor or the organization wrote as much as it may
    :raises InvalidInput: no text, nobody, or more than 500 numbers
    :raises TextTooLong: more than four segments
    :raises NumberNotTextable: one of them is no mobile number of a country that is texted
    :raises NotOwnPerson: one of them has nothing to do with the organization
    :raises BudgetSpent: nothing is left of the month's budget
    :raises ChannelUnavailable: no provider carries text messages
    """
    policies.access_messages(actor, organization_id)
    by_hand.count_message(actor, organization_id)
    by_hand.check_text(text)
    if len(phones) > MOST_BY_HAND:
        raise InvalidInput.on("phones", _("At most 500 numbers."), "count")
    people: dict[str, User | None] = dict.fromkeys(map(by_hand.textable, phones))
    people |= {str(user.phone): user for user in User.objects.filter(phone__in=people)}
    by_hand.check_own(organization_id, people, now)
    if budgets.is_spent(organization_id, now):
        raise BudgetSpent
    return create_batch(
        organization_id=organization_id,
        channel=Channel.SMS,
        template="by_hand",
        context={"subject": "", "text": text},
        recipients=[
            BatchRecipient(phone, user.language, user.pk) if user else BatchRecipient(phone)
            for phone, user in people.items()
        ],
        now=now,
        created_by=actor,
        expires_at=now + BY_HAND_LIFE,
    )


@operation
def make_next_chunk(*, batch_id: UUID, now: datetime) -> list[UUID] | None:
    """
    Queue the messages of a batch's next part; return them, None when no part is left.

    They are handed to workers by the caller, and found by the sweep where it dies.
    """
    rows = Batch.objects.with_scopes_disabled().filter(pk=batch_id)
    batch: Batch | None = rows.select_for_update(of=("self",)).first()
    if batch is None or batch.state != BatchState.PREPARING:
        return None
    chunks = BatchChunk.objects.with_scopes_disabled().filter(batch_id=batch_id, made_at=None)
    chunk = chunks.order_by("number").first()
    if chunk is None:
        rows.update(state=BatchState.UNDER_WAY)
        return None
    told = json.loads(decrypt(chunk.sealed, PURPOSE))
    made = [
        sending.send_message(
            channel=Channel(batch.channel),
            recipient=recipient,
            template=batch.template,
            context={**told["context"], **context},
            language=language,
            dedupe_key=f"batch:{batch_id}",
            now=batch.created_at,
            user_id=UUID(user_id) if user_id else None,
            organization_id=batch.organization_id,
            importance=Importance(told["importance"]),
            expires_at=batch.expires_at,
            batch_id=batch_id,
            is_announced=False,
        )
        for recipient, language, user_id, context in told["people"]
    ]
    BatchChunk.objects.with_scopes_disabled().filter(pk=chunk.pk).update(made_at=Now(), sealed="")
    if not chunks.exists():
        rows.update(state=BatchState.UNDER_WAY)
    return [message.pk for message in made if message is not None]


@operation
def cancel_batch(*, actor: Actor, batch_id: UUID, now: datetime) -> Batch:
    """
    Stop what has not left of a batch.

    :raises NotFound: unknown, or not one that the actor manages
    :raises BatchOver: nothing is left to be stopped
    """
    batch = policies.access_batch(actor, batch_id, lock=True)
    if batch.state in {BatchState.CANCELLED, BatchState.DONE}:
        raise BatchOver
    stopped = OutgoingMessage.objects.filter(batch_id=batch_id, state=MessageState.QUEUED).update(
        state=MessageState.CANCELLED,
        ended_at=Now(),
        settle_at=None,
        sealed_body="",
        sealed_rest="",
    )
    # One that a provider is being handed is past stopping: it is only not tried again.
    OutgoingMessage.objects.filter(batch_id=batch_id, ended_at=None).update(expires_at=now)
    chunks = BatchChunk.objects.with_scopes_disabled().filter(batch_id=batch_id, made_at=None)
    is_unmade = bool(chunks.delete()[0])
    if not stopped and not is_unmade:
        raise BatchOver
    batch.state, batch.cancelled_at = BatchState.CANCELLED, now
    batch.save(update_fields=["state", "cancelled_at"])
    outbox.publish(
        BatchCancelled(
            batch_id=batch.pk,
            stopped=stopped,
            organization_id=batch.organization_id,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return batch


@operation
def finish_batches() -> int:
    """Note the batches of which every message has ended; return how many."""
    under_way = Batch.objects.with_scopes_disabled().filter(state=BatchState.UNDER_WAY)
    over = [
        pk
        for pk in under_way.values_list("pk", flat=True)[:500]
        if not OutgoingMessage.objects.filter(batch_id=pk, ended_at=None).exists()
    ]
    done: int = under_way.filter(pk__in=over).update(state=BatchState.DONE)
    return done


def list_unmade_batches(limit: int) -> list[UUID]:
    """Return batches of which not every message is made."""
    rows = Batch.objects.with_scopes_disabled().filter(state=BatchState.PREPARING)
    return list(rows.order_by("id").values_list("pk", flat=True)[:limit])

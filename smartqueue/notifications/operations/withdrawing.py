"""Taking back what was told, where it holds no more."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from smartqueue.common.db import operation
from smartqueue.notifications.enums import AttemptState, MessageState
from smartqueue.notifications.models import OutgoingMessage

WITHDRAWN: Final = "withdrawn"
_REACHED: Final = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.UNKNOWN})


@operation
def withdraw_messages(*, keys: Iterable[str], now: datetime) -> set[str]:
    """
    Stop the messages under some `dedupe_key`s; return the keys of those that may have reached
    somebody all the same, who has to be told otherwise.

    One that waits to leave never does, also by another channel or a second time. One that a provider
    has got is past stopping: it is only not tried again.
    """
    wanted, seen, gone = list(keys), list[UUID](), set[str]()
    # Whoever held the lock of a message may have ended it, and queued the next channel's: that one is
    # seen by another look only.
    while messages := list(_locked(wanted, without=seen)):
        seen += [message.pk for message in messages]
        gone |= {message.dedupe_key for message in messages if not _stop(message, now)}
    return gone


def _locked(keys: Collection[str], *, without: Collection[UUID]) -> "QuerySet[OutgoingMessage]":
    # A worker that claims one of them at the same time has it before or not at all.
    rows = OutgoingMessage.objects.select_for_update(of=("self",))
    return rows.filter(dedupe_key__in=keys).exclude(pk__in=without).order_by("pk")


def _stop(message: OutgoingMessage, now: datetime) -> bool:
    """Stop a locked message as far as that is possible; say whether nothing of it has left."""
    row = OutgoingMessage.objects.filter(pk=message.pk)
    if message.state == MessageState.QUEUED:
        row.update(
            state=MessageState.CANCELLED,
            last_error=WITHDRAWN,
            ended_at=Now(),
            settle_at=None,
            sealed_body="",
            sealed_rest="",
        )
        # One that goes a second time may have arrived the first time.
        return not message.deliveries.exclude(state=AttemptState.FAILED).exists()
    if message.ended_at is None:
        row.update(expires_at=now)
        return False
    return message.state not in _REACHED

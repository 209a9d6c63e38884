import logging
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final
from uuid import UUID

from celery import shared_task

from smartqueue.common import clock, tenancy
from smartqueue.common.jobs import Work, periodic, run_all
from smartqueue.notifications import operations
from smartqueue.notifications.enums import Importance
from smartqueue.notifications.providers.base import (
    InboundText,
    OutcomeUnknown,
    Provider,
    ProviderError,
    Receipt,
    provider_named,
)

SWEEP_SIZE: Final = 200
HAND_SIZE: Final = 20
PATIENCE_SECONDS: Final = 2.0
"""For so long a worker waits for a place in a provider's second; longer, and the message waits alone."""
AT_ONCE: Final = 4
"""So many providers are asked for one message in a row."""

# The broker takes low numbers first.
PRIORITY: Final = {Importance.VITAL: 0, Importance.NORMAL: 3, Importance.LOW: 6}

logger = logging.getLogger(__name__)


# --- Sending ------------------------------------------------------------------------------------


@shared_task
def send_message_task(message_id: str) -> None:
    """Send one message, by another provider where the first does not take it."""
    _send(UUID(message_id))


@shared_task
def send_messages_task(message_ids: list[str]) -> None:
    """Send some messages, one after the other; what is urgent comes between two such tasks."""
    for message_id in message_ids:
        _send(UUID(message_id))


def _send(message_id: UUID) -> None:
    for _ in range(AT_ONCE):
        if not _send_once(message_id):
            return


def _send_once(message_id: UUID) -> bool:
    """Hand a message to one provider; whether there may be another that can be asked at once."""
    try:
        claimed = _claim(message_id)
    except Exception as error:
        logger.exception("a message failed", extra={"message_id": str(message_id)})
        operations.record_poison(message_id=message_id, error=type(error).__name__, now=clock.now())
        return False
    return claimed is not None and _hand_over(claimed)


def _claim(message_id: UUID) -> operations.ClaimedMessage | None:
    choices = operations.choices_for(message_id)
    if choices is None:
        return None
    longest = None if choices.wait_until is None else _seconds_until(choices)
    for choice in choices.found:
        wait = operations.take_place(
            choice.provider.name, choice.provider.per_second, PATIENCE_SECONDS
        )
        if wait < 0:
            longest = -wait
            if choices.is_vital:
                continue
            break
        if choice.is_probe and not operations.take_probe(provider=choice.provider.name):
            continue
        time.sleep(wait)
        with _scope_of(choices.organization_id):
            return operations.claim_message(message_id=message_id, choice=choice, now=clock.now())
    # Those that wait together do not come back together.
    seconds = None if longest is None else longest * random.uniform(0.5, 1.0)  # noqa: S311
    operations.postpone_message(message_id=message_id, seconds=seconds, now=clock.now())
    return None


def _scope_of(organization_id: UUID | None) -> AbstractContextManager[None]:
    """Tell PostgreSQL with the transaction's first message whose rows it will write."""
    return tenancy.organizations([organization_id]) if organization_id else nullcontext()


def _seconds_until(choices: operations.Choices) -> float:
    until = choices.wait_until
    if until is None:
        return 0.0
    return max(1.0, (until - operations.now_of_database()).total_seconds())


def _hand_over(claimed: operations.ClaimedMessage) -> bool:
    attempt_id, ids = claimed.attempt_id, {"attempt": str(claimed.attempt_id)}
    started = time.monotonic()
    try:
        handed = claimed.provider.send(claimed.outgoing)
    except ProviderError as error:
        logger.warning("a message was not taken", extra=ids | {"error": error.code})
        operations.record_refusal(
            attempt_id=attempt_id,
            error=error,
            now=clock.now(),
            address=claimed.outgoing.recipient,
        )
        return error.retryable
    except Exception as error:
        # It may have left before the adapter failed.
        logger.exception("an adapter failed", extra=ids)
        unknown = OutcomeUnknown(f"adapter:{type(error).__name__}")
        operations.record_refusal(attempt_id=attempt_id, error=unknown, now=clock.now())
        return False
    operations.record_taken(
        claimed=claimed,
        handed=handed,
        seconds=time.monotonic() - started,
        now=clock.now(),
    )
    return False


def hand_to_worker(message_id: UUID, importance: str = Importance.NORMAL) -> None:
    """Have a worker send a message, those that are vital first."""
    send_message_task.apply_async((str(message_id),), priority=PRIORITY[Importance(importance)])


def _hand_to_workers(message_ids: Iterable[UUID]) -> None:
    ids = [str(pk) for pk in message_ids]
    for start in range(0, len(ids), HAND_SIZE):
        send_messages_task.apply_async(
            (ids[start : start + HAND_SIZE],), priority=PRIORITY[Importance.LOW]
        )


@periodic(every_seconds=5, lease_seconds=300)
def send_due_messages_task() -> None:
    """Send what is due again, or whose hint was lost; note what a dead worker left."""
    operations.settle_abandoned_messages(now=clock.now())
    # As long as the next tick is away: the other workers take what is left.
    ends = time.monotonic() + 5
    for message_id in operations.list_due_messages(SWEEP_SIZE):
        _send(message_id)
        if time.monotonic() > ends:
            return


# --- What became of them ------------------------------------------------------------------------


@periodic(every_seconds=10, lease_seconds=300)
def settle_messages_task() -> None:
    """
    Take what providers told too early, ask what became of messages that may have arrived, and give
    up those that nobody tells of.
    """
    run_all(_what_settles())


def _what_settles() -> Iterator[Work]:
    apply = operations.apply_waiting_receipts
    for attempt_id in operations.list_crossed_attempts(SWEEP_SIZE):
        yield partial(apply, attempt_id=attempt_id, now=clock.now())
    for unsettled in operations.list_unsettled_messages(SWEEP_SIZE):
        yield partial(_settle, unsettled)


def _settle(unsettled: operations.Unsettled) -> None:
    receipt, is_asked = _look_up(unsettled)
    operations.settle_message(
        message_id=unsettled.message_id, receipt=receipt, is_asked=is_asked, now=clock.now()
    )


def _look_up(unsettled: operations.Unsettled) -> tuple[Receipt | None, bool]:
    provider = provider_named(unsettled.provider)
    if provider is None:
        return None, True
    try:
        return provider.look_up(unsettled.reference, unsettled.own_reference), True
    except ProviderError as error:
        extra = {"attempt": unsettled.own_reference, "error": error.code}
        logger.warning("a provider was not to be asked", extra=extra)
    except Exception:
        logger.exception("an adapter failed", extra={"attempt": unsettled.own_reference})
    return None, False


@shared_task
def process_callback_task(callback_id: str) -> None:
    """Understand what a provider called with, and answer who wrote."""
    _process(UUID(callback_id))


def _process(callback_id: UUID) -> None:
    for inbound_id in operations.process_callback(callback_id=callback_id, now=clock.now()):
        operations.answer_inbound(inbound_id=inbound_id, now=clock.now())


@shared_task
def answer_inbound_task(inbound_id: str) -> None:
    """Answer somebody who wrote or rang."""
    operations.answer_inbound(inbound_id=UUID(inbound_id), now=clock.now())


@periodic(every_seconds=5, lease_seconds=300)
def process_callbacks_task() -> None:
    """Understand and answer what no worker was told of."""
    run_all(_what_came())


def _what_came() -> Iterator[Work]:
    for callback_id in operations.list_stored_callbacks(SWEEP_SIZE):
        yield partial(_process, callback_id)
    for inbound_id in operations.list_unanswered_messages(SWEEP_SIZE):
        yield partial(operations.answer_inbound, inbound_id=inbound_id, now=clock.now())


# --- Batches, balances, old rows ----------------------------------------------------------------


@shared_task
def make_batch_task(batch_id: str) -> None:
    """Queue the messages of a batch, a part at a time, and hand each part to workers."""
    _make_batch(UUID(batch_id))


def _make_batch(batch_id: UUID) -> None:
    while True:
        made = operations.make_next_chunk(batch_id=batch_id, now=clock.now())
        if made is None:
            return
        _hand_to_workers(made)


@periodic(every_seconds=30, lease_seconds=600)
def look_after_batches_task() -> None:
    """Go on with batches whose worker died, and note those that are done."""
    unmade = operations.list_unmade_batches(20)
    run_all([*(partial(_make_batch, pk) for pk in unmade), operations.finish_batches])


@periodic(every_seconds=900)
def watch_balances_task() -> None:
    """Ask providers what their accounts still have, and warn where that is little."""
    for provider in operations.all_providers():
        _watch_balance(provider)


def _watch_balance(provider: Provider) -> None:
    try:
        balance = provider.balance()
    except ProviderError as error:
        extra = {"provider": provider.name, "error": error.code}
        logger.warning("a balance was not told", extra=extra)
        return
    if balance is not None:
        operations.record_balance(provider=provider.name, balance=balance, now=clock.now())


@periodic(every_seconds=3600)
def remove_old_messages_task() -> None:
    """Delete messages of more than 30 days, and what providers said of them."""
    operations.remove_old_messages()
    operations.remove_old_callbacks()
    operations.remove_old_dead_addresses()


@periodic(every_seconds=3600)
def remove_unused_devices_task() -> None:
    """Delete phones and browsers that were not seen for long."""
    operations.remove_unused_devices()


# --- What comes over binds ----------------------------------------------------------------------


def take_receipt(provider: str, receipt: Receipt) -> None:
    """Take a receipt that came over a bind; it is stored when this returns."""
    operations.record_receipt(provider=provider, receipt=receipt, now=clock.now())


def take_text(provider: str, message: InboundText) -> None:
    """Take a text that came over a bind; it is stored when this returns, and answered by the next sweep."""
    operations.store_text(provider=provider, message=message, now=clock.now())

"""Delivery: claim (a transaction), call the receiver (none), note the answer (another)."""

import logging
import time
from typing import Final
from uuid import UUID

from celery import shared_task

from smartqueue.common import clock, http
from smartqueue.common.jobs import periodic
from smartqueue.webhooks import operations, queries, signing
from smartqueue.webhooks.enums import ANSWER_BYTES, CALL_SECONDS
from smartqueue.webhooks.operations.endpoints import HTTPS

TASK_SECONDS: Final = 40.0
SWEEP_SIZE: Final = 200

logger = logging.getLogger(__name__)


def hand_to_worker(endpoint_id: UUID) -> None:
    """Have a worker send what is due to an endpoint."""
    deliver_task.apply_async((str(endpoint_id),), expires=60)


@shared_task
def deliver_task(endpoint_id: str) -> None:
    """Send what is due to one endpoint, one after the other, and leave the rest to another task."""
    ends = time.monotonic() + TASK_SECONDS
    while deliver_next(UUID(endpoint_id)):
        if time.monotonic() > ends:
            hand_to_worker(UUID(endpoint_id))
            return


def deliver_next(
    endpoint_id: UUID, *, reach: http.Reach = HTTPS, resolver: http.Resolver | None = None
) -> bool:
    """Send one due message of an endpoint; false when there was none."""
    claimed = operations.claim_next(endpoint_id)
    if claimed is None:
        return False
    answer = _call(claimed, reach, resolver)
    operations.record_answer(attempt_id=claimed.attempt_id, answer=answer, now=clock.now())
    return True


def _call(
    claimed: operations.ClaimedMessage, reach: http.Reach, resolver: http.Resolver | None
) -> operations.Answer:
    # Receivers compare it with their own clock, so it is the real one, not the demonstration's.
    signed = signing.headers(claimed.wire_id, queries.now_of_database(), claimed.body, claimed.keys)
    started = time.monotonic()
    try:
        told = http.call(
            "POST",
            claimed.url,
            reach=reach,
            resolver=resolver,
            headers={"Content-Type": "application/json"} | signed,
            body=claimed.body.encode(),
            seconds=CALL_SECONDS,
        )
    except http.CallFailed as error:
        return operations.Answer(_since(started), error_code=error.code)
    except Exception:
        # Whatever an address does to the client, its message is tried again and not left open.
        logger.exception("a webhook failed", extra={"message_id": str(claimed.message_id)})
        return operations.Answer(_since(started), error_code="broken")
    text = told.body[:ANSWER_BYTES].decode("utf-8", "replace")
    return operations.Answer(_since(started), told.status, text)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


@periodic(every_seconds=5, lease_seconds=300)
def send_due_webhooks_task() -> None:
    """Hand to workers what is due again or whose hint was lost, and what a dead worker left."""
    operations.settle_abandoned(now=clock.now())
    for endpoint_id in queries.list_endpoints_with_work(SWEEP_SIZE):
        hand_to_worker(endpoint_id)


@periodic(every_seconds=3600)
def remove_old_webhooks_task() -> None:
    """Delete messages of more than 30 days with their tries."""
    operations.remove_old_messages()

"""
The one use of `on_commit`: hints that something is new. A lost hint costs a sweep's delay.

All hints of a transaction leave in one Redis round trip after it has committed.
"""

import logging
from collections.abc import Callable
from functools import partial

from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError

from smartqueue.common.redis import client

RELAY_CHANNEL = "smartqueue:relay"
TOPIC_CHANNEL = "smartqueue:topics"

logger = logging.getLogger(__name__)


def after_commit(hint: Callable[[Redis], object]) -> None:
    """Send a hint to Redis when the surrounding transaction has committed; forget it if it is not."""
    pending: list[Callable[[Redis], object]] | None = None
    connection = transaction.get_connection()
    for _, function, _ in connection.run_on_commit:
        if isinstance(function, partial) and function.func is _send:
            pending = function.args[0]
    if pending is None:
        pending = []
        transaction.on_commit(partial(_send, pending), robust=True)
    pending.append(hint)


def _send(hints: list[Callable[[Redis], object]]) -> None:
    pipeline = client().pipeline(transaction=False)
    for hint in hints:
        hint(pipeline)
    try:
        pipeline.execute()
    except RedisError as error:
        logger.warning("Redis was not told; sweeps will find it", extra={"error": str(error)})


def wake_relay(connection: Redis) -> None:
    """Tell the relay that a delivery is due."""
    connection.publish(RELAY_CHANNEL, b"1")

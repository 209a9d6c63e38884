"""
How often sign-in may be tried: counted in Redis by one atomic script, in PostgreSQL while Redis is
away, and refused when neither can count.
"""

import functools
import logging
import math
import time
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from smartqueue.common.crypto import keyed_digest
from smartqueue.common.errors import TooManyRequests
from smartqueue.common.redis import client
from smartqueue.outbox import context

logger = logging.getLogger(__name__)

_COUNT = """
    INSERT INTO accounts_throttlewindow AS w (key, "window", count, ends_at) VALUES (%s, %s, 1, %s)
    ON CONFLICT (key, "window") DO UPDATE SET count = w.count + 1
    RETURNING count
"""


@functools.cache
def _limiter() -> MovingWindowRateLimiter:
    pool = client().connection_pool
    return MovingWindowRateLimiter(RedisStorage(settings.REDIS_URL, connection_pool=pool))


@functools.cache
def _item(limit: str) -> RateLimitItem:
    return parse(limit)


def _key(action: str, dimension: str, value: str) -> bytes:
    return keyed_digest("throttle", action, dimension, value)


def check(action: str, **subjects: str) -> None:
    """
    Count one attempt at `action` ("login", "register", ...) from the caller's address and on each
    given subject (identifier, token), by the limits in SIGN_IN_LIMITS.

    Call it outside the operation's transaction, which may be rolled back.

    :raises TooManyRequests: with the seconds to wait, when any of the limits is reached
    """
    limits: dict[str, str] = settings.SIGN_IN_LIMITS[action]
    subjects["address"] = context.current.get().address or ""
    for dimension, limit in limits.items():
        wait = _hit(_item(limit), _key(action, dimension, subjects[dimension]))
        if wait is not None:
            raise TooManyRequests(retry_after=wait)


def forget(action: str, **subjects: str) -> None:
    """Forgive the attempts on these subjects: the right answer was given."""
    limits: dict[str, str] = settings.SIGN_IN_LIMITS[action]
    keys = [(_item(limits[name]), _key(action, name, value)) for name, value in subjects.items()]
    try:
        for item, key in keys:
            _limiter().clear(item, key.hex())
    except RedisError:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM accounts_throttlewindow WHERE key = ANY(%s)", [[k for _, k in keys]]
            )


def _hit(item: RateLimitItem, key: bytes) -> int | None:
    """Count one attempt; return None, or the seconds to wait when it is one too many."""
    try:
        if _limiter().hit(item, key.hex()):
            return None
        reset_at = _limiter().get_window_stats(item, key.hex()).reset_time
        return max(1, math.ceil(reset_at - time.time()))
    except RedisError as error:
        logger.warning("Redis does not count; PostgreSQL does", extra={"error": str(error)})
        return _hit_in_database(item, key)


def _hit_in_database(item: RateLimitItem, key: bytes) -> int | None:
    seconds = item.get_expiry()
    window = int(time.time()) // seconds
    end = (window + 1) * seconds
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [key, window, datetime.fromtimestamp(end, UTC)])
        count: int = cursor.fetchone()[0]
    return None if count <= item.amount else max(1, math.ceil(end - time.time()))

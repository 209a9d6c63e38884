"""The Redis client: short time-outs, because Redis may be away and nothing may wait for it."""

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis import Redis


@functools.cache
def client() -> "Redis":
    """Return this process's client for pokes, limits and cached bytes."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        max_connections=50,
    )


class _Kept(threading.local):
    """A thread's own connection, of one process and one client."""

    connection: Any = None
    process = 0
    pool: Any = None


_kept = _Kept()


def ask(*command: Any) -> Any:
    """
    Return the answer to one command, on a connection that this thread keeps.

    It does without what the client does around a command (a pool, hooks, figures), which takes
    longer than the command. A connection that was lost meanwhile is made anew once.

    :raises redis.exceptions.RedisError: Redis is away, too slow, or refused the command
    """
    pool = client().connection_pool
    if _kept.pool is pool and _kept.process == os.getpid() and _kept.connection is not None:
        try:
            return _ask(_kept.connection, command)
        except NotConnected:
            pass
    connection = pool.connection_class(**pool.connection_kwargs)
    connection.connect()
    _kept.connection, _kept.process, _kept.pool = connection, os.getpid(), pool
    return _ask(connection, command)


def _ask(connection: Any, command: tuple[Any, ...]) -> Any:
    try:
        connection.send_command(*command, check_health=False)
        answer = connection.read_response()
    except redis.ResponseError:
        raise
    except BaseException:
        # The answer may still come, and must not be taken for another's.
        connection.disconnect()
        _kept.connection = None
        raise
    if isinstance(answer, RedisError):
        raise answer
    return answer

"""
The one use of `on_commit`: hints that something is new. A lost hint costs a sweep's delay.

All hints of a transaction leave in one write after it has committed, on a connection that asks
Redis for no answers: nothing waits for it. When Redis is away, hints are left out for a second at
a time, so that only one commit a second pays the time-out.
"""

import logging
import os
import threading
import time
from typing import Any

from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError

from smartqueue.common.redis import client

RELAY_CHANNEL = "smartqueue:relay"
TOPIC_CHANNEL = "smartqueue:topics"
REVOCATION_CHANNEL = "smartqueue:revocations"

QUIET_SECONDS = 1.0

logger = logging.getLogger(__name__)

Hint = tuple[str, ...]
"""A Redis command and its arguments."""


class _Hints:
    """The hints of one transaction, each once; called when it has committed."""

    __slots__ = ("commands",)

    def __init__(self) -> None:
        self.commands: dict[Hint, None] = {}

    def __call__(self) -> None:
        send(*self.commands)


def after_commit(channel: str, message: str) -> None:
    """Publish a message when the surrounding transaction has committed; forget it if it is not."""
    tell_after_commit(("PUBLISH", channel, message))


def tell_after_commit(*commands: Hint) -> None:
    """Give Redis commands when the surrounding transaction has committed, without their answers."""
    connection = transaction.get_connection()
    for _, registered, _ in reversed(connection.run_on_commit):
        if isinstance(registered, _Hints):
            registered.commands.update(dict.fromkeys(commands))
            return
    # Filled before it is registered: outside a transaction it is called at once.
    hints = _Hints()
    hints.commands.update(dict.fromkeys(commands))
    connection.on_commit(hints, robust=True)


def wake_relay_after_commit() -> None:
    """Tell the relay, after the commit, that a delivery is due."""
    after_commit(RELAY_CHANNEL, "1")


class _Line:
    """A process's connection for hints, and when it may next be tried."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self._process = 0
        self._quiet_until = 0.0

    def send(self, hints: tuple[Hint, ...]) -> None:
        if self._is_quiet() or not self._lock.acquire(timeout=settings.REDIS_TIMEOUT_SECONDS):
            return
        try:
            if not self._is_quiet():
                self._write(list(hints))
        except (RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            logger.warning("Redis was not told; sweeps will find it", extra={"error": str(error)})
        finally:
            self._lock.release()

    def _is_quiet(self) -> bool:
        return time.monotonic() < self._quiet_until

    def _write(self, commands: list[tuple[str, ...]]) -> None:
        connection = self._connection
        if connection is not None and self._process == os.getpid():
            try:
                connection.send_packed_command(connection.pack_commands(commands), False)
            except (RedisError, OSError):
                # Redis may have been started again since: a new connection tells.
                self._connection = None
            else:
                return
        connection = self._connect()
        connection.send_packed_command(connection.pack_commands(commands), False)
        self._connection, self._process = connection, os.getpid()

    @staticmethod
    def _connect() -> Any:
        pool = client().connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        connection.connect()
        connection.send_command("CLIENT", "REPLY", "OFF", check_health=False)
        return connection


_line = _Line()


def send(*hints: Hint) -> None:
    """Give Redis commands now, without waiting for it; they are lost when it is away."""
    _line.send(hints)

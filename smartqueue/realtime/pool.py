"""Slow questions to the database, off the event loop: a few threads, each question asked once."""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections
from psycopg_pool import PoolTimeout

from smartqueue.common import tenancy

R = TypeVar("R")

AWAY = (OperationalError, InterfaceError, PoolTimeout)

THREADS = 4
FRESH_SECONDS = 1.0

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sockets")


def _call(function: Callable[..., R], arguments: tuple[Any, ...]) -> R:
    close_old_connections()
    try:
        with tenancy.serving():
            return function(*arguments)
    finally:
        close_old_connections()


async def run(function: Callable[..., R], *arguments: Any) -> R:
    """Run a synchronous function that reads the database in one of the threads."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _call, function, arguments)


class Shared:
    """
    Answers that many sockets ask for at once, when they all come back after a restart.

    An answer is given to everybody who asks within a second; a failure to those who wait for it.
    """

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[float, asyncio.Future[Any]]] = {}

    async def ask(self, key: Hashable, function: Callable[..., R], *arguments: Any) -> R:
        """Return the answer to the question that `key` names."""
        known = self._answers.get(key)
        if known is None or known[0] < time.monotonic():
            task = asyncio.ensure_future(run(function, *arguments))
            # Nobody may be left to hear of a failure.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            known = (time.monotonic() + FRESH_SECONDS, task)
            self._answers[key] = known
        answer = known[1]
        if answer.done() and (answer.cancelled() or answer.exception() is not None):
            del self._answers[key]
            return await self.ask(key, function, *arguments)
        result: R = await asyncio.shield(answer)
        return result

    def forget(self, key: Hashable) -> None:
        """Ask anew next time."""
        self._answers.pop(key, None)

    def sweep(self) -> None:
        """Drop what is no longer fresh."""
        now = time.monotonic()
        for key in [
            k for k, (until, answer) in self._answers.items() if until < now and answer.done()
        ]:
            del self._answers[key]

"""The way out to one socket: never waits for it, never lets it fall far behind."""

import asyncio
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
Send: TypeAlias = Callable[[Message], Coroutine[Any, Any, None]]

# Messages that may wait for a slow client beyond the server's own buffer (64 KiB).
MOST_WAITING = 256
TURN = 128
PATIENCE_SECONDS = 30


@types.coroutine
def _rest_of(coroutine: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    """Carry on, in a task, a coroutine that was started by hand and now waits for something."""
    try:
        while True:
            try:
                value = yield waited_for
            except BaseException as error:  # noqa: BLE001  # handed on to the coroutine
                waited_for = coroutine.throw(error)
            else:
                waited_for = coroutine.send(value)
    except StopIteration:
        return


class Outlet:
    """
    Writes to one socket at once while it takes what it is given; behind a slow one messages wait
    in a bounded queue with a task of its own, and when that is full `on_overflow` is called.

    Starting `send` by hand spares a task switch for each of thousands of sockets: the server
    suspends it only while the socket's buffer is full.
    """

    __slots__ = ("_on_overflow", "_send", "_waiting", "_writer", "is_gone")

    def __init__(self, send: Send, on_overflow: Callable[[], None]) -> None:
        self._send = send
        self._on_overflow = on_overflow
        self._waiting: deque[Message] | None = None
        self._writer: asyncio.Task[None] | None = None
        self.is_gone = False

    def push(self, message: Message) -> None:
        """Send a message after all earlier ones; it may be shared with other sockets."""
        if self._waiting is not None:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(message)
            else:
                self._overflow()
            return
        if self.is_gone:
            return
        coroutine = self._send(message)
        try:
            waited_for = coroutine.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001  # each server has its own error for a client that left
            self.is_gone = True
            return
        self._waiting = deque()
        self._writer = asyncio.get_running_loop().create_task(
            self._write(_rest_of(coroutine, waited_for))
        )

    async def _write(self, first: Awaitable[None]) -> None:
        try:
            await first
            while self._waiting:
                await self._send(self._waiting.popleft())
        except Exception:  # noqa: BLE001  # as above
            self.is_gone = True
        finally:
            self._waiting = self._writer = None

    async def push_all(self, messages: Sequence[Message]) -> None:
        """Send many messages, waiting for a slow client so that they do not fill the queue."""
        for start in range(0, len(messages), TURN):
            for message in messages[start : start + TURN]:
                self.push(message)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self.drained()
            except TimeoutError:
                self._overflow()
                return

    async def drained(self) -> None:
        """Wait until everything has been handed to the server."""
        while self._writer is not None:
            await asyncio.wait({self._writer})

    def _overflow(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self._on_overflow()

    async def close(self, code: int, *, patience: float) -> None:
        """
        Tell the client why, for at most `patience` seconds, then cut the line.

        What still waits for a client that was too slow is dropped.
        """
        if self.is_gone and self._waiting is not None:
            self._waiting.clear()
        try:
            async with asyncio.timeout(patience):
                await self.drained()
                await self._send({"type": "websocket.close", "code": code})
        except TimeoutError:
            self._cut()
        except Exception:  # noqa: BLE001, S110  # the client has left already
            pass
        self.is_gone = True

    def stop(self) -> None:
        """Give up what waits; the socket is over."""
        self.is_gone = True
        if self._writer is not None:
            self._writer.cancel()

    def _cut(self) -> None:
        # ASGI cannot abort; a client that does not read would hold its line until TCP gives up.
        protocol = getattr(self._send, "__self__", None)
        abort = getattr(getattr(protocol, "transport", None), "abort", None)
        if abort is not None:
            abort()

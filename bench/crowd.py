"""Thousands of sockets in one process, each with as little work as it can do."""

import asyncio
import struct
import time
from typing import Any

from bench.scratch import Unusable

AT_ONCE = 64
TEXT, PING = 0x81, 0x89
PONG = 0x8A
WAIT_SECONDS = 30

_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Socket(asyncio.Protocol):
    """One client: answers pings, notes when events come."""

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.transport: Any = None
        self.buffer = b""
        self.is_open = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = transport
        self.transport.write(_REQUEST.format(path=self.crowd.path).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """Note a line that the server ended."""
        self.crowd.lost += 1
        if not self.ready.done():
            self.ready.set_exception(Unusable("a socket was closed while it was opened"))

    def data_received(self, data: bytes) -> None:
        """Read whole frames; the server's are not masked and short."""
        buffer = self.buffer + data
        if not self.is_open:
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                self.buffer = head
                return
            self.is_open = True
        while len(buffer) >= 2:
            start, size = 2, buffer[1]
            if size == 126:
                if len(buffer) < 4:
                    break
                start, size = 4, struct.unpack("!H", buffer[2:4])[0]
            if len(buffer) < start + size:
                break
            self._frame(buffer[0], buffer[start : start + size])
            buffer = buffer[start + size :]
        self.buffer = buffer

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self.transport.write(bytes((PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
            return
        self.crowd.messages += 1
        if kind == TEXT and b'"type":"event"' in payload:
            self.crowd.arrivals.append(time.perf_counter())
            self.crowd.last = payload
        elif not self.ready.done():
            self.ready.set_result(None)


class Crowd:
    """All sockets of one path on one server."""

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path
        self.arrivals: list[float] = []
        self.last = b""
        self.messages = 0
        self.lost = 0
        self._sockets: list[Socket] = []

    async def gather(self, count: int) -> float:
        """Open the sockets and wait for their first message; return the seconds it took."""
        started = time.perf_counter()
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._open(turns) for _ in range(count)))
        return time.perf_counter() - started

    async def _open(self, turns: asyncio.Semaphore) -> None:
        async with turns:
            loop = asyncio.get_running_loop()
            _, one = await loop.create_connection(lambda: Socket(self), "127.0.0.1", self.port)
            self._sockets.append(one)
            await asyncio.wait_for(one.ready, WAIT_SECONDS)

    async def hear(self, count: int) -> list[float]:
        """
        Return the times at which an event reached each socket.

        :raises Unusable: it did not reach all of them
        """
        end = time.perf_counter() + WAIT_SECONDS
        while len(self.arrivals) < count:
            if time.perf_counter() > end:
                raise Unusable(f"{len(self.arrivals)} of {count} sockets were told")
            await asyncio.sleep(0.005)
        heard, self.arrivals = self.arrivals, []
        return heard

    def leave(self) -> None:
        """Close every socket."""
        for one in self._sockets:
            one.transport.abort()

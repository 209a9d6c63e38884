"""
A pretend aggregator that takes every text at once: LAfricaMobile's address and answer, and nothing
else. The sandbox checks, counts, rates and receipts each message, which would be most of what is measured.

`GET /arrivals/<n>` says how many came and, of those after the first n, the `ret_id` and when the whole
request was there, in seconds of the machine's steady clock. `GET /last` is the newest request as it came;
`GET /delay/<n>` has it answer texts n milliseconds later from then on.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

MARK = b'"ret_id": "'
FIRST_ID = 710_000_001


class Provider(asyncio.Protocol):
    """One connection; all share what has arrived."""

    arrivals: list[tuple[str, float]] = []
    last = b""
    delay = 0.0

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are not asyncio's.
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        whole = end + 4 + _length(head)
        if len(self._received) < whole:
            return
        at = time.monotonic()
        request, self._received = self._received[:whole], self._received[whole:]
        answer, closes = self._answer(request, at), b"\r\nconnection: close" in head
        if self.delay and request.startswith(b"POST"):
            asyncio.get_running_loop().call_later(self.delay, self._say, answer, closes)
        else:
            self._say(answer, closes)

    def _answer(self, request: bytes, at: float) -> bytes:
        if request.startswith(b"POST"):
            Provider.last = request
            start = request.find(MARK) + len(MARK)
            reference = request[start : request.find(b'"', start)].decode()
            self.arrivals.append((reference, at))
            return b"%d" % (FIRST_ID + len(self.arrivals))
        path = request.split(b" ", 2)[1]
        if path == b"/last":
            return self.last
        if path.startswith(b"/delay/"):
            Provider.delay = int(path.rpartition(b"/")[2]) / 1000
            return b""
        newer = self.arrivals[int(path.rpartition(b"/")[2]) :]
        return json.dumps({"total": len(self.arrivals), "newer": newer}).encode()

    def _say(self, body: bytes, closes: bool) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)
        if closes:
            self._transport.close()


def _length(head: bytes) -> int:
    start = head.find(b"\r\ncontent-length:")
    return int(head[start + 17 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))

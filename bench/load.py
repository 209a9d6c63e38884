"""
Load over HTTP/1.1 keep-alive connections from one thread.

A client is a generator: it yields a name and the bytes of a request, and gets back the status and
body of the answer. About 20 microseconds of CPU a request, so that little is taken from the server
on the same machine.
"""

import select
import socket
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

Client = Generator[tuple[str, bytes], tuple[int, bytes], None]
OK = frozenset({200, 201, 204, 304})


class WrongAnswer(Exception):
    """The server refused a request that has to work."""


@dataclass
class Outcome:
    """What a run did. `latencies` are seconds, by the name of the request."""

    seconds: float = 0.0
    generator_cpu: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Every answered request."""
        return sum(len(times) for times in self.latencies.values())

    def count(self, name: str) -> int:
        """Answered requests of one name."""
        return len(self.latencies.get(name, ()))

    def quantile(self, name: str, share: float) -> float:
        """Return a quantile of one request's latency in seconds."""
        ordered = sorted(self.latencies.get(name, [0.0]))
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class _Connection:
    __slots__ = ("client", "name", "received", "sent_at", "socket")

    def __init__(self, port: int, client: Client) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = client
        self.received = b""
        self.name = ""
        self.sent_at = 0.0

    def send(self, request: tuple[str, bytes]) -> None:
        self.name = request[0]
        self.sent_at = time.perf_counter()
        self.socket.sendall(request[1])

    def answer(self) -> tuple[int, bytes] | None:
        """Return the status and body once the whole answer is here."""
        data = self.socket.recv(262_144)
        if not data:
            raise WrongAnswer("the server closed the connection")
        if self.received:
            data = self.received + data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            status = int(data[9:12])
            length = 0 if status in {204, 304} else _content_length(data, end)
            if len(data) >= end + 4 + length:
                self.received = b""
                return status, data[end + 4 :]
        self.received = data
        return None


def _content_length(data: bytes, end: int) -> int:
    start = data.find(b"ontent-length: ", 0, end)
    if start < 0:
        start = data.lower().find(b"ontent-length: ", 0, end)
    if start < 0:
        raise WrongAnswer(f"no Content-Length: {data[:end]!r}")
    return int(data[start + 15 : data.find(b"\r\n", start)])


class Load:
    """Clients connected to one server; each `run` lets them work and waits for their last answers."""

    def __init__(self, port: int, clients: Sequence[Client]) -> None:
        self._connections = {}
        self._poll = select.epoll()
        for client in clients:
            connection = _Connection(port, client)
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        self._next = {fd: next(c.client) for fd, c in self._connections.items()}

    def run(self, seconds: float, limit: int | None = None) -> Outcome:
        """
        Work for a time, or for a number of requests if that is sooner.

        :raises WrongAnswer: an answer that is not 200, 201, 204 or 304
        """
        outcome = Outcome()
        left = limit if limit is not None else 1 << 60
        cpu, start = time.thread_time(), time.perf_counter()
        deadline, waiting = start + seconds, 0
        for fd, connection in self._connections.items():
            if left <= 0:
                break
            connection.send(self._next.pop(fd))
            waiting, left = waiting + 1, left - 1
        while waiting:
            events = self._poll.poll(30)
            if not events:
                raise WrongAnswer("no answer within 30 s")
            for fd, _ in events:
                connection = self._connections[fd]
                answer = connection.answer()
                if answer is None:
                    continue
                now = time.perf_counter()
                outcome.latencies.setdefault(connection.name, []).append(now - connection.sent_at)
                if answer[0] not in OK:
                    raise WrongAnswer(f"{connection.name}: {answer[0]} {answer[1][:400]!r}")
                request = connection.client.send(answer)
                if now < deadline and left > 0:
                    connection.send(request)
                    left -= 1
                else:
                    self._next[fd] = request
                    waiting -= 1
        outcome.seconds = time.perf_counter() - start
        outcome.generator_cpu = time.thread_time() - cpu
        return outcome

    def close(self) -> None:
        """Close every connection."""
        self._poll.close()
        for connection in self._connections.values():
            connection.socket.close()


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of a request; underscores in header names stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def repeat(name: str, make: Callable[[], bytes]) -> Client:
    """A client that sends the same kind of request again and again."""
    while True:
        yield name, make()

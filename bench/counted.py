"""A way to PostgreSQL that counts the round trips of whoever takes it."""

import contextlib
import socket
import struct
import threading
from collections.abc import Generator
from urllib.parse import urlsplit, urlunsplit

_WAITED_FOR = frozenset(b"QS")
"""Messages that PostgreSQL answers by saying that it is ready: a simple query, and Sync."""


class Way:
    """Passes everything on, in both directions; `url` is a database's address by it, without TLS."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        names = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{names}@127.0.0.1:{port}"))
        self.round_trips = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody else in."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(self._there)
                for one, other, counts in ((here, there, True), (there, here, False)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(
                        target=self._pass_on, args=(one, other, counts), daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        messages = self._messages()
        next(messages)
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65536):
                target.sendall(data)
                if counts:
                    messages.send(data)
            # To close it while the other thread waits for it tells nobody.
            target.shutdown(socket.SHUT_RDWR)

    def _messages(self) -> Generator[None, bytes]:
        """Take what a client sends, and count; the first message has no type."""
        data, typed = b"", 0
        while True:
            data += yield
            while len(data) >= typed + 4:
                size = typed + struct.unpack_from("!I", data, typed)[0]
                if len(data) < size:
                    break
                self.round_trips += typed and data[0] in _WAITED_FOR
                data, typed = data[size:], 1

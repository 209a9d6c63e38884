import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn
from django.core.management import call_command
from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from smartqueue.outbox import wake
from smartqueue.realtime.tests import samples


class Client:
    """A browser's side of a socket."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line

    def get_any(self, timeout: float) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.line.recv(timeout=timeout))
        return message

    def get(self, timeout: float = 5) -> dict[str, Any]:
        """Return the next message that is not a heartbeat."""
        end = time.monotonic() + timeout
        while True:
            message = self.get_any(max(0.01, end - time.monotonic()))
            if message["type"] != "heartbeat":
                return message

    def get_versions(self, count: int) -> list[int]:
        messages = [self.get() for _ in range(count)]
        assert {message["type"] for message in messages} <= {"event"}
        return [message["version"] for message in messages]

    def silent(self, seconds: float = 0.4) -> bool:
        try:
            self.get(seconds)
        except TimeoutError:
            return True
        return False

    def put(self, message: Any) -> None:
        self.line.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def subscribe(self, topic: str, **more: Any) -> None:
        self.put({"type": "subscribe", "topic": topic, **more})

    def close_code(self, timeout: float = 5) -> int | None:
        """Read to the end and return the code that the server closed with."""
        end = time.monotonic() + timeout
        try:
            while True:
                self.line.recv(timeout=max(0.01, end - time.monotonic()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


Open = Callable[..., Client]


class Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """A thread cannot take signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def start(application: Any = samples.application) -> tuple[Server, threading.Thread, int]:
    config = uvicorn.Config(
        application,
        port=0,
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread, server.servers[0].sockets[0].getsockname()[1]


def stop(server: Server, thread: threading.Thread) -> None:
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def transactional_db(
    django_db_setup: None, django_db_blocker: Any, as_owner: Callable[[], Any]
) -> Iterator[None]:
    """
    A database that real connections see, emptied after the module instead of after each test:
    every test has topics and people of its own. The name is what makes pytest-django set one up.
    """
    with django_db_blocker.unblock():
        assert connection.settings_dict["NAME"].startswith("test_")
        yield
        with as_owner():
            call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
        connection.close()


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    server, thread, port = start()
    yield port
    stop(server, thread)


@pytest.fixture(autouse=True)
def fresh_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    line = wake._Line()
    monkeypatch.setattr(wake, "_line", line)
    yield
    if line._connection is not None:
        line._connection.disconnect()


@pytest.fixture
def open_socket(port: int, transactional_db: None) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_(path: str = "/ws/", **options: Any) -> Client:
            line = connect(f"ws://127.0.0.1:{port}{path}", max_size=None, **options)
            return Client(stack.enter_context(line))

        yield open_


@pytest.fixture
def without_pokes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits find Redis away."""

    class Dead(wake._Line):
        @staticmethod
        def _connect() -> Any:
            raise OSError("refused")

    monkeypatch.setattr(wake, "_line", Dead())

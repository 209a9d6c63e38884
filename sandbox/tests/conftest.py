"""A sandbox in a thread of its own, and a product that remembers what it is told."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from sandbox.server import Sandbox, running
from sandbox.settings import CALLBACKS, Settings


@dataclass(frozen=True)
class Told:
    """One request to the product."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


Answer = Callable[[Told], tuple[int, str]]


@dataclass
class Product:
    """Stands for the product: notes requests and answers as the test says."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    answer: Answer = lambda told: (200, "")

    def wait_for(self, count: int, seconds: float = 5.0) -> list[Told]:
        """Return what was told once it is so much."""
        end = time.monotonic() + seconds
        while len(self.told) < count and time.monotonic() < end:
            time.sleep(0.01)
        assert len(self.told) == count
        return self.told


@pytest.fixture(scope="session")
def _product() -> Iterator[Product]:
    product = Product()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server looks for
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            told = Told(self.command, parts.path, query, headers, body)
            status, text = product.answer(told)
            product.told.append(told)
            data = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815  # likewise

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    product.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield product
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def _running(_product: Product) -> Iterator[Sandbox]:
    callbacks = {**CALLBACKS, "africas_talking.ussd_events": "/ussd-events/"}
    settings = replace(
        Settings(),
        port=0,
        smpp_port=0,
        smtp_port=0,
        callback_base=_product.url,
        callbacks=callbacks,
        receipt_delay=0.01,
        callback_retry_delay=0.01,
        orange_per_second=0,
    )
    started: list[Sandbox] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with running(settings) as sandbox:
            started.append(sandbox)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield started[0]
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="session")
def _client(_running: Sandbox) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=_running.world.public_url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def sandbox(_running: Sandbox, control: "Control") -> Sandbox:
    """Return the running sandbox, as it is after a start."""
    return _running


@pytest.fixture
def product(_product: Product, control: "Control") -> Product:
    """Return the product with an empty memory, answering 200 to everything."""
    return _product


@pytest.fixture
def http(_client: httpx2.Client, control: "Control") -> httpx2.Client:
    """Return a client of the sandbox's address."""
    return _client


@dataclass(frozen=True)
class Control:
    """The control interface as a test uses it."""

    client: httpx2.Client

    def call(self, method: str, path: str, **body: Any) -> Any:
        response = self.client.request(method, f"/control/{path}", json=body or None)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def rule(self, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.call("POST", "rules", **fields)
        return found

    def quiet(self) -> None:
        """Wait until the sandbox has sent everything."""
        assert self.call("POST", "quiet", seconds=5) == {"pending": 0}

    def messages(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/control/messages", params=query).json()[
            "messages"
        ]
        return found

    def counts(self, **query: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/control/counts", params=query).json()
        return found


@pytest.fixture
def control(_client: httpx2.Client, _product: Product) -> Control:
    """Return the control interface of a sandbox that has forgotten everything."""
    control = Control(_client)
    control.call("POST", "reset")
    _product.told.clear()
    _product.answer = lambda told: (200, "")
    return control

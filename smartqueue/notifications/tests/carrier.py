"""A carrier of text messages over HTTP for the engine's tests: a server that can fail, and its adapter."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import base
from smartqueue.notifications.providers.base import (
    NOT_TAKEN,
    BadCallback,
    Balance,
    Callback,
    Delivery,
    Handed,
    InboundText,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
    Receipt,
    Terms,
    Webhook,
)

SECRET = "carrier-secret"  # opens nothing but a test


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[str] = []
        self.always = "accept"
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.lock = threading.Lock()

    def next_answer(self) -> str:
        with self.lock:
            self.asked += 1
            return self.answers.pop(0) if self.answers else self.always


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.next_answer()
        if answer in {"accept", "vanish"}:
            with self.server.lock:
                self.server.taken.append(body)
        if answer == "vanish":
            self.close_connection = True
            return
        status = {"accept": 200, "busy": 429, "recipient": 400, "adapter": 200}.get(answer, 503)
        self._say(status, {"id": f"carrier-{body['reference']}", "answer": answer})

    def do_GET(self) -> None:
        own = self.path.rpartition("/")[2]
        is_there = any(message["reference"] == own for message in self.server.taken)
        self._say(200, {"taken": is_there})

    def _say(self, status: int, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Carrier:
    """The adapter. `tells` says whether it can be asked what became of a message."""

    channel = Channel.SMS
    per_second: float | None = None

    def __init__(self, name: str, url: str, terms: Terms) -> None:
        self.name, self.url, self.terms = name, url, terms
        self.tells = False
        self.left: Balance | None = None

    def send(self, message: Outgoing) -> Handed:
        told = {
            "reference": str(message.reference),
            "to": message.recipient,
            "text": message.body,
            "sender": message.sender,
        }
        try:
            answer = http.call(
                "POST", self.url, reach=http.PARTNERS, body=json.dumps(told).encode(), seconds=5
            )
        except http.CallFailed as failure:
            if failure.code == "unreachable" and "listens" in str(failure):
                raise ProviderError("unreachable", retryable=True) from failure
            raise OutcomeUnknown("no_answer") from failure
        found = json.loads(answer.body)
        if answer.status == 429:
            raise ProviderError("busy", retryable=True, retry_after=2)
        if answer.status == 400:
            raise ProviderError("no_such_number", retryable=False, is_recipient=True)
        if answer.status != 200:
            raise ProviderError("down", retryable=True)
        if found["answer"] == "adapter":
            raise KeyError("not foreseen")
        return Handed(found["id"])

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        if not self.tells:
            return None
        answer = http.call("GET", f"{self.url}/{own_reference}", reach=http.PARTNERS)
        if json.loads(answer.body)["taken"]:
            return Receipt(Delivery.DELIVERED, own_reference=own_reference)
        return Receipt(Delivery.FAILED, own_reference=own_reference, code=NOT_TAKEN)

    def balance(self) -> Balance | None:
        return self.left


def _receipts(callback: Callback) -> list[Receipt]:
    told = _json(callback)
    return [Receipt(**{**one, "delivery": Delivery(one["delivery"])}) for one in told]


def _inbound(callback: Callback) -> list[InboundText]:
    return [InboundText(**one) for one in _json(callback)]


def _json(callback: Callback) -> Any:
    try:
        return json.loads(callback.body)
    except ValueError as error:
        raise BadCallback("not_json") from error


WEBHOOK = Webhook(receipts=_receipts, inbound=_inbound)


class Line:
    """A carrier that is up: its server's commands and its adapter."""

    def __init__(self, name: str, terms: Terms) -> None:
        self.server = _Server()
        self.carrier = Carrier(name, f"http://127.0.0.1:{self.server.server_port}/send", terms)
        base.register_provider(name, lambda: self.carrier, WEBHOOK, callback_secret=lambda: SECRET)

    @property
    def texts(self) -> Counter[str]:
        """How often each text was taken."""
        return Counter(message["text"] for message in self.server.taken)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def lines(*specifications: tuple[str, Terms]) -> Iterator[list[Line]]:
    """Put up carriers, and no other provider of text messages, until the context ends."""
    kept = [base._factories, base._webhooks, base._secrets, base._made]
    before = [dict(one) for one in kept]
    for name in list(base._factories):
        if name != "smtp":
            del base._factories[name]
    base.forget_providers()
    found = [Line(name, terms) for name, terms in specifications]
    threads = [threading.Thread(target=line.server.serve_forever, args=(0.02,)) for line in found]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        for line in found:
            line.close()
        for thread in threads:
            thread.join()
        for one, content in zip(kept, before, strict=True):
            one.clear()
            one.update(content)


def wait_for(condition: Any, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)

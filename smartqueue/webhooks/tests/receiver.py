"""A receiver of webhooks on this machine, and the reach that lets a call go there."""

import dataclasses
import ipaddress
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from smartqueue.common import http
from smartqueue.queues.tests.factories import NOW, Place
from smartqueue.webhooks import operations, tasks
from smartqueue.webhooks.models import Attempt, Endpoint, Message

LOOPBACK = ipaddress.ip_address("127.0.0.1")
NEAR = dataclasses.replace(http.STRANGERS, ports=frozenset(), allows=lambda ip: ip == LOOPBACK)
PAST = datetime(2020, 1, 1, tzinfo=UTC)


class Receiver:
    """Answers `status` and `text`; `got` are the headers and bodies that came."""

    def __init__(self) -> None:
        self.status, self.text = 204, ""
        self.got: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                answer = outer.text.encode()
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


def make_endpoint(place: Place, url: str = "", **values: Any) -> tuple[Endpoint, str]:
    """Return an endpoint and its secret; `url` past what a form would take."""
    address = f"https://hooks{Endpoint.objects.with_scopes_disabled().count()}.example.org/in"
    endpoint, secret = operations.create_endpoint(
        actor=place.owner,
        organization_id=place.organization.pk,
        url=address,
        now=NOW,
        **values,
    )
    if url:
        change(endpoint, url=url)
    return endpoint, secret


def change(row: Any, **values: Any) -> None:
    type(row).objects.with_scopes_disabled().filter(pk=row.pk).update(**values)


def fresh(row: Any) -> Any:
    return type(row).objects.with_scopes_disabled().get(pk=row.pk)


def messages(endpoint: Endpoint) -> list[Message]:
    rows = Message.objects.with_scopes_disabled().filter(endpoint=endpoint)
    return list(rows.order_by("created_at", "id"))


def tries(message: Message) -> list[Attempt]:
    rows = Attempt.objects.with_scopes_disabled().filter(message=message)
    return list(rows.order_by("started_at", "id"))


def deliver(endpoint_id: UUID, reach: http.Reach = NEAR) -> bool:
    return tasks.deliver_next(endpoint_id, reach=reach)


def ping_of(place: Place, endpoint: Endpoint) -> Message:
    return operations.send_test(actor=place.owner, endpoint_id=endpoint.pk, now=NOW)

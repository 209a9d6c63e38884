"""One sandbox for all adapters of a run, and the calls that it makes to us."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from sandbox.server import Sandbox, running
from sandbox.settings import CALLBACKS, Settings
from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import register_all
from smartqueue.notifications.providers.base import Callback, forget_providers, providers_of
from smartqueue.notifications.providers.smpp.client import Smpp


@dataclass
class Calls:
    """Notes what the sandbox calls us with, as the engine would hand it to a webhook."""

    url: str = ""
    seen: list[Callback] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, seconds: float = 5.0) -> list[Callback]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.seen) >= count, seconds), len(self.seen)
            return list(self.seen)


@pytest.fixture(scope="session")
def _calls() -> Iterator[Calls]:
    calls = Calls()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server looks for
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            with calls.came:
                calls.seen.append(
                    Callback(
                        method=self.command,
                        url=calls.url + self.path,
                        headers={name.lower(): value for name, value in self.headers.items()},
                        query=dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)),
                        body=body,
                    )
                )
                calls.came.notify_all()
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  # likewise

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    calls.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield calls
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def _running(_calls: Calls) -> Iterator[Sandbox]:
    settings = replace(
        Settings(),
        port=0,
        smpp_port=0,
        smtp_port=0,
        callback_base=_calls.url,
        callbacks=CALLBACKS,
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


@dataclass(frozen=True)
class Control:
    """The sandbox by its control interface."""

    sandbox: Sandbox
    calls: Calls

    @property
    def url(self) -> str:
        return self.sandbox.world.public_url

    def call(self, method: str, path: str, **body: Any) -> Any:
        answer = http.call(
            method,
            f"{self.url}/control/{path}",
            reach=http.PARTNERS,
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode() if body else b"",
            seconds=10,
        )
        assert answer.status < 300, answer.body
        return json.loads(answer.body) if answer.body else None

    def rule(self, **fields: Any) -> None:
        self.call("POST", "rules", **fields)

    def taken(self, provider: str) -> list[dict[str, Any]]:
        """Return the messages that the provider has taken, newest first."""
        found: list[dict[str, Any]] = self.call("GET", f"messages?provider={provider}")["messages"]
        return found


@pytest.fixture
def control(_running: Sandbox, _calls: Calls) -> Control:
    """Return the control of a sandbox that has forgotten everything."""
    control = Control(_running, _calls)
    control.call("POST", "reset")
    _calls.seen.clear()
    return control


@pytest.fixture
def accounts(control: Control, settings: Any) -> Iterator[None]:
    """Point every adapter at the sandbox, and leave none of them behind."""
    pretend = control.sandbox.world.settings
    common = {"price": 0, "prefixes": [], "countries": ["SN"], "callback_secret": "s" * 32}
    settings.SMS_ACCOUNTS = {
        "orange_sms": common
        | {
            "url": f"{control.url}/orange",
            "client_id": pretend.orange_client,
            "client_secret": pretend.orange_secret,
            "sender": "+2210000",
            "sender_name": "",
        },
        "lafricamobile": common
        | {
            "url": f"{control.url}/lafricamobile/api",
            "account": pretend.lam_account,
            "password": pretend.lam_password,
            "sender": "SmartQueue",
        },
        "twilio": common
        | {
            "url": f"{control.url}/twilio",
            "account": pretend.twilio_account,
            "token": pretend.twilio_token,
            "sender": pretend.twilio_number,
        },
        "africas_talking": common
        | {
            "url": f"{control.url}/africas-talking",
            "username": pretend.africas_talking_username,
            "key": pretend.africas_talking_key,
            "sender": "",
        },
    }
    centre = common | {
        "host": "127.0.0.1",
        "port": control.sandbox.smpp_port,
        "is_secured": False,
        "system_type": "",
        "sender": "SmartQueue",
        "per_second": None,
    }
    settings.SMPP_ACCOUNTS = {
        name: centre | {"system_id": name, "password": name} for name in ("yas", "expresso")
    }
    forget_providers()
    register_all()
    yield
    for provider in providers_of(Channel.SMS):
        if isinstance(provider, Smpp):
            provider.close()
    forget_providers()

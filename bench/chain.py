"""What carries a message from its row to its provider: relay, worker and adapter, as deployed."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from typing import Any

from bench import servers
from bench.bare.provider import MARK
from bench.scratch import ROOT, Unusable, free_port
from bench.session import Session

PATIENCE_SECONDS = 60.0
PENDING = "SELECT count(*) FROM outbox_delivery WHERE state = 'pending'"
UNSENT = "SELECT count(*) FROM notifications_outgoingmessage WHERE state IN ('queued', 'sending')"


class Process:
    """The relay or a worker; it can be held while something is made ready for it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, by itself or because it was to."""
        return self._process.poll() is not None

    def hold(self) -> None:
        """Let it do nothing."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it work."""
        if not self.has_ended:
            os.killpg(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Let it finish what it has begun."""
        self.go_on()
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)

    def cpu_seconds(self) -> float:
        """Return the user and system time of all its processes so far."""
        return servers.cpu_seconds(self._process.pid)


class Provider:
    """The pretend aggregator, `bare/provider.py`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def total(self) -> int:
        """Return how many texts have come."""
        return int(json.loads(self._ask("/arrivals/1000000000"))["total"])

    def arrivals(self, after: int) -> list[tuple[str, float]]:
        """Return reference and moment of each text but the first so many."""
        return [(name, at) for name, at in json.loads(self._ask(f"/arrivals/{after}"))["newer"]]

    def delay(self, milliseconds: int) -> None:
        """Have texts answered so much later from now on."""
        self._ask(f"/delay/{milliseconds}")

    def _ask(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._connection.getresponse().read()

    def bare_client(self) -> "BareClient":
        """Return one that sends what the product's adapter has sent last, in the same way."""
        return BareClient(self.port, self._ask("/last"))


class BareClient:
    """Sends one text again and again, each under another reference."""

    def __init__(self, port: int, request: bytes) -> None:
        head, _, self._body = request.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        self._path = line.split()[1]
        named = dict(field.split(": ", 1) for field in fields)
        self._headers = {
            name: text
            for name, text in named.items()
            if name.lower() not in {"host", "content-length"}
        }
        self.is_kept = named.get("Connection", "").lower() != "close"
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        start = self._body.find(MARK) + len(MARK)
        self._around = self._body[:start], self._body[self._body.find(b'"', start) :]

    def send(self) -> None:
        """Send it and read the answer; on a new connection where the product takes a new one."""
        body = str(uuid.uuid4()).encode().join(self._around)
        self._connection.request("POST", self._path, body, self._headers)
        self._connection.getresponse().read()
        if not self.is_kept:
            self._connection.close()


class Chain:
    """Provider, relay and one worker until `close` of the stack."""

    def __init__(self, session: Session, stack: contextlib.ExitStack) -> None:
        self._session, self._stack = session, stack
        # The processes need its organization only later, but the product has to be up first.
        self._organization = session.place.organization
        self._queued = 0
        port = free_port()
        command = [sys.executable, "-m", "bench.bare.provider", str(port)]
        stack.enter_context(servers.started(command, session.scratch, "provider", port))
        self.provider = Provider(port)
        self._environment = {
            "LAFRICAMOBILE_URL": f"http://127.0.0.1:{port}/api",
            "LAFRICAMOBILE_ACCOUNT": "bench",
            "LAFRICAMOBILE_PASSWORD": "bench",
            "LAFRICAMOBILE_CALLBACK_SECRET": "bench-secret-of-nobody-that-opens-nothing",
        }
        self.relay = self._run("relay", "manage.py", "run_relay")
        self.worker = self.new_worker("worker")

    def new_worker(self, name: str, **extra: str) -> Process:
        """Start a worker of one process at a time."""
        words = f"-m celery -A config worker --concurrency 1 --loglevel WARNING -n {name}@bench"
        return self._run(name, *words.split(), **extra)

    def _run(self, name: str, *arguments: str, **extra: str) -> Process:
        command = [sys.executable, *arguments]
        given = self._environment | extra
        started = servers.running(command, self._session.scratch, name, **given)
        process = Process(self._stack.enter_context(started))
        # Who is held does not hear that it is to end.
        self._stack.callback(process.go_on)
        return process

    def queue(self, count: int) -> None:
        """
        Queue so many texts, as the product does.

        :raises Unusable: it failed; the message is the end of what it said
        """
        words = [self._organization, str(count), str(self._queued)]
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "bench.queued", *words],
            cwd=ROOT,
            env=self._session.scratch.environment() | self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unusable(f"queueing failed:\n{done.stderr[-1500:]}")
        self._queued += count

    def wait(self, query: str) -> None:
        """
        Wait until a count of rows is 0.

        :raises Unusable: it is not within a minute, or the relay has ended
        """
        ends = time.monotonic() + PATIENCE_SECONDS
        while count := self._count(query):
            if time.monotonic() > ends or self.relay.has_ended:
                raise Unusable(f"{count} wait for ever ({query}); {servers.log_file('relay')}")
            time.sleep(0.02)

    def _count(self, query: str) -> Any:
        row = self._session.database.execute(query).fetchone()
        return row[0] if row else 0

    def send(self, count: int) -> None:
        """Queue texts and wait until they are sent and that is written down."""
        self.queue(count)
        self.wait(PENDING)
        self.wait(UNSENT)

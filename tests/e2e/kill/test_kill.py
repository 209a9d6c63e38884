"""
Whatever is killed, what was acknowledged stays, once.

Web, relay, worker, Valkey (which comes back empty) and a process of PostgreSQL (which then ends every
connection and recovers) are killed in turn while people join, are called and served, and a screen
follows. Every request is repeated with its key until it is answered, as clients do.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from smartqueue.queues.live import apply_to_status
from tests.e2e.kill.plant import PATIENCE_SECONDS, Plant

pytestmark = [pytest.mark.serial, pytest.mark.kill]

CALM_SECONDS = 2.5
JOINERS = 3


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path) as running:
        yield running


class Load:
    """People and agents who repeat what was not answered; `acknowledged` is what they were told."""

    def __init__(self, plant: Plant, place: dict[str, Any]) -> None:
        self.plant, self.place = plant, place
        self.stopping = threading.Event()
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.served: list[str] = []
        self.repeated = 0
        self.surprises: list[tuple[int, Any]] = []
        workers: list[Callable[[], None]] = [self.join_again_and_again] * JOINERS
        workers += [lambda agent=agent: self.serve(agent) for agent in place["agents"]]
        self.threads = [threading.Thread(target=worker) for worker in workers]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def post(self, path: str, body: Any, access: str = "") -> tuple[str, int, Any]:
        """Repeat a request with its key until there is an answer about it."""
        key = str(uuid4())
        headers = {"Idempotency-Key": key}
        if access:
            headers["Authorization"] = f"Bearer {access}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self.plant.request("POST", path, body, headers)
            except (OSError, HTTPException):
                status, answer = 0, None
            is_running = status == 409 and answer["code"] == "request_in_progress"
            if 0 < status < 500 and not is_running:
                return key, status, answer
            if status >= 500 and status != 503:
                self.surprises.append((status, answer))
            self.repeated += 1
            time.sleep(0.1)
        raise AssertionError(f"no answer to {path}")

    def join_again_and_again(self) -> None:
        while not self.stopping.is_set():
            key, status, ticket = self.post("/api/queues/tickets/", {"queue": self.place["queue"]})
            if status == 201:
                self.acknowledged[key] = ticket
            else:
                self.surprises.append((status, ticket))
            time.sleep(0.05)

    def serve(self, agent: dict[str, str]) -> None:
        access, session = agent["access"], agent["session"]
        while not self.stopping.is_set():
            _, status, ticket = self.post(f"/api/agents/sessions/{session}/call-next/", {}, access)
            if status == 200:
                for verb in ("start", "complete"):
                    path = f"/api/queues/tickets/{ticket['id']}/{verb}/"
                    _, status, answer = self.post(path, {}, access)
                    if status != 200:
                        self.surprises.append((status, answer))
                self.served.append(ticket["id"])
            elif status != 204:
                self.surprises.append((status, ticket))
            time.sleep(0.1)


class Screen:
    """A socket that comes back with the last version it saw."""

    def __init__(self, plant: Plant, queue: str) -> None:
        self.address = f"ws://127.0.0.1:{plant.port}/ws/queue/{queue}/"
        self.status: dict[str, Any] = {}
        self.versions: list[int] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.follow)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping.set()
        self.thread.join()

    def follow(self) -> None:
        while not self.stopping.is_set():
            since = f"?since={self.status['version']}" if self.status else ""
            try:
                with connect(self.address + since, open_timeout=5, proxy=None) as socket:
                    self.connections += 1
                    self.listen(socket)
            except (OSError, WebSocketException):
                time.sleep(0.2)

    def listen(self, socket: Any) -> None:
        while not self.stopping.is_set():
            try:
                message = json.loads(socket.recv(timeout=0.5))
            except TimeoutError:
                continue
            if message["type"] == "snapshot":
                self.status = message["data"]
                self.versions.append(message["version"])
            elif message["type"] == "event":
                self.versions.append(message["version"])
                self.status = apply_to_status(self.status, message)

    def wait_for(self, version: int) -> None:
        deadline = time.monotonic() + 15
        while self.status.get("version") != version and time.monotonic() < deadline:
            time.sleep(0.1)


def wait_until_delivered(plant: Plant) -> dict[str, int]:
    """Return the deliveries by state once none is pending."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = plant.query("SELECT state, count(*) FROM outbox_delivery GROUP BY state")
        if "pending" not in dict(rows) or time.monotonic() > deadline:
            return dict(rows)
        time.sleep(0.2)


def versioned(status: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in status.items() if k not in {"estimate", "updated_at"}}


def test_what_was_acknowledged_survives_every_kill(plant: Plant) -> None:
    place = json.loads(plant.run("tests/e2e/kill/town_hall.py").splitlines()[-1])
    joined_before_each: list[int] = []

    with Screen(plant, place["queue"]) as screen:
        with Load(plant, place) as load:
            time.sleep(CALM_SECONDS)
            for name in ("web", "relay", "worker", "valkey"):
                joined_before_each.append(len(load.acknowledged))
                plant.kill_and_restart(name)
                plant.wait_until_ready()
                time.sleep(CALM_SECONDS)
            joined_before_each.append(len(load.acknowledged))
            plant.kill_database_backend()
            plant.wait_until_ready()
            time.sleep(CALM_SECONDS)
            joined_before_each.append(len(load.acknowledged))
        truth = json.loads(plant.run("tests/e2e/kill/truth.py", place["queue"]).splitlines()[-1])
        screen.wait_for(truth["status"]["version"])
    delivered = wait_until_delivered(plant)

    # The load went on after every kill, and the kills were felt.
    assert joined_before_each == sorted(set(joined_before_each))
    assert load.repeated > 0
    assert load.surprises == []
    # Every key made one ticket, with the number that was told.
    stored = dict(plant.query("SELECT id::text, number FROM queues_ticket"))
    assert stored == {t["id"]: t["number"] for t in load.acknowledged.values()}
    done = plant.query("SELECT id::text FROM queues_ticket WHERE state = 'completed'")
    assert {pk for (pk,) in done} == set(load.served)
    assert len(load.served) == len(set(load.served))
    assert truth["violations"] == []
    # The screen saw every version once and in order, and shows what a fresh read shows.
    first, last = screen.versions[0], screen.versions[-1]
    assert screen.versions == list(range(first, last + 1))
    assert last == truth["status"]["version"]
    assert versioned(screen.status) == versioned(truth["status"])
    assert screen.connections > 1
    assert set(delivered) == {"done"}

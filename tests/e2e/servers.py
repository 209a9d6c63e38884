"""A whole running site of a test's own: database, Valkey, web process and relay, gone afterwards."""

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.scratch import ROOT, Scratch, free_port, run_manage, scratch, stop
from smartqueue.common import clock
from smartqueue.queues.management.commands._api import Account, Api
from smartqueue.queues.management.commands._demonstration import DOMAIN, PASSWORD

START_SECONDS = 60
# No page that people see asks for these; to compress them takes half a minute.
UNUSED_STATIC = (
    *("admin", "drf_spectacular_sidecar", "gis", "modeltranslation", "rest_framework"),
    *("account", "mfa", "ext", "htmax*", "htmx-4*", "leaflet-src*"),
)


@dataclass
class Site:
    """Processes that serve one scratch database; a killed one may be started again."""

    place: Scratch
    port: int
    clock_file: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the environment that every process of the site has."""
        return self.place.environment() | {
            "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
            "PUBLIC_URL": self.url,
            "STATIC_ROOT": str(self.place.directory / "static"),
            "SPEECH_DIR": str(self.place.directory / "speech"),
            clock.CLOCK_FILE_VARIABLE: str(self.clock_file),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, name: str, *command: str) -> None:
        """Start a process under a name; its output goes to a file of that name."""
        with (self.place.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_web(self) -> None:
        """Start the web process as the Procfile does, and return when it answers."""
        self.start(
            "web",
            *("-m", "uvicorn", "config.asgi:application"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--ws-max-size", "65536"),
            *("--ws-per-message-deflate", "false", "--timeout-graceful-shutdown", "3"),
            "--no-access-log",
        )
        deadline = time.monotonic() + START_SECONDS
        while self._ready() != http.client.OK:
            assert self.processes["web"].poll() is None, self.log("web")
            assert time.monotonic() < deadline, self.log("web")
            time.sleep(0.1)

    def start_relay(self) -> None:
        """Start the relay."""
        self.start("relay", "manage.py", "run_relay")

    def kill(self, name: str) -> None:
        """End a process without a warning, as kill -9 does."""
        self.processes[name].kill()
        self.processes[name].wait()

    def log(self, name: str) -> str:
        """Return the end of what a process said."""
        path = self.place.directory / f"{name}.log"
        return path.read_text(errors="replace")[-3000:]

    def account(self, login: str) -> Account:
        """Return somebody of the demonstration, as a client of the API."""
        return Account(Api(self.url), f"{login}@{DOMAIN}", PASSWORD)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Return what a query finds in the database."""
        with self.place.connect() as connection:
            return connection.execute(query, values).fetchall()

    def _ready(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def _prepare(site: Site) -> None:
    ignored = [word for name in UNUSED_STATIC for word in ("--ignore", name)]
    site.start("static", "manage.py", "collectstatic", "--no-input", *ignored)
    run_manage(site.place, "load_communes")
    run_manage(site.place, "load_demo")
    assert site.processes["static"].wait(START_SECONDS) == 0, site.log("static")


def next_monday_at_nine() -> datetime:
    """Return a coming moment at which every place of the demonstration is open."""
    today = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    return today + timedelta(days=7 - today.weekday())


@contextlib.contextmanager
def running_site() -> Iterator[Site]:
    """Run the demonstration on a Monday morning; stop and drop everything on leaving."""
    with scratch() as place:
        site = Site(place, free_port(), place.directory / "clock.json")
        now = time.time()
        start = next_monday_at_nine().timestamp()
        clock.write_scale(site.clock_file, clock.ClockScale(anchor=now, start=start, speed=1))
        try:
            _prepare(site)
            site.start_web()
            site.start_relay()
            yield site
        finally:
            for process in site.processes.values():
                stop(process)

"""The demonstration on a Monday morning, served as in production: hashed and compressed files."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from smartqueue.common import clock
from smartqueue.queues.management.commands._api import Account, Api
from smartqueue.queues.management.commands._demonstration import DOMAIN, PASSWORD
from tests.e2e.kill.plant import Plant

# No page that people see asks for these; to compress them takes half a minute.
UNUSED_STATIC = (
    *("admin", "drf_spectacular_sidecar", "gis", "modeltranslation", "rest_framework"),
    *("account", "mfa", "ext", "htmax*", "htmx-4*", "leaflet-src*"),
)


class Site(Plant):
    """Web process and relay over the demonstration's data."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.url = f"http://localhost:{self.port}"
        del self.commands["worker"]
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
            "SECRET_KEY": settings.SECRET_KEY,
            "TOKEN_KEY": settings.TOKEN_KEY,
            "PUBLIC_URL": self.url,
            "STATIC_ROOT": str(directory / "static"),
            "SPEECH_DIR": str(directory / "speech"),
            "SPEECH_RECORDINGS": str(directory / "recordings"),
            clock.CLOCK_FILE_VARIABLE: str(directory / "clock.json"),
        }

    def __enter__(self) -> Self:
        start = next_monday_at_nine().timestamp()
        scale = clock.ClockScale(anchor=time.time(), start=start, speed=1)
        clock.write_scale(self.directory / "clock.json", scale)
        ignored = [word for name in UNUSED_STATIC for word in ("--ignore", name)]
        self.run("manage.py", "collectstatic", "--no-input", *ignored)
        super().__enter__()
        try:
            self.run("manage.py", "load_communes")
            self.run("manage.py", "load_demo")
        except BaseException:
            self.__exit__()
            raise
        return self

    def account(self, login: str) -> Account:
        """Return somebody of the demonstration, as a client of the API."""
        return Account(Api(self.url), f"{login}@{DOMAIN}", PASSWORD)

    def value(self, statement: str, *parameters: Any) -> Any:
        """Return the only value that a statement finds."""
        ((found,),) = self.query(statement, parameters)
        return found


def next_monday_at_nine() -> datetime:
    """Return a coming moment at which every place of the demonstration is open."""
    today = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    return today + timedelta(days=7 - today.weekday())

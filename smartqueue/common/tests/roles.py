"""The role that serves requests, which tests run beside: they own the tables, it does not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environ
import psycopg
from django.conf import settings
from django.db import connection

VARIABLE = "DATABASE_URL="


def _web_url() -> str:
    """Return the serving role's address; the test run itself was given the owner's."""
    kept = Path(os.environ.get("SMARTQUEUE_DATA_DIR", settings.BASE_DIR / ".data")) / "env"
    lines = kept.read_text().splitlines() if kept.exists() else []
    found = [line.removeprefix(VARIABLE) for line in lines if line.startswith(VARIABLE)]
    return found[0] if found else os.environ["DATABASE_URL"]


@contextmanager
def web_role(*, autocommit: bool = True) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the test database as the serving role would, with no operation around."""
    parts = environ.Env.db_url_config(_web_url())
    with psycopg.connect(
        host=parts["HOST"],
        port=parts["PORT"],
        user=parts["USER"],
        password=parts["PASSWORD"],
        dbname=connection.settings_dict["NAME"],
        autocommit=autocommit,
    ) as other:
        yield other

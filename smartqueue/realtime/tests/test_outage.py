"""PostgreSQL goes away and comes back; nobody loses an event."""

import time
from typing import Any

import psycopg
import pytest
from django.db import connection

from smartqueue.realtime import source
from smartqueue.realtime.tests.conftest import Open
from smartqueue.realtime.tests.samples import new_sample, tell

pytestmark = [pytest.mark.usefixtures("transactional_db"), pytest.mark.serial]


def end_hub_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'smartqueue-sockets' AND datname = current_database()"
        )
        count: int = cursor.fetchone()[0]
    return count


def test_a_lost_connection_to_postgresql_is_made_again(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    tell(sample)
    client.get()
    for version in (2, 3, 4):
        assert end_hub_connections() == 1
        tell(sample)
        assert client.get()["version"] == version


def test_events_wait_while_postgresql_is_away(
    open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample, other = new_sample(), new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    tell(sample)
    client.get()

    async def refuse(*args: Any, **options: Any) -> Any:
        raise psycopg.OperationalError("refused")

    with monkeypatch.context() as away:
        away.setattr(source.AsyncConnection, "connect", refuse)
        assert end_hub_connections() == 1
        for _ in range(3):
            tell(sample)
        client.subscribe(f"sample:{other}")
        answer = client.get()
        assert answer == {"type": "error", "code": "unavailable", "topic": f"sample:{other}"}
        time.sleep(1)
    assert client.get_versions(3) == [2, 3, 4]
    client.subscribe(f"sample:{other}")
    assert client.get()["type"] == "snapshot"

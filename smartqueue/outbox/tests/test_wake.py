import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from redis import Redis

from smartqueue.outbox import wake

CHANNEL = "smartqueue:test-wake"


@pytest.fixture
def heard() -> Iterator[Any]:
    client = Redis.from_url(settings.REDIS_URL)
    with client.pubsub(ignore_subscribe_messages=True) as ear:
        ear.subscribe(CHANNEL)
        ear.get_message(timeout=1)

        def hear(wait: float = 0.3) -> list[str]:
            messages, end = [], time.monotonic() + wait
            while time.monotonic() < end:
                message = ear.get_message(timeout=0.05)
                if message:
                    messages.append(message["data"].decode())
            return messages

        yield hear
    client.close()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Any:
    fresh = wake._Line()
    monkeypatch.setattr(wake, "_line", fresh)
    return fresh


@pytest.mark.django_db(transaction=True)
def test_hints_leave_after_the_commit_each_once(heard: Any, line: Any) -> None:
    with transaction.atomic():
        wake.after_commit(CHANNEL, "a")
        with transaction.atomic():
            wake.after_commit(CHANNEL, "b")
        wake.after_commit(CHANNEL, "a")
        assert heard() == []
    assert heard() == ["a", "b"]


def hint_and_roll_back(message: str) -> None:
    with transaction.atomic():
        wake.after_commit(CHANNEL, message)
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_hints_of_a_rollback_are_forgotten_and_later_ones_are_not(heard: Any, line: Any) -> None:
    hint_and_roll_back("lost")
    with transaction.atomic():
        hint_and_roll_back("inner")
        wake.after_commit(CHANNEL, "outer")
    wake.after_commit(CHANNEL, "alone")
    assert heard() == ["outer", "alone"]


def test_a_dead_redis_is_left_alone_for_a_second(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    class Counted(type(line)):  # type: ignore[misc]
        def _connect(self) -> Any:
            tries.append(time.monotonic())
            raise OSError("refused")

    dead = Counted()
    for _ in range(100):
        dead.send((("PUBLISH", CHANNEL, "x"),))
    assert len(tries) == 1
    time.sleep(wake.QUIET_SECONDS + 0.05)
    dead.send((("PUBLISH", CHANNEL, "x"),))
    assert len(tries) == 2


def test_a_redis_that_was_started_again_is_told(heard: Any, line: Any) -> None:
    wake.send(("PUBLISH", CHANNEL, "before"))
    line._connection._sock.shutdown(2)
    wake.send(("PUBLISH", CHANNEL, "after"))
    assert heard() == ["before", "after"]


def test_a_frozen_redis_costs_a_commit_a_tenth_of_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        client = Redis.from_url(url, socket_timeout=0.1, socket_connect_timeout=0.1)
        monkeypatch.setattr(wake, "client", lambda: client)
        frozen = wake._Line()
        started = time.monotonic()
        for _ in range(50):
            frozen.send((("PUBLISH", CHANNEL, "x"),))
        # Fifty time-outs would take five seconds.
        assert 0.05 < time.monotonic() - started < 1.5
        client.close()

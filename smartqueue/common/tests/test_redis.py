"""The connection to Redis that a thread keeps."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from redis.exceptions import RedisError, ResponseError

from smartqueue.common import redis


@pytest.fixture(autouse=True)
def _own_client() -> Iterator[None]:
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()


def test_a_thread_keeps_its_connection_and_another_has_its_own():
    ids = [redis.ask("CLIENT", "ID") for _ in range(2)]
    thread = threading.Thread(target=lambda: ids.append(redis.ask("CLIENT", "ID")))
    thread.start()
    thread.join()

    assert ids[0] == ids[1] != ids[2]


def test_a_connection_that_was_closed_is_made_anew():
    first = redis.ask("CLIENT", "ID")
    redis.client().execute_command("CLIENT", "KILL", "ID", first)

    assert redis.ask("CLIENT", "ID") != first


def test_a_refused_command_leaves_the_connection_usable():
    name = f"test:{uuid4()}"
    redis.ask("SET", name, "x", "EX", 60)
    with pytest.raises(ResponseError):
        redis.ask("INCR", name)

    assert redis.ask("GET", name) == b"x"


def test_the_answer_that_came_too_late_is_not_taken_for_the_next(settings: Any):
    settings.REDIS_TIMEOUT_SECONDS = 0.1
    name = f"test:{uuid4()}"
    with pytest.raises(RedisError):
        redis.ask("BLPOP", name, 1)

    assert redis.ask("ECHO", "mine") == b"mine"


def test_redis_away_is_an_error(settings: Any):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.client.cache_clear()
    with pytest.raises(RedisError):
        redis.ask("PING")

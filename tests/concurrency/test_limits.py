"""A limit of ten lets ten through, however many come at the same moment."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from smartqueue.common import redis
from smartqueue.limits import operations as limits
from tests.concurrency.races import errors_of, together, values_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

AT_ONCE = 50
LIMIT = 10


@pytest.fixture
def action(settings: Any) -> str:
    name = f"race-{uuid4().hex}"
    settings.LIMITS = {**settings.LIMITS, name: {"person": f"{LIMIT}/hour", "address": "40/hour"}}
    return name


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for cached in (redis.client, limits._script):
        cached.cache_clear()
    yield
    for cached in (redis.client, limits._script):
        cached.cache_clear()


def through(action: str) -> int:
    outcomes = together([lambda: limits.check(action, person="awa")] * AT_ONCE)
    refused = errors_of(outcomes)
    assert set(refused) <= {"TooManyRequests"}, refused
    return len(values_of(outcomes))


def test_fifty_at_once_let_exactly_ten_through(action: str) -> None:
    assert through(action) == LIMIT


def test_fifty_at_once_let_exactly_ten_through_in_postgresql(action: str, redis_away: None) -> None:
    # A window that has begun anew meanwhile would let ten more through.
    if time.time() % 3600 > 3590:
        time.sleep(11)
    assert through(action) == LIMIT


def test_control_looking_and_counting_apart_lets_more_through(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_then_count(_action: str, found: list[limits.Limit], *_: Any) -> float:
        client = redis.client()
        taken = [int(client.get(limit.key) or 0) for limit in found]
        time.sleep(0.02)
        if any(count >= limit.amount for count, limit in zip(taken, found, strict=True)):
            return 1
        for limit in found:
            client.incr(limit.key)
            client.expire(limit.key, 60)
        return 0

    monkeypatch.setattr(limits, "_count_in_redis", look_then_count)

    assert through(action) > LIMIT

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from smartqueue.common import redis
from smartqueue.limits import operations as limits


@pytest.fixture(autouse=True)
def _closed_breaker() -> Iterator[None]:
    yield
    limits._breaker.closed_until = 0.0


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    """Redis at an address where nothing listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for cached in (redis.client, limits._script):
        cached.cache_clear()
    yield
    for cached in (redis.client, limits._script):
        cached.cache_clear()


@pytest.fixture
def action(settings: Any) -> str:
    """A closed action of this test's own: 3 a minute by person, 10 a minute by address."""
    name = f"test-{uuid4().hex}"
    settings.LIMITS = {**settings.LIMITS, name: {"person": "3/minute", "address": "10/minute"}}
    return name

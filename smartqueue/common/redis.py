"""The Redis client: short time-outs, because Redis may be away and nothing may wait for it."""

import functools
from typing import TYPE_CHECKING

import redis
from django.conf import settings

if TYPE_CHECKING:
    from redis import Redis

POKE_TIMEOUT_SECONDS = 0.1


@functools.cache
def client() -> "Redis":
    """Return this process's client for pokes, limits and cached bytes."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=POKE_TIMEOUT_SECONDS,
        socket_connect_timeout=POKE_TIMEOUT_SECONDS,
        max_connections=50,
    )

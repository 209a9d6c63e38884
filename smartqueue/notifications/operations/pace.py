"""
How fast messages go to a provider: so many a second for the whole account, shared by all workers.

Redis gives each message its moment. While it is away every process keeps to its own part of the
limit, by how many workers the settings say there are.
"""

import functools
import threading
import time
from typing import Any, Final

from django.conf import settings
from redis.exceptions import NoScriptError, RedisError

from smartqueue.common.redis import ask, client

# The moment of the next free place, in microseconds of Redis' clock. A place further ahead than the
# caller would wait is not taken, and the distance to it is returned as a negative number.
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local apart, patience = tonumber(ARGV[1]), tonumber(ARGV[2])
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free < now then free = now end
local wait = free - now
if wait > patience then return -wait end
redis.call('SET', KEYS[1], string.format('%.0f', free + apart), 'PX', math.ceil((wait + apart) / 1000) + 1000)
return wait
"""


class _Own:
    """The places that this process gives out by itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[str, float] = {}

    def take(self, name: str, apart: float, patience: float) -> float:
        with self._lock:
            now = time.monotonic()
            free = max(self._free.get(name, 0.0), now)
            if free - now > patience:
                return now - free
            self._free[name] = free + apart
            return free - now


_own = _Own()


@functools.cache
def _script() -> Any:
    return client().register_script(_SCRIPT)


def take_place(provider: str, per_second: float | None, patience: float) -> float:
    """
    Take the next place in a provider's second; return the seconds until it.

    A negative number says that no place is free within `patience` seconds, and none was taken.
    """
    if per_second is None:
        return 0.0
    apart = 1.0 / per_second
    key = f"pace:{provider}"
    arguments = [int(apart * 1e6), int(patience * 1e6)]
    try:
        try:
            wait = ask("EVALSHA", _script().sha, 1, key, *arguments)
        except NoScriptError:
            wait = _script()(keys=[key], args=arguments)
        return int(wait) / 1e6
    except RedisError:
        return _own.take(key, apart * settings.MESSAGE_WORKERS, patience)

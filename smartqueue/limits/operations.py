"""
How often something may be done: by account, identifier, phone, device and network address.

What is counted and how far is the settings' word (LIMITS, by named action); why, in
docs/patterns/limits.md. One script in Redis looks at all limits of an action and counts, atomically
and in one round trip. While Redis is away PostgreSQL counts, and the attempt fails when neither can,
save for the actions in LIMITS_OPEN: those go on uncounted.
"""

import functools
import ipaddress
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.text import format_lazy
from django.utils.translation import ngettext_lazy
from limits import parse_many
from redis.exceptions import RedisError

from smartqueue.common.crypto import keyed_digest
from smartqueue.common.errors import Text, TooManyRequests
from smartqueue.common.redis import client
from smartqueue.outbox import context

logger = logging.getLogger(__name__)

ADDRESS = "address"
EVERYBODY = "everybody"
ONCE_SECONDS = 48 * 3600
"""As long as the answers that belong to idempotency keys are kept."""
RETRY_SECONDS = 1.0
"""For so long an open action does not ask a Redis that did not answer."""

# Each key holds the times of the last attempts that were let through, newest first. All limits are
# looked at before any counts, so that a refusal by one takes nothing from another.
_SCRIPT = """
local cost, once = tonumber(ARGV[1]), tonumber(ARGV[2])
local limits = #KEYS
if once > 0 then
    if redis.call('EXISTS', KEYS[limits]) == 1 then return 0 end
    limits = limits - 1
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local wait = 0
for i = 1, limits do
    local amount, period = tonumber(ARGV[i * 2 + 1]), tonumber(ARGV[i * 2 + 2])
    local over = redis.call('LLEN', KEYS[i]) + cost - amount
    if cost > amount then
        wait = math.max(wait, period)
    elseif over > 0 then
        wait = math.max(wait, tonumber(redis.call('LINDEX', KEYS[i], -over)) + period - now)
    end
end
if wait > 0 then return wait end
for i = 1, limits do
    for _ = 1, cost do redis.call('LPUSH', KEYS[i], now) end
    redis.call('LTRIM', KEYS[i], 0, ARGV[i * 2 + 1] - 1)
    redis.call('PEXPIRE', KEYS[i], ARGV[i * 2 + 2])
end
if once > 0 then redis.call('SET', KEYS[#KEYS], 1, 'EX', once) end
return 0
"""

_COUNT = """
    INSERT INTO limits_window AS w (key, "window", count, ends_at)
    SELECT * FROM unnest(%s::bytea[], %s::bigint[], %s::int[], %s::timestamptz[])
    ON CONFLICT (key, "window") DO UPDATE SET count = w.count + excluded.count
    RETURNING key, count
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts in so many seconds by one subject, which `key` stands for."""

    key: bytes
    amount: int
    seconds: int


@functools.lru_cache(maxsize=512)
def _amounts(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((item.amount, item.get_expiry()) for item in parse_many(text))


@functools.lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what an address counts as: IPv6 by /64, which is what one household gets."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, 64), strict=False))


def check(action: str, *, once: str = "", cost: int = 1, **subjects: str | None) -> None:
    """
    Count one attempt at `action` (`cost` attempts at once) on each given subject and on the
    caller's address, by the limits in LIMITS.

    A limit on a subject that is not given, or empty, counts nothing; "everybody" is one subject for
    all. The same `once` again counts nothing more: a retry is not another attempt. Call it outside
    the operation's transaction, which may be rolled back.

    :raises TooManyRequests: with the seconds to wait, when any of the limits is reached
    """
    found = list(_limits(action, subjects))
    wait = _count(action, found, cost, once)
    if wait:
        seconds = math.ceil(wait)
        logger.warning("a limit was reached", extra={"action": action, "seconds": seconds})
        raise TooManyRequests(_when(seconds), retry_after=seconds)


def _when(seconds: int) -> Text:
    if seconds < 90:
        n = seconds
        text = ngettext_lazy(
            "You can try again in {n} second.", "You can try again in {n} seconds.", n
        )
    elif seconds < 90 * 60:
        n = math.ceil(seconds / 60)
        text = ngettext_lazy(
            "You can try again in {n} minute.", "You can try again in {n} minutes.", n
        )
    else:
        n = math.ceil(seconds / 3600)
        text = ngettext_lazy("You can try again in {n} hour.", "You can try again in {n} hours.", n)
    return format_lazy(text, n=n)


def forget(action: str, **subjects: str | None) -> None:
    """Forgive the attempts on these subjects: the right answer was given."""
    keys = [limit.key for limit in _limits(action, subjects, only=frozenset(subjects)) if limit.key]
    if not keys:
        return
    try:
        client().delete(*map(_name, keys))
    except RedisError:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM limits_window WHERE key = ANY(%s)", [keys])


def _limits(
    action: str, subjects: dict[str, str | None], only: frozenset[str] | None = None
) -> Iterator[Limit]:
    table: dict[str, str] = settings.LIMITS[action]
    for dimension, text in table.items():
        if only is not None and dimension not in only:
            continue
        subject = _subject(dimension, subjects)
        if not subject:
            continue
        for amount, seconds in _amounts(text):
            key = keyed_digest("limit", action, dimension, subject, str(seconds))
            yield Limit(key, amount * settings.LIMITS_FACTOR, seconds)


def _subject(dimension: str, subjects: dict[str, str | None]) -> str | None:
    given = subjects.get(dimension)
    if dimension == EVERYBODY:
        return EVERYBODY
    if dimension == ADDRESS:
        # Callers whose address is not known are one caller; nobody escapes by hiding it.
        return network_of(given or context.current.get().address or "unknown")
    return given


def _name(key: bytes) -> str:
    return f"limit:{key.hex()}"


class _Breaker:
    """Remembers for a moment that Redis did not answer; each process has its own."""

    def __init__(self) -> None:
        self.closed_until = 0.0

    def is_away(self) -> bool:
        return time.monotonic() < self.closed_until

    def trip(self) -> None:
        self.closed_until = time.monotonic() + RETRY_SECONDS


_breaker = _Breaker()


@functools.cache
def _script() -> Any:
    return client().register_script(_SCRIPT)


def _count(action: str, found: list[Limit], cost: int, once: str) -> float:
    """Count in one place or the other; return the seconds to wait, 0 when let through."""
    is_open = action in settings.LIMITS_OPEN
    if not found or (is_open and _breaker.is_away()):
        return 0
    try:
        return _count_in_redis(action, found, cost, once)
    except RedisError as error:
        extra = {"action": action, "error": str(error)}
        if is_open:
            _breaker.trip()
            logger.warning("Redis does not count; nobody does for a moment", extra=extra)
            return 0
        logger.warning("Redis does not count; PostgreSQL does", extra=extra)
        return _count_in_database(found, cost)


def _count_in_redis(action: str, found: list[Limit], cost: int, once: str) -> float:
    keys = [_name(limit.key) for limit in found]
    arguments: list[int] = [cost, ONCE_SECONDS if once else 0]
    for limit in found:
        arguments += (limit.amount, limit.seconds * 1000)
    if once:
        keys.append(_name(keyed_digest("limit once", action, once)))
    return int(_script()(keys=keys, args=arguments)) / 1000


def _count_in_database(found: list[Limit], cost: int) -> float:
    now = time.time()
    # In one order for everybody, so that two callers never wait for each other.
    by_key = {limit.key: limit for limit in sorted(found, key=lambda limit: limit.key)}
    windows = [int(now) // limit.seconds for limit in by_key.values()]
    ends = [(w + 1) * limit.seconds for w, limit in zip(windows, by_key.values(), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            [
                list(by_key),
                windows,
                [cost] * len(by_key),
                [datetime.fromtimestamp(end, UTC) for end in ends],
            ],
        )
        counts = {bytes(key): count for key, count in cursor.fetchall()}
    waits = [
        max(1.0, end - now)
        for (key, limit), end in zip(by_key.items(), ends, strict=True)
        if counts[key] > limit.amount
    ]
    return max(waits, default=0)

"""
Carrying events to their handlers, at least once.

A DATABASE handler's work and its "done" mark commit together. An OUTSIDE handler is claimed by a
lease: its next attempt is pushed ahead and committed, it runs outside any transaction, then it is
marked; when the process dies meanwhile, another runs it after the lease. Rows are claimed with
SKIP LOCKED, so any number of relays may run.
"""

import json
import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg_pool import PoolTimeout
from redis import Redis
from redis.exceptions import RedisError

from smartqueue.common import tenancy
from smartqueue.common.db import unit_of_work
from smartqueue.outbox import context, registry, wake
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import Event, class_of, known_events, rebuild

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
LEASE_SECONDS = 30
SWEEP_SECONDS = 1.0
BATCH = 100
MAX_ERROR_LENGTH = 2000

_DUE = """
    SELECT delivery.id, delivery.handler, event.type, event.organization_id,
           event.subject_version, event.occurred_at, event.actor, event.payload::text,
           host(event.address), event.request_id
    FROM outbox_delivery AS delivery
    JOIN outbox_domainevent AS event ON event.id = delivery.event_id
    WHERE delivery.state = 'pending' AND delivery.next_attempt_at <= now()
      AND delivery.handler = ANY(%s) AND event.type = ANY(%s)
    ORDER BY delivery.next_attempt_at, delivery.id
    LIMIT %s
"""
_CLAIM = """
    SELECT attempts FROM outbox_delivery
    WHERE id = %s AND state = 'pending' AND next_attempt_at <= now()
    FOR UPDATE SKIP LOCKED
"""
_LEASE = """
    UPDATE outbox_delivery
    SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => %s)
    WHERE id = (
        SELECT id FROM outbox_delivery
        WHERE id = %s AND state = 'pending' AND next_attempt_at <= now()
        FOR UPDATE SKIP LOCKED
    )
    RETURNING attempts
"""
# What is checked at the commit must fail before the mark, so that the failure is counted.
_CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"
_DONE = """
    UPDATE outbox_delivery
    SET state = 'done', done_at = now(), attempts = %s, last_error = ''
    WHERE id = %s
"""
_FAILED = """
    UPDATE outbox_delivery
    SET attempts = %(attempts)s, last_error = %(error)s,
        state = CASE WHEN %(attempts)s >= %(limit)s THEN 'dead' ELSE 'pending' END,
        next_attempt_at = now() + make_interval(secs => %(delay)s)
    WHERE id = %(id)s AND state = 'pending'
"""


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """One event for one handler, as it was read before the claim."""

    id: UUID
    handler: registry.Handler
    event_type: str
    envelope: dict[str, Any]
    payload: str
    origin: context.Origin

    def event(self) -> Event:
        """Return the event as it was published."""
        return rebuild(class_of(self.event_type), self.envelope, json.loads(self.payload))

    def run(self) -> None:
        """Call the handler under the event's organization and origin."""
        token = context.current.set(self.origin)
        try:
            with tenancy.restored():
                if self.envelope["organization_id"] is not None:
                    tenancy.enter(self.envelope["organization_id"])
                self.handler.run(self.event())
        finally:
            context.current.reset(token)


def due_deliveries(mode: HandlerMode, limit: int = BATCH) -> list[DueDelivery]:
    """
    Return due deliveries, oldest first, without locking them.

    Handlers and events of other code stay pending for the processes that know them.
    """
    handlers = {handler.name: handler for handler in registry.all_handlers(mode)}
    if not handlers:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [list(handlers), list(known_events()), limit])
        rows = cursor.fetchall()
    return [_read(row, handlers) for row in rows]


def _read(row: tuple[Any, ...], handlers: dict[str, registry.Handler]) -> DueDelivery:
    id_, handler, type_, organization_id, version, occurred_at, actor, payload, address, asked = row
    envelope = {
        "organization_id": organization_id,
        "subject_version": version,
        "occurred_at": occurred_at,
        "actor": actor,
    }
    origin = context.Origin(address, asked)
    return DueDelivery(id_, handlers[handler], type_, envelope, payload, origin)


def run_in_database(due: DueDelivery) -> bool:
    """Run a DATABASE handler and mark it in one transaction; False when somebody else has it."""
    attempts: int | None = None
    error: str | None = None
    try:
        with unit_of_work():
            attempts = _scalar(_CLAIM, [due.id])
            if attempts is None:
                return False
            error = _attempt(due, transaction.atomic)
            _mark(due, attempts + 1, error)
    except Exception:
        if attempts is None or error is None:
            raise
        # The handler has cost the connection, and the mark with it: uncounted, it would be the
        # first to be run again, for ever.
        connection.close()
        _mark(due, attempts + 1, error)
    return True


def run_outside(due: DueDelivery) -> bool:
    """Run an OUTSIDE handler under a lease; False when somebody else has it."""
    attempts = _scalar(_LEASE, [LEASE_SECONDS, due.id])
    if attempts is None:
        return False
    if attempts > MAX_ATTEMPTS:
        # Its process died each time, so nothing could be marked.
        error: str | None = "the process ended while the handler ran"
    else:
        error = _attempt(due, _no_savepoint)
    _mark(due, attempts, error)
    return True


@contextmanager
def _no_savepoint() -> Iterator[None]:
    yield


def _attempt(due: DueDelivery, surround: Callable[[], Any]) -> str | None:
    try:
        with surround():
            due.run()
            if connection.in_atomic_block:
                _execute(_CHECK_NOW)
    except Exception as error:
        logger.exception(
            "handler failed", extra={"handler": due.handler.name, "delivery": str(due.id)}
        )
        told = f"{type(error).__name__}: {error}"[:MAX_ERROR_LENGTH].replace("\0", "")
        return told.encode(errors="replace").decode()
    return None


def _mark(due: DueDelivery, attempts: int, error: str | None) -> None:
    with connection.cursor() as cursor:
        if error is None:
            cursor.execute(_DONE, [attempts, due.id])
            return
        delay = 2 * 3 ** (attempts - 1) * random.uniform(0.8, 1.2)  # noqa: S311  # jitter
        cursor.execute(
            _FAILED,
            {
                "attempts": attempts,
                "error": error,
                "limit": MAX_ATTEMPTS,
                "delay": delay,
                "id": due.id,
            },
        )


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _scalar(statement: str, parameters: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


_RUN = {HandlerMode.DATABASE: run_in_database, HandlerMode.OUTSIDE: run_outside}


def carry_due(mode: HandlerMode, stopped: Callable[[], bool] = lambda: False) -> int:
    """Run what is due now, once each, until nothing is; return how many were run."""
    run, total = _RUN[mode], 0
    while not stopped():
        batch = due_deliveries(mode)
        carried = 0
        for due in batch:
            if stopped():
                break
            carried += run(due)
        total += carried
        # A batch of which nothing was ours is being worked on by another relay.
        if not carried or len(batch) < BATCH:
            break
    return total


_AWAY = (OperationalError, InterfaceError, PoolTimeout)


class Relay:
    """A process that carries deliveries: workers for each mode, and one ear on Redis."""

    def __init__(self, *, database_workers: int = 2, outside_workers: int = 4) -> None:
        self._stop = threading.Event()
        self._news: list[threading.Event] = []
        self._threads = [
            *(self._thread(HandlerMode.DATABASE) for _ in range(database_workers)),
            *(self._thread(HandlerMode.OUTSIDE) for _ in range(outside_workers)),
        ]

    def _thread(self, mode: HandlerMode) -> threading.Thread:
        news = threading.Event()
        self._news.append(news)
        return threading.Thread(target=self._work, args=(mode, news), name=f"relay-{mode.value}")

    def stop(self) -> None:
        """Ask the workers to finish the deliveries they are at, and no more."""
        self._stop.set()
        for news in self._news:
            news.set()

    def run(self) -> None:
        """Carry deliveries until `stop` is called."""
        for thread in self._threads:
            thread.start()
        try:
            self._listen()
        finally:
            self.stop()
            for thread in self._threads:
                thread.join()

    def _work(self, mode: HandlerMode, news: threading.Event) -> None:
        while not self._stop.is_set():
            news.clear()
            try:
                carry_due(mode, self._stop.is_set)
            except _AWAY as error:
                logger.warning("PostgreSQL is away", extra={"error": str(error)})
                self._stop.wait(SWEEP_SECONDS)
            except Exception:
                logger.exception("a worker of the relay failed; it goes on")
                self._stop.wait(SWEEP_SECONDS)
            finally:
                connection.close_if_unusable_or_obsolete()
            news.wait(SWEEP_SECONDS)
        connection.close()

    def _listen(self) -> None:
        client: Any = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1)
        while not self._stop.is_set():
            try:
                with client.pubsub(ignore_subscribe_messages=True) as ear:
                    ear.subscribe(wake.RELAY_CHANNEL)
                    self._hear(ear)
            except (RedisError, OSError) as error:
                logger.warning("Redis is away; sweeping", extra={"error": str(error)})
                self._stop.wait(SWEEP_SECONDS)
        client.close()

    def _hear(self, ear: Any) -> None:
        while not self._stop.is_set():
            if ear.get_message(timeout=0.25) is not None:
                for news in self._news:
                    news.set()

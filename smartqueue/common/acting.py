"""
On whose behalf a transaction writes, told to PostgreSQL in the message that begins it.

Triggers read it from the transaction's setting `smartqueue.acting`. It travels with BEGIN, so it
costs no round trip; a transaction without it is somebody's direct SQL.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import ExecStatus, TransactionStatus

SETTING = "smartqueue.acting"
NOBODY_IN_PARTICULAR = "system"


class Labelled(Protocol):
    """Whoever acts; `accounts.Actor` is one."""

    @property
    def label(self) -> str: ...


Question: TypeAlias = tuple[str, Sequence[Any]]
"""A constant statement and its values, as `postgis.base.Connection.begin_with` takes them."""


class Begun(NamedTuple):
    """Whether the transaction began here, and what the question with it has found."""

    here: bool
    rows: list[tuple[Any, ...]] | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sent the request that is being answered; `label` is asked for when something is written."""

    label: Callable[[], str]
    request_id: str
    address: str | None
    at: datetime


asker: ContextVar[Asker | None] = ContextVar("asker", default=None)


def _statement(actor: Labelled | None, at: datetime | None) -> bytes:
    asking = asker.get()
    label = actor.label if actor else asking.label() if asking else NOBODY_IN_PARTICULAR
    moment = at or (asking.at if asking else None)
    parts = (
        label,
        asking.request_id if asking else "",
        (asking.address if asking else None) or "",
        moment.isoformat() if moment else "",
    )
    text = "|".join(part.replace("|", "").replace("'", "") for part in parts)
    return f"SET LOCAL {SETTING} = '{text}'".encode()


@contextmanager
def told(
    actor: Labelled | None = None, at: datetime | None = None, asking: Question | None = None
) -> Iterator[Begun]:
    """
    Begin the transaction of the atomic block around by naming the actor to it; without one, the
    request's, or "system".

    psycopg sends a BEGIN of its own before the first statement unless one is open: this takes its
    place. Inside a transaction that is open already, a test's or a script's own, the actor is named
    by a statement and taken back by another. The question travels along with BEGIN alone.
    """
    here = connections[DEFAULT_DB_ALIAS]
    statement = _statement(actor, at)
    raw: Any = here.connection
    begins = raw.pgconn.transaction_status == TransactionStatus.IDLE
    with here.wrap_database_errors:
        if begins:
            rows = raw.begin_with(statement, asking)
        else:
            rows = None
            _send(raw, statement)
    try:
        yield Begun(begins, rows if asking else None)
    finally:
        if not begins and raw.pgconn.transaction_status == TransactionStatus.INTRANS:
            _send(raw, _TAKEN_BACK)


_TAKEN_BACK = f"SET LOCAL {SETTING} = ''".encode()


def _send(raw: Any, commands: bytes) -> None:
    """Send several commands in one message, which psycopg's cursors only do with an answer each."""
    result = raw.pgconn.exec_(commands)
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.OperationalError(result.get_error_message())

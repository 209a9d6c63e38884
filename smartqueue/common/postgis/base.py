"""
Connections that send the scope's keys along (`smartqueue.common.tenancy`).

A transaction gets them with its BEGIN, so that they cost no round trip, and ends with them. Outside
a transaction, and when the scope changes within one, they go ahead of the next statement, unless
that statement is told to bring them itself (`entering`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
from django.contrib.gis.db.backends.postgis import base
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import execute

from smartqueue.common.tenancy import (
    NO_KEYS,
    SETTING,
    AtLeast,
    Keys,
    KeysOf,
    keys_now,
    keys_of_scope,
    own_key,
)

_IDLE, _INTRANS = pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS


def entering(organizations: str) -> str:
    """
    Return the SQL by which a statement sets the keys itself, and returns them, from an expression
    of text that names organizations. Around that expression's parameters stand the person's own key
    and whether this is for the transaction only.
    """
    return f"set_config('{SETTING}', '{{' || concat_ws(',', %s::text, {organizations}) || '}}', %s)"


class Connection(psycopg.Connection[Any]):
    """A connection that knows which keys PostgreSQL was told, for the session and the transaction."""

    # None is not known: tell them again.
    _for_session: str | None = NO_KEYS
    _for_transaction: str | None = None
    _brings_keys = False

    def forget_keys(self) -> None:
        """Tell the keys again: a savepoint may have taken them back."""
        self._for_transaction = None

    @property
    def is_in_transaction(self) -> bool:
        """Whether what is set now ends with a transaction."""
        return not self.autocommit or self.pgconn.transaction_status == _INTRANS

    @contextmanager
    def brings_keys(self) -> Iterator[None]:
        """Send a statement that sets the keys itself; they count as unknown until `told`."""
        self._brings_keys = True
        try:
            yield
        finally:
            self._brings_keys = False
            self._remember(None)

    def told(self, keys: str) -> None:
        """Remember what the statement has set."""
        self._remember(keys)

    def begin_with(self, commands: bytes) -> None:
        """
        Begin a transaction that something else is told as well, all in one message.

        :raises psycopg.OperationalError: it could not be sent or was refused
        """
        keys = keys_of_scope()
        parts = [b"BEGIN", commands]
        if keys != self._for_session:
            parts.append(_setting(keys, local=True))
        self._for_transaction = None
        result = self.pgconn.exec_(b"; ".join(parts))
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.OperationalError(result.get_error_message())
        self._for_transaction = keys

    def commit(self) -> None:
        """Commit; the transaction's keys end with it."""
        self._for_transaction = None
        super().commit()

    def rollback(self) -> None:
        """Roll back; the transaction's keys end with it."""
        self._for_transaction = None
        super().rollback()

    def _remember(self, keys: str | None) -> None:
        if self.pgconn.transaction_status == _IDLE and self._autocommit:
            self._for_session = keys
        else:
            self._for_transaction = keys

    def _start_query(self) -> PQGen[None]:
        status = self.pgconn.transaction_status
        if status == _IDLE and not self._autocommit:
            yield from self._begin()
        elif self._brings_keys:
            return
        elif status == _IDLE:
            keys = keys_now()
            if not _suffices(self._for_session, keys):
                self._for_session = None
                self._for_session = yield from self._tell(b"", _setting(keys, local=False), keys)
        elif status == _INTRANS:
            keys = keys_now()
            if not _suffices(self._for_transaction, keys):
                self._for_transaction = None
                self._for_transaction = yield from self._tell(b"", _setting(keys, local=True), keys)

    def _begin(self) -> PQGen[None]:
        begin = self._get_tx_start_command()
        # What comes after the first statement will need the scope's.
        keys = keys_now()
        if isinstance(keys, AtLeast) and not _suffices(keys_of_scope(), keys):
            keys = str(keys)
        elif isinstance(keys, AtLeast):
            keys = keys_of_scope()
        if self._pipeline:
            yield from super()._start_query()
            self._for_transaction = self._for_session
        elif keys == self._for_session or self._brings_keys:
            yield from self._exec_command(begin)
            self._for_transaction = self._for_session
        else:
            self._for_transaction = None
            statement = _setting(keys, local=True)
            self._for_transaction = yield from self._tell(begin + b"; ", statement, keys)

    def _tell(self, begin: bytes, statement: bytes, keys: Keys) -> PQGen[str | None]:
        if self._pipeline:
            yield from self._exec_command(statement)
            return keys if isinstance(keys, str) else None
        self._check_connection_ok()
        self.pgconn.send_query(begin + statement)
        results: list[Any] = yield from execute(self.pgconn)
        for result in results:
            if result.status not in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
                raise error_from_result(result, encoding=self.pgconn._encoding)
        if isinstance(keys, str):
            return keys
        found: bytes | None = results[-1].get_value(0, 0)
        return found.decode() if found else None


def _suffices(told: str | None, keys: Keys) -> bool:
    """Whether a statement may go with the keys that were told last; None are unknown ones."""
    if isinstance(keys, AtLeast):
        return keys == NO_KEYS or (told is not None and keys[1:-1] in told)
    return keys == told


def _setting(keys: Keys, *, local: bool) -> bytes:
    if isinstance(keys, KeysOf):
        own = own_key()
        organizations = f"organizations_of_{keys.table}('{{{','.join(map(str, keys.ids))}}}')"
        statement = entering(organizations) % (f"'{own}'" if own else "NULL", str(local).lower())
        return f"SELECT {statement}".encode()
    return f"SET {'LOCAL ' if local else ''}{SETTING} = '{keys}'".encode()


class DatabaseWrapper(base.DatabaseWrapper):
    """PostGIS with our connections, pooled or not."""

    Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        pool = settings_dict.get("OPTIONS", {}).get("pool")
        if isinstance(pool, dict):
            pool["connection_class"] = Connection
        super().__init__(settings_dict, *args, **kwargs)

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # the stubs leave it out
        if isinstance(self.connection, Connection):
            self.connection.forget_keys()

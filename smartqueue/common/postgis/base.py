"""
Connections that send the scope's keys along (`smartqueue.common.tenancy`).

A transaction gets them with its BEGIN, so that they cost no round trip, and ends with them. Outside
a transaction, and when the scope changes within one, they go ahead of the next statement, unless
that statement is told to bring them itself (`entering`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from select import POLLIN, POLLOUT, poll
from types import SimpleNamespace
from typing import Any, Final

import psycopg
from django.contrib.gis.db.backends.postgis import base
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.types.datetime import TimestamptzLoader

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
_DONE: Final = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})
# More statements than the hot path has; what is asked for seldom makes place.
MOST_PREPARED: Final = 200

Row = tuple[Any, ...]


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
    # psycopg has it in C or in Python, and tells mypy of neither.
    _values: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By text and types: how often it was run, or the name under which it is prepared.
        self._statements: dict[tuple[str, tuple[int, ...]], int | bytes] = {}
        self._number = 0

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

    def begin_with(
        self, commands: bytes, asking: tuple[str, Sequence[Any]] | None = None
    ) -> list[Row]:
        """
        Begin a transaction that something else is told as well, all in one message.

        `asking` is a constant statement with values that are numbers and bytes, whose places say
        their types; its rows come back with the same message.

        :raises psycopg.Error: it could not be sent or was refused
        """
        keys = keys_of_scope()
        parts = [b"BEGIN", commands]
        if keys != self._for_session:
            parts.append(_setting(keys, local=True))
        if asking is not None:
            parts.append(self._call_of(*asking))
        self._for_transaction = None
        result = self.pgconn.exec_(b"; ".join(parts))
        self._check(result)
        self._for_transaction = keys
        return [] if asking is None else self._rows_of(result)

    def _call_of(self, statement: str, values: Sequence[Any]) -> bytes:
        """Return the command that runs a statement prepared for it, as text."""
        name = self._statements.get((statement, ()))
        if not isinstance(name, bytes):
            name = self._prepare((statement, ()))
        return b"EXECUTE %s(%s)" % (name, b", ".join(map(_literal, values)))

    def commit(self) -> None:
        """Commit; the transaction's keys end with it."""
        self._for_transaction = None
        if self.pgconn.transaction_status != _IDLE:
            self._command(b"COMMIT")

    def fetch(
        self,
        statement: str,
        values: Sequence[Any],
        *,
        plans: bool = False,
        brings_keys: bool = False,
    ) -> list[Row]:
        """
        Run a constant statement with PostgreSQL's own places ($1, $2) and return its rows.

        One call of libpq, which waits without the interpreter's lock: a cursor takes twice the time
        of ours for what a constant statement has no use for. `plans` has it planned for its values;
        `brings_keys` is for a statement that sets the keys itself (`entering`).

        :raises psycopg.Error: it could not be sent or was refused
        """
        self._make_ready(brings_keys=brings_keys)
        name, sent = self._named(statement, values, prepares=not plans)
        if name is None:
            result = self.pgconn.exec_params(statement.encode(), *sent)
        else:
            result = self.pgconn.exec_prepared(name, sent[0], sent[2])
        if brings_keys:
            self._remember(None)
        return self._rows_of(result)

    def run_and_commit(self, statement: str, values: Sequence[Any]) -> None:
        """
        Run the last statement of a transaction and commit, both in one message.

        :raises psycopg.Error: one of them was refused, and the transaction has failed
        """
        self._make_ready(brings_keys=False)
        name, sent = self._named(statement, values, prepares=True)
        self._for_transaction = None
        here = self.pgconn
        here.enter_pipeline_mode()
        try:
            if name is None:
                here.send_query_params(statement.encode(), *sent)
            else:
                here.send_query_prepared(name, sent[0], sent[2])
            here.send_query_params(b"COMMIT", None)
            here.pipeline_sync()
            results = self._results_to_sync()
            here.exit_pipeline_mode()
        except BaseException:
            # What is still on its way would be taken for the answer to something else.
            here.finish()
            raise
        for result in results:
            self._check(result)

    def _results_to_sync(self) -> list[Any]:
        here = self.pgconn
        found: list[Any] = []
        waiting = poll()
        while here.flush():
            waiting.register(here.socket, POLLIN | POLLOUT)
            waiting.poll()
            here.consume_input()
        waiting.register(here.socket, POLLIN)
        while True:
            # `get_result` would wait with the interpreter's lock.
            while here.is_busy():
                waiting.poll()
                here.consume_input()
            result = here.get_result()
            if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
                return found
            if result is not None:
                found.append(result)
            elif here.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError(here.get_error_message())

    def _make_ready(self, *, brings_keys: bool) -> None:
        """Begin the transaction and tell the keys, as far as the next statement needs it."""
        status = self.pgconn.transaction_status
        if status == _IDLE and self._autocommit:
            told = self._for_session
        elif status == _INTRANS:
            told = self._for_transaction
        elif brings_keys:
            with self.brings_keys():
                self.wait(self._start_query())
            return
        else:
            self.wait(self._start_query())
            return
        if not (brings_keys or _suffices(told, keys_now())):
            self.wait(self._start_query())

    def _named(
        self, statement: str, values: Sequence[Any], *, prepares: bool
    ) -> tuple[bytes | None, tuple[Any, Any, Any]]:
        """Return the name of a statement asked for often, and its values with types and formats."""
        writer = self._values or self._new_transformer()
        texts = writer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types = writer.types or ()
        sent = texts, types, writer.formats
        if not prepares or self.prepare_threshold is None:
            return None, sent
        known = self._statements.get((statement, types), 0)
        name = self._count((statement, types), known + 1) if isinstance(known, int) else known
        return name, sent

    def _count(self, key: tuple[str, tuple[int, ...]], times: int) -> bytes | None:
        if times <= (self.prepare_threshold or 0):
            self._statements[key] = times
            return None
        while len(self._statements) > MOST_PREPARED:
            oldest = self._statements.pop(next(iter(self._statements)))
            if isinstance(oldest, bytes):
                self._command(b"DEALLOCATE " + oldest)
        return self._prepare(key)

    def _prepare(self, key: tuple[str, tuple[int, ...]]) -> bytes:
        self._number += 1
        name = b"constant_%d" % self._number
        statement, types = key
        self._check(self.pgconn.prepare(name, statement.encode(), types))
        self._statements[key] = name
        return name

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        # None is all of the session: ours are gone as well.
        if name is None:
            self._statements.clear()
        yield from super()._deallocate(name)

    def _new_transformer(self) -> Any:
        self._values = Transformer(_Reading(self))
        return self._values

    def _rows_of(self, result: Any) -> list[Row]:
        self._check(result)
        if not result.ntuples:
            return []
        reader = self._values or self._new_transformer()
        reader.set_pgresult(result)
        rows: list[Row] = reader.load_rows(0, result.ntuples, tuple)
        return rows

    def _command(self, commands: bytes) -> Any:
        result = self.pgconn.exec_(commands)
        self._check(result)
        return result

    def _check(self, result: Any) -> None:
        if result.status in _DONE:
            return
        if result.error_field(pq.DiagnosticField.SQLSTATE):
            raise error_from_result(result, encoding=self.pgconn._encoding)
        raise psycopg.OperationalError(result.get_error_message())

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


def _literal(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return b"'\\x%s'" % value.hex().encode()
    return b"%d" % value


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


class _Moment(TimestamptzLoader):
    """Reads a time in one call, where psycopg takes its parts apart and Django sets its zone."""

    def load(self, data: Any) -> datetime:
        try:
            return datetime.fromisoformat(bytes(data).decode())
        except ValueError:
            return super().load(data)


class _Reading:
    """The connection's ways to write and read values, and our own for times."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.adapters = AdaptersMap(connection.adapters)
        self.adapters.register_loader("timestamptz", _Moment)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostGIS with our connections, pooled or not."""

    Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        pool = settings_dict.get("OPTIONS", {}).get("pool")
        if isinstance(pool, dict):
            pool["connection_class"] = Connection
        super().__init__(settings_dict, *args, **kwargs)

    def _set_autocommit(self, autocommit: bool) -> None:
        # psycopg's setter does no more than this between transactions, in three layers.
        raw = self.connection
        if isinstance(raw, Connection) and raw.pgconn.transaction_status == _IDLE:
            raw._autocommit = autocommit
        else:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs leave it out

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # the stubs leave it out
        if isinstance(self.connection, Connection):
            self.connection.forget_keys()

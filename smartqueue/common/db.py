"""
One request = one operation = one transaction = one lock = its events.

`operation` is that transaction. The outermost one commits; one that is called from inside
another joins it, so that a check-in and the ticket it issues succeed or fail together.
"""

import asyncio
import functools
import itertools
import operator
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

import orjson
import psycopg
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    OperationalError,
    connections,
    models,
    transaction,
)
from django.db.backends.utils import CursorWrapper
from django.db.models.base import ModelState
from psycopg import errors as pg_errors
from psycopg.types.json import Jsonb

from smartqueue.common import acting, tenancy
from smartqueue.common.errors import Busy, Conflict
from smartqueue.common.postgis.base import Connection

P = ParamSpec("P")
R = TypeVar("R")

Row: TypeAlias = tuple[Any, ...]
Write: TypeAlias = tuple[str, list[Any], str]
"""A statement, its values, and the name by which the others sent with it may read what it returns."""


class _Unit:
    """A transaction of ours, and the writes that wait for its next statement or its end."""

    def __init__(self, here: Any) -> None:
        self.here = here
        self._waiting: list[Write] = []
        # Of the scope in which they were written; another may be entered before they are sent.
        self._keys: tenancy.Keys = tenancy.NO_KEYS

    def hold(self, writes: list[Write]) -> None:
        self._waiting = writes
        self._keys = tenancy.keys_now()
        self.here.execute_wrappers.append(self._write_first)

    def join(self, write: Write) -> bool:
        """Add a write to those that wait; False when none does, or when it is another tenant's."""
        if tenancy.is_of_organizations() and tenancy.keys_now() != self._keys:
            self.flush()
        if self._waiting:
            self._waiting.append(write)
        return bool(self._waiting)

    def flush(self) -> None:
        writes = self.discard()
        if writes:
            with tenancy.with_keys(self._keys):
                _send(writes)

    def finish(self, *, commits: bool) -> None:
        """Send what waits; where the transaction ends with it, in one message with its COMMIT."""
        writes = self.discard()
        if writes:
            with tenancy.with_keys(self._keys):
                _send(writes, committing=self.here if commits else None)

    def discard(self) -> list[Write]:
        writes, self._waiting = self._waiting, []
        if writes:
            self.here.execute_wrappers.remove(self._write_first)
        return writes

    def _write_first(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        self.flush()
        return execute(sql, params, many, context)


_unit: ContextVar[_Unit | None] = ContextVar("unit_of_work", default=None)
_CONTENDED = (
    pg_errors.LockNotAvailable,
    pg_errors.DeadlockDetected,
    pg_errors.SerializationFailure,
)


@contextmanager
def unit_of_work(
    actor: acting.Labelled | None = None,
    at: datetime | None = None,
    asking: acting.Question | None = None,
) -> Iterator[list[Row]]:
    """
    Open the transaction, or join the one that is open; restores the tenant scope on leaving.

    `actor` and `at` are what the journal says of the rows that it changes. `asking` is a query that
    needs no keys, whose values are numbers and bytes: it goes with the message that begins.
    """
    if _unit.get() is not None:
        yield _run(*asking) if asking else []
        return
    unit = _Unit(connections[DEFAULT_DB_ALIAS])
    early = None
    if asking and _is_plain(unit.here):
        early = _numbered(asking[0])[0], asking[1]
    token = _unit.set(unit)
    try:
        with tenancy.restored(), transaction.atomic(), acting.told(actor, at, early) as begun:
            yield _run(*asking) if asking and begun.rows is None else begun.rows or []
            unit.finish(commits=begun.here)
    finally:
        unit.discard()
        _unit.reset(token)


def run_in_unit(
    call: Callable[[], R], actor: acting.Labelled | None = None, at: datetime | None = None
) -> R:
    """
    Run `call` in a unit of work; a lost race for a lock is tried once more.

    :raises Busy: the lock was not free twice within the lock timeout (3 s)
    """
    if _unit.get() is not None:
        return call()
    return run_in_unit_after(None, lambda _: call(), actor, at)


def run_in_unit_after(
    asking: acting.Question | None,
    call: Callable[[list[Row]], R],
    actor: acting.Labelled | None = None,
    at: datetime | None = None,
) -> R:
    """
    Do the same with the rows that `asking` (of `unit_of_work`) finds.

    :raises Busy: the lock was not free twice within the lock timeout (3 s)
    """
    if _unit.get() is not None:
        with unit_of_work(asking=asking) as rows:
            return call(rows)
    for attempt in (1, 2):
        try:
            with unit_of_work(actor, at, asking) as rows:
                return call(rows)
        except OperationalError as error:
            if not isinstance(error.__cause__, _CONTENDED):
                raise
            if attempt == 2:
                raise Busy from error
            time.sleep(random.uniform(0.01, 0.05))  # noqa: S311  # jitter, not a secret
    raise AssertionError("unreachable")


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function a door: its own unit of work when called alone, part of the caller's otherwise."""

    @functools.wraps(function)
    def door(*args: P.args, **kwargs: P.kwargs) -> R:
        if _unit.get() is not None:
            return function(*args, **kwargs)
        actor, at = kwargs.get("actor"), kwargs.get("now")
        return run_in_unit(lambda: function(*args, **kwargs), actor, at)  # type: ignore[arg-type]  # operations take them under these names

    return door


Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


_PLACE = re.compile(r"%(?:\((\w+)\))?s")


@functools.cache
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with PostgreSQL's own places ($1, $2), and the names they stand for."""
    numbers = itertools.count(1)
    by_name: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"${by_name.setdefault(name, len(by_name) + 1) if name else next(numbers)}"

    return _PLACE.sub(place, statement), tuple(by_name)


class _PreparedCursor(psycopg.RawCursor[Any]):
    """Binds on the server; a statement's places are found once and not at every execution."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        text, names = _numbered(query)
        values = [params[name] for name in names] if names else params
        return super().execute(text.encode(), values, **options)


class _PlannedCursor(_PreparedCursor):
    """Has a statement planned for its values at every execution."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(query, params, prepare=False, **options)


def prepared_cursor(kind: type[_PreparedCursor] = _PreparedCursor) -> CursorWrapper:
    """
    Return a cursor for the hot path's constant statements: parameters travel apart, so PostgreSQL
    parses and plans a statement once per connection (`prepare_threshold` in the settings).
    """
    here = connections[DEFAULT_DB_ALIAS]
    here.ensure_connection()
    cursor: Any = kind(here.connection)
    if here.queries_logged:
        debugged: CursorWrapper = here.make_debug_cursor(cursor)
        return debugged
    return here.make_cursor(cursor)


def _is_plain(here: Any) -> bool:
    """Whether nobody looks on (a log of queries, a test's wrapper) and it may be asked at all."""
    return (
        isinstance(here.connection, Connection)
        and not (
            here.force_debug_cursor
            or settings.DEBUG
            or here.execute_wrappers
            or here.needs_rollback
        )
        and here.connection._pipeline is None
        and asyncio._get_running_loop() is None
    )


def _here_without_waiting() -> Any:
    """Return the connection, once what waited for its next statement is sent."""
    unit = _unit.get()
    if unit is None:
        return connections[DEFAULT_DB_ALIAS]
    unit.flush()
    return unit.here


def _placed(statement: str, parameters: Parameters) -> tuple[str, Sequence[Any]]:
    text, names = _numbered(statement)
    return text, [parameters[name] for name in names] if names else parameters  # type: ignore[call-overload,return-value]  # names are a mapping's


def _run(statement: str, parameters: Parameters, *, planned: bool = False) -> list[Row]:
    """Run a constant statement and return its rows, by the shortest way that there is."""
    here = _here_without_waiting()
    if not _is_plain(here):
        with prepared_cursor(_PlannedCursor if planned else _PreparedCursor) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    text, values = _placed(statement, parameters)
    try:
        return here.connection.fetch(text, values, plans=planned)  # type: ignore[no-any-return]
    except psycopg.Error:
        with here.wrap_database_errors:
            raise


def execute(statement: str, parameters: Parameters) -> None:
    """Run a constant statement whose answer nobody needs."""
    _run(statement, parameters)


_HOLD = """
    SELECT pg_advisory_xact_lock(hashtextextended(name, 0))
    FROM unnest(%s::text[]) WITH ORDINALITY AS asked (name, n) ORDER BY n
"""
_SHARE = """
    SELECT pg_advisory_xact_lock_shared(hashtextextended(name, 0))
    FROM unnest(%s::text[]) WITH ORDINALITY AS asked (name, n) ORDER BY n
"""


def hold_names(names: Iterable[str], *, shared: bool = False) -> None:
    """
    Wait for whoever holds one of the names, and hold them until the transaction ends: for what has no
    row to lock, or whose row would stop too many. Those who hold `shared` do not wait for each other.
    All in one statement and one order, so that two who want the same do not wait for each other.
    """
    execute(_SHARE if shared else _HOLD, [sorted(names)])


def fetch_one(statement: str, parameters: Parameters) -> Row | None:
    """Run a constant query and return its first row."""
    rows = _run(statement, parameters)
    return rows[0] if rows else None


def fetch_all(statement: str, parameters: Parameters, *, planned: bool = False) -> list[Row]:
    """
    Run a constant query and return all its rows.

    `planned` has it planned for its values each time: where the best plan depends on how many rows
    there are, the one kept from an empty table reads all of it until the statistics catch up.
    """
    return _run(statement, parameters, planned=planned)


def fetch_entering(
    statement: str, parameters: Sequence[Any], *, whose: Sequence[Any] = ()
) -> tuple[str, list[Row]]:
    """
    Run a constant query that itself opens the organization of what it finds, and so needs no
    statement ahead of it. Its first column is `postgis.base.entering`, to which `whose` are given.

    Returns the keys, for `tenancy.with_keys`, and the rows without that column. The caller enters
    the scope once the actor's right is known.
    """
    here = _here_without_waiting()
    here.ensure_connection()
    connection: Any = here.connection
    values = [tenancy.own_key(), *whose, connection.is_in_transaction, *parameters]
    if _is_plain(here):
        try:
            rows = connection.fetch(_numbered(statement)[0], values, brings_keys=True)
        except psycopg.Error:
            with here.wrap_database_errors:
                raise
    else:
        with prepared_cursor() as cursor, connection.brings_keys():
            cursor.execute(statement, values)
            rows = cursor.fetchall()
    keys: str = rows[0][0] if rows else tenancy.NO_KEYS
    if rows:
        connection.told(keys)
    return keys, [row[1:] for row in rows]


M = TypeVar("M", bound=models.Model)


class RowOf(Generic[M]):
    """
    Reads a model's rows out of a hand-written query, where building one costs more than running it.

    `only` names the attributes to read ("id", "organization_id"); the rest is deferred.
    """

    def __init__(self, model: type[M], only: Sequence[str] = ()) -> None:
        fields = [f for f in model._meta.concrete_fields if not only or f.attname in only]
        self._model = model
        self._names = [f.attname for f in fields]
        self._columns = [f.column for f in fields]
        self._defaults = [(f.attname, f.get_default) for f in fields]
        self._json = [n for n, f in enumerate(fields) if isinstance(f, models.JSONField)]

    def __len__(self) -> int:
        return len(self._names)

    def new(self, values: Mapping[str, Any]) -> M:
        """
        Return a row that is not stored yet, from its attributes' values; the rest is by default.

        As the model's own constructor makes it, at a fifth of the cost.
        """
        row = self._model.__new__(self._model)
        row._state = ModelState()
        given = row.__dict__
        for name, default in self._defaults:
            given[name] = values[name] if name in values else default()
        return row

    def place(self, name: str) -> int:
        """Return where an attribute stands among the columns."""
        return self._names.index(name)

    def columns(self, alias: str) -> str:
        """Return the columns for a SELECT list."""
        return ", ".join(f'{alias}."{column}"' for column in self._columns)

    def read(self, values: Sequence[Any], start: int = 0) -> M:
        """Return the row whose columns begin at `start` of a fetched row."""
        own = list(values[start : start + len(self._names)])
        for place in self._json:
            if own[place] is not None:
                own[place] = orjson.loads(own[place])
        # As Model.from_db does it, without the signals that nobody listens to.
        row = self._model.__new__(self._model)
        row._state = ModelState()
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
        row.__dict__.update(zip(self._names, own, strict=True))
        return row


class _Values:
    """Takes the values of some fields out of a row, all at once."""

    def __init__(self, fields: "Sequence[models.Field[Any, Any]]") -> None:
        names = [field.attname for field in fields]
        self._take = operator.attrgetter(*names)
        self._pick = operator.itemgetter(*names)
        self._is_one = len(names) == 1
        self._json = [n for n, field in enumerate(fields) if isinstance(field, models.JSONField)]

    def of(self, row: models.Model) -> list[Any]:
        return self._ready(self._take(row))

    def of_mapping(self, row: Mapping[str, Any]) -> list[Any]:
        return self._ready(self._pick(row))

    def _ready(self, taken: Any) -> list[Any]:
        values = [taken] if self._is_one else list(taken)
        for place in self._json:
            if values[place] is not None:
                values[place] = Jsonb(values[place], orjson.dumps)
        return values


@functools.cache
def _insert_statement(model: type[models.Model]) -> tuple[str, _Values]:
    # What nobody may edit and the database has a default for, it fills in by itself.
    fields = tuple(
        f
        for f in model._meta.concrete_fields
        if not f.generated and (f.editable or f.db_default is models.NOT_PROVIDED)
    )
    columns = ", ".join(f'"{f.column}"' for f in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})'  # noqa: S608  # names from the model
    return statement, _Values(fields)


_together: ContextVar[list[Write] | None] = ContextVar("written_together", default=None)
_refusals: dict[str, type[Conflict]] = {}


def name_refusals(by_constraint: Mapping[str, type[Conflict]]) -> None:
    """Say what the database's refusal of a write means, by the name of the constraint."""
    _refusals.update(by_constraint)


@contextmanager
def written_together() -> Iterator[None]:
    """
    Send the `insert_rows`, `update_row` and `write` inside as one statement: when the unit of work
    ends, or before its next statement, so that whoever reads sees them.

    Their parts see the same snapshot and run in no promised order, so none may need another's row
    but through a foreign key or its name, and no row may be written twice.
    """
    unit = _unit.get()
    if unit is not None:
        unit.flush()
    writes: list[Write] = []
    token = _together.set(writes)
    try:
        yield
    finally:
        _together.reset(token)
    if not writes:
        return
    if unit is None:
        _send(writes)
    else:
        unit.hold(writes)


def _send(writes: list[Write], *, committing: Any = None) -> None:
    statement = _one_statement(tuple((text, name) for text, _, name in writes))
    values = [value for _, values, _ in writes for value in values]
    try:
        if committing:
            _run_and_commit(committing, statement, values)
        else:
            execute(statement, values)
    except IntegrityError as error:
        cause = error.__cause__
        name = cause.diag.constraint_name if isinstance(cause, pg_errors.IntegrityError) else None
        refusal = _refusals.get(name or "")
        if refusal is None:
            raise
        raise refusal from error


def _run_and_commit(here: Any, statement: str, values: list[Any]) -> None:
    if not _is_plain(here):
        execute(statement, values)
        return
    try:
        # The atomic block around finds the transaction at its end, and goes on as after its own.
        here.connection.run_and_commit(_numbered(statement)[0], values)
    except psycopg.Error:
        with here.wrap_database_errors:
            raise


@functools.cache
def _one_statement(statements: tuple[tuple[str, str], ...]) -> str:
    *first, (last, _) = statements
    if not first:
        return last
    parts = ", ".join(f"{name or f'w{n}'} AS ({text})" for n, (text, name) in enumerate(first))
    return f"WITH {parts} {last}"


def write(statement: str, values: list[Any], name: str = "") -> None:
    """
    Run a constant statement that writes, or add it to those of `written_together`.

    There, `name` is what a later one reads its RETURNING under.
    """
    writes = _together.get()
    if writes is None:
        _send([(statement, values, name)])
    else:
        writes.append((statement, values, name))


def write_along(statement: str, values: list[Any]) -> None:
    """Run a constant statement with the writes that wait for the unit's end, or now."""
    unit = _unit.get()
    if unit is None or not unit.join((statement, values, "")):
        _send([(statement, values, "")])


def insert_rows(rows: Iterable[models.Model]) -> None:
    """
    Insert rows whose values are already of their columns' types, without building a query: the
    hot path's writes, where the ORM's compiler costs more than PostgreSQL.
    """
    for row in rows:
        statement, values = _insert_statement(type(row))
        write(statement, values.of(row))
        row._state.adding = False
        row._state.db = DEFAULT_DB_ALIAS


def insert_values(model: type[models.Model], row: Mapping[str, Any]) -> None:
    """
    Insert a row given by the names of its columns' attributes, all of them: for rows of the hot
    path that nobody looks at before they are read, where making the object costs more than sending it.
    """
    statement, values = _insert_statement(model)
    write(statement, values.of_mapping(row))


@functools.cache
def _update_statement(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, _Values]:
    by_name = {f.name: f for f in model._meta.concrete_fields}
    fields = tuple(by_name[name] for name in names)
    changes = ", ".join(f'"{f.column}" = %s' for f in fields)
    key = model._meta.pk.column
    statement = f'UPDATE "{model._meta.db_table}" SET {changes} WHERE "{key}" = %s'  # noqa: S608  # names from the model
    return statement, _Values(fields)


def update_row(row: models.Model, names: tuple[str, ...]) -> None:
    """Write the named fields of a row that is known to exist, without building a query."""
    statement, values = _update_statement(type(row), names)
    write(statement, [*values.of(row), row.pk])

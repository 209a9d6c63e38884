"""Running calls at the same moment on connections of their own, and taking a guard away."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from smartqueue.common.db import unit_of_work

PATIENCE_SECONDS = 60

# What `meeting` has made since the last race, and whether its callers have met.
_meetings: dict[str, threading.Event] = {}


@dataclass(frozen=True)
class Outcome:
    """What a call returned, or raised."""

    value: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """Return the value; raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


def together(calls: Sequence[Callable[[], Any]]) -> list[Outcome]:
    """
    Start all calls at the same moment, each in a thread with its own connection.

    Fails where what `meeting` has made before was not called: the race was left to chance.
    """
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Outcome:
        try:
            connection.ensure_connection()
            start.wait(PATIENCE_SECONDS)
            return Outcome(value=call())
        except Exception as error:  # noqa: BLE001  # the test looks at it
            return Outcome(error=error)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        outcomes = list(pool.map(run, calls))
    unmet = [name for name, met in _meetings.items() if not met.is_set()]
    _meetings.clear()
    assert unmet == [], f"nobody met, and so it ended: {outcomes}"
    return outcomes


def errors_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the names of the errors, sorted."""
    return sorted(type(o.error).__name__ for o in outcomes if o.error is not None)


def values_of(outcomes: Sequence[Outcome]) -> list[Any]:
    """Return the values of the calls that did not raise."""
    return [o.value for o in outcomes if o.error is None]


@contextmanager
def in_other_connection(statement: str, parameters: Sequence[Any] = ()) -> Iterator[None]:
    """Hold a transaction with one statement open on another connection."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
            held.set()
            release.wait(PATIENCE_SECONDS)
            connection.rollback()
        finally:
            held.set()
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(PATIENCE_SECONDS)
    try:
        yield
    finally:
        release.set()
        thread.join()


@contextmanager
def without_constraint(model: type[models.Model], name: str) -> Iterator[None]:
    """Drop a constraint; on leaving, empty the table and put the constraint back."""
    (constraint,) = (c for c in model._meta.constraints if c.name == name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'TRUNCATE "{model._meta.db_table}" CASCADE')
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)


def meeting(function: Callable[..., Any], parties: int) -> Callable[..., Any]:
    """Return the function, after which every caller waits for the others: the widest race."""
    barrier, met = threading.Barrier(parties), threading.Event()
    _meetings[f"{function.__module__}.{function.__qualname__}"] = met

    def waiting(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        barrier.wait(PATIENCE_SECONDS)
        met.set()
        return result

    return waiting


def before_commit(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Outcome]:
    """
    Carry `first` out in a transaction, and `second` on another connection before it commits: until
    `second` waits for a lock, or is through. Return the value of the first, and what came of the other.
    """
    outcome: list[Outcome] = []

    def other() -> None:
        try:
            outcome.append(Outcome(value=second()))
        except Exception as error:  # noqa: BLE001  # the test looks at it
            outcome.append(Outcome(error=error))
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    with unit_of_work():
        value = first()
        thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while thread.is_alive() and not _somebody_waits() and time.monotonic() < deadline:
            time.sleep(0.005)
    thread.join()
    return value, outcome[0]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction the first look would be every look.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])

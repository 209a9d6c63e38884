"""Units of work and the hand-written statements, on real connections."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from django_scopes.state import state

from smartqueue.common import db, tenancy
from smartqueue.common.errors import Busy
from smartqueue.common.ids import new_id
from smartqueue.common.postgis import base
from smartqueue.common.purge import delete_where
from smartqueue.outbox.models import DomainEvent, JobRun

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def make_run(job: str) -> JobRun:
    return JobRun.objects.create(job=job, due_at=AT, started_at=AT)


def jobs() -> set[str]:
    return set(JobRun.objects.values_list("job", flat=True))


def event(**fields: Any) -> DomainEvent:
    envelope = {
        "id": new_id(),
        "type": "x.y.v1",
        "organization_id": None,
        "actor": "system",
        "subject_type": "x",
        "subject_id": new_id(),
        "subject_version": 1,
        "occurred_at": AT,
        "payload": {"a": [1, None, "é"]},
        "address": None,
        "request_id": "",
    }
    return DomainEvent(**(envelope | fields))


@db.operation
def make_one(job: str) -> None:
    make_run(job)


@db.operation
def make_two(*, fails: bool) -> None:
    make_one("inner")
    make_run("outer")
    if fails:
        raise ZeroDivisionError


def test_an_operation_within_another_succeeds_or_fails_with_it() -> None:
    with pytest.raises(ZeroDivisionError):
        make_two(fails=True)
    assert jobs() == set()
    make_two(fails=False)
    assert jobs() == {"inner", "outer"}


def test_an_operation_leaves_the_tenant_scope_as_it_was() -> None:
    @db.operation
    def enter() -> None:
        tenancy.enter(new_id())

    before = state.get()
    enter()
    assert state.get() == before


@contextmanager
def locked_elsewhere(row: JobRun, release: threading.Event) -> Iterator[None]:
    ready = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            JobRun.objects.select_for_update().get(pk=row.pk)
            ready.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(5)
    yield
    release.set()
    thread.join()


@db.operation
def lock(row: JobRun, tries: list[int]) -> None:
    tries.append(1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '100ms'")
    JobRun.objects.select_for_update().get(pk=row.pk)


def test_a_lock_that_is_not_free_twice_is_busy() -> None:
    row, tries = make_run("x"), list[int]()
    with locked_elsewhere(row, threading.Event()), pytest.raises(Busy):
        lock(row, tries)
    assert len(tries) == 2


def test_a_lock_that_is_free_the_second_time_is_taken() -> None:
    row, release = make_run("x"), threading.Event()

    class Releasing(list[int]):
        def append(self, value: int) -> None:
            super().append(value)
            if len(self) == 2:
                release.set()

    tries = Releasing()
    with locked_elsewhere(row, release):
        lock(row, tries)
    assert len(tries) == 2


@pytest.mark.owner
def test_insert_rows_and_update_row_write_what_the_orm_reads() -> None:
    first, second = event(), event(organization_id=new_id(), address="41.82.1.2")
    db.insert_rows([first, second])
    first.refresh_from_db()
    assert first.payload == {"a": [1, None, "é"]}
    second.payload, second.actor = {"b": 2}, "user:1"
    db.update_row(second, ("payload", "actor"))
    stored = DomainEvent.objects.get(pk=second.pk)
    assert (stored.payload, stored.actor, stored.address) == ({"b": 2}, "user:1", "41.82.1.2")
    assert stored.organization_id == second.organization_id
    assert DomainEvent.objects.get(pk=first.pk).actor == "system"


def test_rows_written_together_are_all_there_or_none() -> None:
    first, second = event(), event()
    with transaction.atomic(), db.written_together():
        db.insert_rows([first, second])
    assert DomainEvent.objects.count() == 2
    with pytest.raises(IntegrityError), transaction.atomic(), db.written_together():
        db.insert_rows([event(), event(id=first.pk)])
    assert DomainEvent.objects.count() == 2


@pytest.mark.owner
def test_delete_where_goes_on_until_nothing_is_left() -> None:
    db.insert_rows([event(type="old.v1") for _ in range(7)] + [event()])
    assert delete_where(DomainEvent, "type = %s", ["old.v1"], batch=3) == 7
    assert list(DomainEvent.objects.values_list("type", flat=True)) == ["x.y.v1"]
    assert delete_where(DomainEvent, "occurred_at > %s", [timezone.now()]) == 0


@pytest.mark.owner
def test_writes_of_a_unit_wait_for_its_next_statement_or_its_end(django_assert_num_queries) -> None:
    first, second, third = event(), event(), event()

    # The unit is a savepoint here: its two statements, the two writes, the count, the last writes.
    with django_assert_num_queries(6), db.unit_of_work():
        with db.written_together():
            db.insert_rows([first])
        with db.written_together():
            db.insert_rows([second])
        assert DomainEvent.objects.count() == 2
        with db.written_together():
            db.insert_rows([third])
        db.write_along("DELETE FROM outbox_domainevent WHERE id = %s", [first.pk])

    assert set(DomainEvent.objects.values_list("pk", flat=True)) == {second.pk, third.pk}


# --- The short way to PostgreSQL -----------------------------------------------------------------


def prepared() -> dict[str, int]:
    """Return how often this connection's prepared statements were run, by their text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements"
            " WHERE name LIKE 'constant%'"
        )
        return dict(cursor.fetchall())


def connect_anew() -> None:
    connection.close()
    connection.ensure_connection()


def test_a_statement_asked_for_often_is_prepared_and_read_in_its_types() -> None:
    connect_anew()
    key = new_id()
    statement = "SELECT %s::uuid AS key, %s::timestamptz AS at, %s::text, %s::jsonb"
    rows = {db.fetch_one(statement, [key, AT, None, "[1]"]) for _ in range(6)}

    assert rows == {(key, AT, None, "[1]")}
    ((text, runs),) = prepared().items()
    assert "$4::jsonb" in text
    # Three times plain, then prepared.
    assert runs == 3


def test_a_statement_is_prepared_anew_after_everything_was_let_go() -> None:
    connect_anew()
    for _ in range(2):
        for _ in range(5):
            assert db.fetch_all("SELECT %s::int", [7]) == [(7,)]
        # psycopg forgets all statements of a session that rolled back with one of its own.
        with transaction.atomic(), db.prepared_cursor() as cursor:
            for _ in range(5):
                cursor.execute("SELECT %s::int", [8])
            transaction.set_rollback(True)


def test_statements_asked_for_seldom_make_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MOST_PREPARED", 3)
    connect_anew()
    for number in range(9):
        for _ in range(5):
            db.fetch_one(f"SELECT {number}, %s::int", [number])

    assert len(prepared()) <= 4


def test_a_refused_statement_raises_django_s_error_and_the_next_is_carried_out() -> None:
    with pytest.raises(DataError):
        db.fetch_one("SELECT 1 / %s::int", [0])
    assert db.fetch_one("SELECT 1 / %s::int", [1]) == (1,)


def test_a_lost_connection_is_an_operational_error_and_the_next_is_made_anew() -> None:
    (pid,) = db.fetch_one("SELECT pg_backend_pid()", []) or (0,)
    end_from_elsewhere(pid)
    with pytest.raises(OperationalError):
        db.fetch_one("SELECT 1", [])
    connection.close_if_unusable_or_obsolete()
    assert db.fetch_one("SELECT 1", []) == (1,)


def test_a_connection_lost_before_the_commit_leaves_nothing() -> None:
    def write() -> None:
        with db.written_together():
            db.insert_rows([event()])
        end_from_elsewhere(connection.connection.info.backend_pid)

    with pytest.raises(OperationalError):
        db.run_in_unit(write)
    connection.close_if_unusable_or_obsolete()
    assert DomainEvent.objects.count() == 0


def end_from_elsewhere(pid: int) -> None:
    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()


@contextmanager
def sent() -> Iterator[list[str]]:
    """Collect the messages that go to PostgreSQL."""
    found: list[str] = []
    connection.ensure_connection()
    with tempfile.TemporaryFile() as file:
        connection.connection.pgconn.trace(file.fileno())
        yield found
        connection.connection.pgconn.untrace()
        file.seek(0)
        lines = file.read().decode(errors="replace").splitlines()
        found += [line.split("\t", 1)[1] for line in lines if "\tF\t" in line]


def test_the_last_writes_of_a_unit_leave_with_its_commit() -> None:
    with sent() as messages, db.unit_of_work(), db.written_together():
        db.insert_rows([event(), event()])

    assert DomainEvent.objects.count() == 2
    last_sync = [number for number, text in enumerate(messages) if "\tSync" in text][-1]
    parsed = [text for text in messages[:last_sync] if "\tParse" in text]
    assert len([text for text in messages if "\tSync" in text]) == 1
    assert "COMMIT" in parsed[-1]


def test_a_write_refused_with_its_commit_leaves_nothing() -> None:
    double = event()
    with pytest.raises(IntegrityError), db.unit_of_work(), db.written_together():
        db.insert_rows([event(), double, event(id=double.pk)])

    assert DomainEvent.objects.count() == 0
    make_two(fails=False)
    assert jobs() == {"inner", "outer"}


def test_what_a_unit_runs_after_its_commit_finds_the_writes() -> None:
    found = []

    def count() -> None:
        found.append(DomainEvent.objects.count())

    with db.unit_of_work():
        transaction.on_commit(count)
        with db.written_together():
            db.insert_rows([event()])

    assert found == [1]


def test_a_question_travels_with_the_beginning_of_its_unit() -> None:
    question = "SELECT %s::bigint + 1, %s::bytea", [-5, b"\x00'\\"]
    connect_anew()
    db.run_in_unit_after(question, lambda rows: rows)
    with sent() as messages:
        rows = db.run_in_unit_after(question, lambda rows: rows)

    assert rows == [(-4, b"\x00'\\")]
    assert len([text for text in messages if "EXECUTE" in text and "BEGIN" in text]) == 1
    assert len(messages) == 2


def test_a_question_within_a_unit_is_asked_alone() -> None:
    with db.unit_of_work():
        assert db.run_in_unit_after(("SELECT %s::bigint", [3]), lambda rows: rows) == [(3,)]


def test_a_row_made_by_hand_is_as_the_model_makes_it() -> None:
    theirs = event()
    given = {name: value for name, value in vars(theirs).items() if name != "_state"}
    ours = db.RowOf(DomainEvent).new({k: v for k, v in given.items() if k != "address"})

    assert {name: value for name, value in vars(ours).items() if name != "_state"} == given
    ours.save(force_insert=True)
    assert DomainEvent.objects.get() == ours

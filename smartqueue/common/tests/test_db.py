"""Units of work and the hand-written statements, on real connections."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_scopes.state import state

from smartqueue.common import db, tenancy
from smartqueue.common.errors import Busy
from smartqueue.common.ids import new_id
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

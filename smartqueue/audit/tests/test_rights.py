"""Append-only by right: what the role that serves requests is refused."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from psycopg.errors import CheckViolation, InsufficientPrivilege, ObjectNotInPrerequisiteState

from smartqueue.audit import database
from smartqueue.audit.tests.conftest import TODAY, entries_on
from smartqueue.common.ids import new_id
from smartqueue.common.tenancy import EVERY_KEY, SETTING
from smartqueue.common.tests.roles import web_role
from smartqueue.queues.tests.factories import make_place

committed = pytest.mark.django_db(transaction=True)

JOURNAL = ("audit_rowchange", "audit_daychain", "audit_personkey", "outbox_domainevent")
REFUSED = [
    "UPDATE audit_rowchange SET actor = actor",
    "UPDATE audit_daychain SET digest = digest",
    "UPDATE audit_personkey SET key = key",
    "UPDATE outbox_domainevent SET actor = actor",
    "UPDATE audit_entry SET actor = actor",
    "DELETE FROM audit_rowchange",
    "DELETE FROM audit_daychain",
    "DELETE FROM audit_personkey",
    "DELETE FROM outbox_domainevent",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_rowchange",
    "TRUNCATE audit_daychain",
    "TRUNCATE audit_personkey",
    "TRUNCATE outbox_domainevent",
    "INSERT INTO audit_rowchange SELECT * FROM audit_rowchange",
    "INSERT INTO audit_personkey SELECT * FROM audit_personkey",
    "ALTER TABLE business_branch DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_every ON business_branch",
    "SET session_replication_role = 'replica'",
    "SELECT audit_seal('x', gen_random_uuid())",
]


@pytest.mark.django_db
@pytest.mark.parametrize("statement", REFUSED)
def test_the_serving_role_may_not(statement):
    with web_role() as other, pytest.raises(psycopg.Error) as refused:
        other.execute(statement)
    assert isinstance(refused.value, InsufficientPrivilege | ObjectNotInPrerequisiteState)


@committed
def test_the_serving_role_reads_the_journal_and_publishes():
    """An event of an organization under its key alone; one of none, whoever acts."""
    place, another = make_place(), make_place()
    with web_role() as other:
        for table in (*JOURNAL, "audit_entry"):
            other.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        other.execute(
            "INSERT INTO audit_daychain (day, events, changes, digest, addresses, previous, closed_at)"
            " VALUES ('2020-01-01', 0, 0, '', '', '', now())"
        )
        publish(other, None)
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            publish(other, place.organization.pk)
        other.execute(f"SET {SETTING} = '{{{another.organization.pk}}}'")
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            publish(other, place.organization.pk)
        other.execute(f"SET {SETTING} = '{{{place.organization.pk}}}'")
        publish(other, place.organization.pk)


def publish(serving: psycopg.Connection[Any], organization_id: UUID | None) -> None:
    serving.execute(
        "INSERT INTO outbox_domainevent (id, type, organization_id, actor, subject_type,"
        " subject_id, subject_version, occurred_at, payload, request_id)"
        " VALUES (%s, 'x.y.v1', %s, 'system', 'x', %s, 1, now(), '{}', '')",
        [new_id(), organization_id, new_id()],
    )


@committed
@pytest.mark.owner
def test_the_serving_role_purges_closed_old_days_only():
    entries_on(TODAY.replace(year=TODAY.year - 2))
    from smartqueue.audit import operations  # noqa: PLC0415

    operations.close_days()
    with web_role() as other:
        gone = other.execute("SELECT audit_purge_day(%s)", [TODAY.replace(year=TODAY.year - 2)])
        assert gone.fetchone() == (4,)
        with pytest.raises(CheckViolation):
            other.execute("SELECT audit_purge_day(current_date - 5)")


@committed
def test_the_serving_role_destroys_a_key_and_it_never_comes_back():
    place = make_place()
    person = place.owner.user_id
    with web_role() as other:
        other.execute(f"SET {SETTING} = '{EVERY_KEY}'")
        other.execute("SELECT audit_destroy_keys(%s::uuid[])", [[person]])
        other.execute("UPDATE accounts_user SET first_name = 'Awa' WHERE id = %s", [person])
        row = other.execute(
            "SELECT after ->> 'first_name' FROM audit_rowchange ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    assert '"sealed": null' in row[0]


@committed
@pytest.mark.owner
def test_a_right_that_was_given_by_hand_is_taken_back_by_the_next_migration():
    with web_role() as other:
        role = other.info.user
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT DELETE, UPDATE ON audit_rowchange TO {role}")
        database.install()
    with web_role() as other, pytest.raises(InsufficientPrivilege):
        other.execute("DELETE FROM audit_rowchange")


@pytest.mark.django_db
@pytest.mark.owner
def test_a_trigger_that_was_changed_or_dropped_comes_back():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_every ON business_branch")
        cursor.execute("CREATE TRIGGER audit_old AFTER INSERT ON business_service FOR EACH ROW"
                       " EXECUTE FUNCTION audit_record('{}')")  # fmt: skip
        database.install()
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'audit%' AND tgrelid IN"
                       " ('business_branch'::regclass, 'business_service'::regclass)")  # fmt: skip
        assert cursor.fetchall() == [("audit_every",), ("audit_every",)]

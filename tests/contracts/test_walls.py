"""Whatever belongs to an organization is kept in it: by the manager and by the database."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_scopes.manager import DisabledQuerySet

from smartqueue.common.managers import TenantManager, person_of
from smartqueue.common.walls import (
    ORGANIZATION,
    RaiseWalls,
    may_be_without,
    names_organization,
    parents,
    tenant_relations,
)

# Rows that name an organization and are not kept in it, each with the reason.
NOT_KEPT = {
    "outbox.DomainEvent": "walls of its own, test_walls_hold.py: read under its key, never changed",
    "notifications.Notification": "belongs to its person; the organization says who sent it",
    "notifications.OutgoingMessage": "belongs to its person and to the workers that send it; the"
    " organization says who pays, and reads its own through `queries.messages_of` alone",
}

# Rows of these belong to an organization or, without one, to those named here.
OF_NONE = {
    "support.SupportCase": "the platform, which looks after its own cases, and the person",
    "support.CaseMessage": "as its case",
    "support.CaseAttachment": "as its case",
    "audit.RowChange": "nobody: what was done to an account or to the platform's own tables",
}


def models() -> list[Any]:
    ours = apps.get_models(include_auto_created=True)
    return [m for m in ours if m.__module__.startswith("smartqueue.") and m._meta.managed]


def naming_an_organization() -> list[Any]:
    return [
        model
        for model in models()
        if any(field.attname == ORGANIZATION for field in model._meta.concrete_fields)
        and model._meta.label not in NOT_KEPT
    ]


def relations() -> list[tuple[Any, Any]]:
    return [(m, field) for m in naming_an_organization() for field in tenant_relations(m)]


def composite_keys() -> set[tuple[str, str, str]]:
    """Return (table, column, table pointed at) of every key that (organization, id) makes up."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT own.relname, named.attname, target.relname
            FROM pg_constraint AS found
            JOIN pg_class AS own ON own.oid = found.conrelid
            JOIN pg_class AS target ON target.oid = found.confrelid
            JOIN pg_attribute AS first ON first.attrelid = own.oid
                AND first.attnum = found.conkey[1] AND first.attname = 'organization_id'
            JOIN pg_attribute AS there ON there.attrelid = target.oid
                AND there.attnum = found.confkey[1] AND there.attname = 'organization_id'
            JOIN pg_attribute AS named ON named.attrelid = own.oid AND named.attnum = found.conkey[2]
            WHERE found.contype = 'f' AND cardinality(found.conkey) = 2 AND found.convalidated
            """
        )
        return set(cursor.fetchall())


def missing_keys() -> list[str]:
    there = composite_keys()
    return [
        f"{model._meta.label}.{field.name}"
        for model, field in relations()
        if (model._meta.db_table, field.column, field.related_model._meta.db_table) not in there
    ]


def test_what_names_an_organization_is_read_under_a_scope():
    open_ = [
        model._meta.label
        for model in naming_an_organization()
        if not isinstance(model._default_manager.get_queryset(), DisabledQuerySet)
    ]
    assert open_ == []


def test_managers_of_scoped_rows_are_ours():
    """Django-scopes' own would leave `with_scopes_disabled()` to what the database lets see."""
    scoped = [m for m in naming_an_organization() if not m._meta.auto_created]
    assert [m for m in scoped if not isinstance(m._default_manager, TenantManager)] == []


def test_what_names_an_organization_has_one_but_for_the_rows_of_none():
    without = {m._meta.label for m in naming_an_organization() if may_be_without(m)}
    assert without == set(OF_NONE)


def test_the_exemptions_are_all_needed():
    known = {m._meta.label for m in models()}
    named = {
        m._meta.label
        for m in models()
        if any(field.attname == ORGANIZATION for field in m._meta.concrete_fields)
    }
    assert {label for label in NOT_KEPT if label in known} <= named


@pytest.mark.django_db
def test_no_row_can_point_at_another_organizations():
    """A migration of the app calls `walls.RaiseWalls`; docs/patterns/tenancy.md."""
    assert relations()
    assert missing_keys() == []


@pytest.mark.django_db
@pytest.mark.owner
def test_control_a_missing_key_is_seen():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE queues_ticket DROP CONSTRAINT queues_ticket_queue_id_in_wall")

    assert missing_keys() == ["queues.Ticket.queue"]


@pytest.mark.django_db
def test_as_many_keys_are_checked_as_before():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid = 'queues_ticket'::regclass"
        )
        (count,) = cursor.fetchone()

    assert count == sum(
        f.is_relation for f in apps.get_model("queues.Ticket")._meta.concrete_fields
    )


def walls() -> set[tuple[Any, ...]]:
    """Return every row policy, and every table where policies are on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, policyname, cmd, qual, with_check, roles::text FROM pg_policies"
            " UNION ALL SELECT relname, 'on', NULL, NULL, NULL, NULL FROM pg_class"
            " WHERE relrowsecurity"
        )
        return set(cursor.fetchall())


def walled_models() -> list[Any]:
    kept = [m for m in models() if names_organization(m) or parents(m)]
    return [m for m in kept if m._meta.label not in NOT_KEPT]


def raise_all() -> None:
    """Raise the walls as the models of today describe them."""
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor() as editor:
        for label in sorted({m._meta.app_label for m in walled_models()}):
            own = [m for m in walled_models() if m._meta.app_label == label]
            operation = RaiseWalls(
                public=[m.__name__ for m in own if getattr(m, "anybody_reads", False)],
                personal={m.__name__: person_of(m) for m in own if person_of(m)},
                platform=[m.__name__ for m in own if getattr(m, "of_platform", False)],
                but=[name.split(".")[1] for name in NOT_KEPT if name.startswith(f"{label}.")],
            )
            operation.database_forwards(label, editor, state, state)


@pytest.mark.django_db
@pytest.mark.owner
def test_every_table_has_the_wall_that_its_model_describes():
    """A migration calls `walls.RaiseWalls`, saying what the models say; docs/patterns/tenancy.md."""
    before = walls()
    raise_all()

    assert sorted(map(str, before ^ walls())) == []
    assert {row[0] for row in before if row[1] == "on"} >= {
        m._meta.db_table for m in walled_models()
    }


@pytest.mark.django_db
@pytest.mark.owner
def test_control_a_table_without_its_wall_is_seen():
    with connection.cursor() as cursor:
        cursor.execute("DROP POLICY wall_read ON queues_ticket")
    before = walls()
    raise_all()

    assert {row[:2] for row in before ^ walls()} == {("queues_ticket", "wall_read")}

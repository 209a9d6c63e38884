"""The journal misses nothing: every table, every kind of event, every way around the operations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection, models
from model_bakery import baker
from psycopg import sql

from config import labels
from smartqueue.audit import database, wording
from smartqueue.audit.models import Entry, RowChange
from smartqueue.audit.tracking import HOT, IGNORED, SECRETS, UNTRACKED, Tracked, tracked_tables
from smartqueue.common import tenancy
from smartqueue.common.tests.roles import web_role
from smartqueue.outbox.events import known_events
from smartqueue.outbox.models import DomainEvent
from tests.contracts.places import Caller, ask, make_world, requests

TRACKED = list(tracked_tables())


# --- Every table ------------------------------------------------------------------------------


def test_the_lists_name_models_and_fields_that_exist() -> None:
    for label in (*HOT, *UNTRACKED, *SECRETS, *IGNORED):
        apps.get_model(label)
    for label, hot in HOT.items():
        names = {f.name for f in apps.get_model(label)._meta.concrete_fields}
        assert set(hot.watched) <= names, label
    for names in (SECRETS, IGNORED):
        for label, columns in names.items():
            model = apps.get_model(label)
            assert set(columns) <= {f.column for f in model._meta.concrete_fields}, label
    assert not set(HOT) & set(UNTRACKED)


def test_every_table_is_watched_or_left_out_for_a_reason() -> None:
    managed = {m._meta.label for m in apps.get_models(include_auto_created=True) if m._meta.managed}
    assert {tracked.label for tracked in TRACKED} == managed - set(UNTRACKED)


@pytest.mark.django_db
def test_the_database_has_the_triggers_that_the_code_says() -> None:
    with connection.cursor() as cursor:
        present = set(database._present_triggers(cursor))
    assert present == {
        (tracked.table, name) for tracked in TRACKED for name, _ in database.triggers_of(tracked)
    }


# What a made-up value would be refused for.
SAMPLES: dict[str, dict[str, Any]] = {
    "business.OpeningHours": {"weekday": 0, "opens_at": "08:00", "closes_at": "12:00"},
    "dialogues.BranchLine": {"missed_call_number": "+221338000000"},
}


def _put_rows_everywhere() -> None:
    """Give every watched table a row; whatever it points at is there already."""
    world = make_world()
    Caller.of("owner", world)
    for tracked in TRACKED:
        rows: Any = apps.get_model(tracked.label)._base_manager
        if not rows.exists():
            fields = rows.model._meta.concrete_fields
            targets = {f.name: f.related_model._base_manager for f in fields if f.is_relation}
            points_at = {name: found.first() for name, found in targets.items() if found.exists()}
            baker.make(rows.model, **points_at | SAMPLES.get(tracked.label, {}))


def _change(other: psycopg.Connection[Any], tracked: Tracked) -> str:
    """Change any column of any row; return which, or "" after deleting it where none gives way."""
    model = apps.get_model(tracked.label)
    table = sql.Identifier(tracked.table)
    for field in model._meta.concrete_fields:
        if field.primary_key or field.generated or field.column in tracked.ignored:
            continue
        changed = _changed(field)
        if changed is None:
            continue
        column = sql.Identifier(str(field.column))
        try:
            with other.transaction():
                done = other.execute(
                    sql.SQL("UPDATE {} SET {} = {} WHERE ctid = (SELECT min(ctid) FROM {})").format(
                        table, column, sql.SQL(changed).format(column), table
                    )
                )
        except psycopg.Error:
            continue
        if done.rowcount == 1:
            return str(field.column)
    # Consents give way to nobody else.
    other.execute("SET LOCAL smartqueue.retention = 'on'")
    other.execute(
        sql.SQL("DELETE FROM {} WHERE ctid = (SELECT min(ctid) FROM {})").format(table, table)
    )
    return ""


def _changed(field: Any) -> str | None:
    kinds = (kind for kind in CHANGED if isinstance(field, kind) and not field.is_relation)
    return next((CHANGED[kind] for kind in kinds), None)


CHANGED: dict[type[Any], str] = {
    models.BooleanField: "NOT coalesce({}, false)",
    models.JSONField: """'{{"changed": true}}'::jsonb""",
    models.DateTimeField: "coalesce({}, now()) + interval '1 second'",
    models.IntegerField: "coalesce({}, 0) + 1",
    models.CharField: "'z'",
    models.TextField: "'z'",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.owner
def test_sql_of_the_serving_role_shows_on_every_watched_table() -> None:
    _put_rows_everywhere()

    traces = {}
    for tracked in TRACKED:
        with web_role(autocommit=False) as other:
            # What is tried is a savepoint of this transaction, by somebody who claims every key.
            other.execute("SELECT set_config(%s, %s, true)", [tenancy.SETTING, tenancy.EVERY_KEY])
            changed = _change(other, tracked)
            kept = other.execute(
                "SELECT actor, is_direct, kind, after FROM audit_rowchange"
                ' WHERE "table" = %s AND transaction_id = pg_current_xact_id()::text::bigint',
                [tracked.table],
            ).fetchall()
            other.rollback()
            user = other.info.user
        expected = ("update", changed) if changed else ("delete", "")
        traces[tracked.label] = expected, [
            (kind, *(after or [""])) for actor, is_direct, kind, after in kept
            if is_direct and actor == f"database:{user}"
        ]  # fmt: skip

    assert {
        label: found for label, (expected, found) in traces.items() if found != [expected]
    } == {}


# --- Every operation --------------------------------------------------------------------------


@pytest.mark.django_db
def test_whatever_the_api_writes_has_an_author() -> None:
    """Ask everything as everybody: no row changes but in somebody's name."""
    world = make_world()
    callers = [Caller.of(name, world) for name in ("anonymous", "customer_a", "agent", "owner")]
    since = (
        RowChange.objects.with_scopes_disabled().order_by("id").values_list("id", flat=True).last()
    )

    for method, path in requests():
        if method != "GET" and path.startswith("api/"):
            for caller in callers:
                ask(caller, method, path)

    kept = RowChange.objects.with_scopes_disabled().filter(id__gt=since)
    assert kept.filter(is_direct=False).count() > 20
    direct = kept.filter(is_direct=True).values_list("table", "kind", "after")
    assert [row for row in direct if row[0] not in BESIDE_OPERATIONS] == []


# Django keeps its cookies' sessions and last sign-ins by itself.
BESIDE_OPERATIONS = {"accounts_user"}


@pytest.mark.django_db
def test_every_kind_of_event_is_read_in_the_journal() -> None:
    world = make_world()
    organization_id = world.place.organization.pk
    now = datetime.now(UTC)
    for index, name in enumerate(sorted(known_events())):
        DomainEvent.objects.create(
            type=name, organization_id=organization_id, actor="system", subject_type="x",
            subject_id=organization_id, subject_version=0, payload={}, request_id="",
            occurred_at=now + timedelta(seconds=index),
        )  # fmt: skip

    with tenancy.organizations([organization_id]):
        found = set(Entry.objects.values_list("type", flat=True))

    assert set(known_events()) <= found


def ours() -> list[str]:
    return sorted(name for name, cls in known_events().items() if ".tests." not in cls.__module__)


@pytest.mark.parametrize("name", ours())
def test_every_kind_of_event_has_a_sentence(name: str) -> None:
    assert name.rpartition(".v")[0] in wording.SENTENCES


def test_every_sentence_has_an_event() -> None:
    assert set(wording.SENTENCES) == {name.rpartition(".v")[0] for name in ours()}


def test_every_area_holds_something() -> None:
    names = [*known_events(), *(tracked.table for tracked in TRACKED)]
    for prefix in wording.AREAS:
        assert any(name.startswith(prefix) for name in names), prefix


@pytest.mark.parametrize("label", [t.label for t in TRACKED if t.organization or t.owner])
def test_every_table_that_owners_read_of_has_a_name(label: str) -> None:
    labels.name_everything()
    assert label in labels.MODELS


def test_an_unknown_table_and_column_are_told_as_they_are() -> None:
    assert wording.table_name("nowhere") == "nowhere"
    assert wording.column_name("nowhere", "x") == "x"
    assert wording.value_text("nowhere", "x", ["a", "b"]) == "a, b"

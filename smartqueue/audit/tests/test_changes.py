"""What the triggers keep: whose change it was, before and after, and what they leave alone."""

import tempfile
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg.pq import Trace

from smartqueue.accounts.actor import SYSTEM
from smartqueue.audit.models import RowChange
from smartqueue.business import operations as business_operations
from smartqueue.business.models import Branch, Organization
from smartqueue.common import acting
from smartqueue.common.db import operation, unit_of_work
from smartqueue.common.tests.roles import web_role
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.errors import CounterBusy
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import NOW, join, make_place, sit_down


@pytest.fixture
def changes(db: None) -> Any:
    """Return what was kept since the last look."""

    class Kept:
        def __init__(self) -> None:
            self.seen: set[Any] = set()
            self()

        def __call__(self, table: str = "") -> list[RowChange]:
            rows = [
                r
                for r in RowChange.objects.with_scopes_disabled().order_by("id")
                if r.pk not in self.seen
            ]
            self.seen |= {row.pk for row in rows}
            return [row for row in rows if not table or row.table == table]

    return Kept()


def test_an_operation_is_kept_with_who_when_and_what_was_before(changes):
    place = make_place()
    changes()

    business_operations.update_branch(
        actor=place.owner, branch_id=place.branch.pk, changes={"address": "12 rue Vincens"}, now=NOW
    )

    (kept,) = changes()
    assert (kept.table, kept.kind, kept.row_id) == (
        "business_branch",
        "update",
        str(place.branch.pk),
    )
    assert (kept.actor, kept.is_direct, kept.at) == (place.owner.label, False, NOW)
    assert kept.organization_id == place.organization.pk
    assert kept.branch_id == place.branch.pk
    assert kept.before == {"address": "", "version": 1}
    assert kept.after == {"address": "12 rue Vincens", "version": 2}


def test_a_change_and_its_event_name_the_same_transaction(changes):
    place = make_place()
    changes()

    business_operations.update_branch(
        actor=place.owner, branch_id=place.branch.pk, changes={"address": "x"}, now=NOW
    )

    (kept,) = changes()
    event = DomainEvent.objects.get(type="business.branch.changed.v1")
    assert event.transaction_id == kept.transaction_id


def test_a_request_is_kept_with_its_address_and_id(changes, client):
    place = make_place()
    changes()
    client.force_login(place_owner(place))

    client.patch(
        f"/api/business/branches/{place.branch.pk}/",
        {"address": "x"},
        content_type="application/json",
        headers={"X-Request-ID": "abc-1"},
        REMOTE_ADDR="41.82.1.2",
    )

    (kept,) = changes("business_branch")
    assert (kept.actor, kept.request_id, kept.address) == (
        place.owner.label,
        "abc-1",
        "41.82.1.2",
    )


def place_owner(place: Any) -> Any:
    from smartqueue.accounts.models import User  # noqa: PLC0415

    return User.objects.get(pk=place.owner.user_id)


def test_sql_past_the_operations_is_kept_under_the_databases_user(changes):
    place = make_place()
    changes()

    Organization.objects.filter(pk=place.organization.pk).update(name="Mairie de Thiès")

    (kept,) = changes()
    assert kept.is_direct
    assert kept.actor == f"database:{connection.settings_dict['USER']}"
    assert kept.after == {"name": "Mairie de Thiès"}


def test_a_row_that_ends_as_it_was_is_no_change(changes):
    place = make_place()
    changes()

    Organization.objects.filter(pk=place.organization.pk).update(name=place.organization.name)

    assert changes() == []


def test_a_deleted_row_is_kept_whole(changes):
    place = make_place()
    extra = Branch.objects.with_scopes_disabled().create(
        organization=place.organization, name="B", slug="b", point=place.branch.point,
        created_at=NOW,
    )  # fmt: skip
    changes()

    Branch.objects.with_scopes_disabled().filter(pk=extra.pk).delete()

    (kept,) = changes("business_branch")
    assert kept.kind == "delete"
    assert kept.before["name"] == "B"
    assert kept.after is None


def test_a_row_without_an_organization_finds_it_through_its_owner(changes):
    from smartqueue.business.models import Membership  # noqa: PLC0415

    place = make_place(agents=1)
    member = Membership.objects.with_scopes_disabled().get(user_id=place.agents[0].user_id)
    changes()

    Membership.branches.through.objects.create(membership_id=member.pk, branch_id=place.branch.pk)

    (kept,) = changes("business_membership_branches")
    assert kept.organization_id == place.organization.pk


def test_the_hot_path_adds_no_row(changes):
    place = make_place()
    session = sit_down(place)
    ticket = join(place, customer_name="Awa", phone="+221771234567")
    changes()

    called = {"actor": place.agents[0], "ticket_id": ticket.pk}
    queue_operations.call_ticket(**called, session_id=session.pk, now=NOW + timedelta(minutes=1))
    queue_operations.start_ticket(**called, now=NOW + timedelta(minutes=2))
    queue_operations.complete_ticket(**called, now=NOW + timedelta(minutes=3))
    join(place)

    assert changes() == []


EARLIER = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("column", "value"),
    [("state", "cancelled"), ("version", 9), ("number", "Z1"), ("order_key", EARLIER)],
    ids=["state", "version", "number", "order_key"],
)
def test_sql_past_the_operations_is_seen_on_tickets(changes, column, value):
    place = make_place()
    ticket = join(place)
    changes()

    Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk).update(**{column: value})

    (kept,) = changes()
    assert (kept.table, list(kept.after)) == ("queues_ticket", [column])


def test_a_note_is_kept_and_sealed(changes):
    place = make_place()
    session = sit_down(place)
    ticket = join(place)
    do = {"actor": place.agents[0], "ticket_id": ticket.pk}
    queue_operations.call_ticket(**do, session_id=session.pk, now=NOW + timedelta(minutes=1))
    queue_operations.start_ticket(**do, now=NOW + timedelta(minutes=2))
    changes()

    queue_operations.complete_ticket(**do, note="dossier 12", now=NOW + timedelta(minutes=3))

    (kept,) = changes()
    assert (kept.table, kept.actor) == ("queues_ticket", place.agents[0].label)
    assert kept.before == {"note": ""}
    assert kept.after["note"].keys() == {"sealed", "for"}


def test_settings_of_a_queue_are_kept_and_its_figures_are_not(changes):
    place = make_place()
    changes()

    queue_operations.update_queue(actor=place.owner, queue_id=place.queue.pk, max_calls=5)
    queue_operations.pause_queue(actor=place.owner, queue_id=place.queue.pk, reason="", now=NOW)

    (kept,) = changes("queues_queue")
    assert kept.before == {"max_calls": 3}
    assert kept.after == {"max_calls": 5}


def test_a_password_is_kept_as_changed_and_no_more(changes):
    place = make_place()
    user = place_owner(place)
    changes()

    user.set_password("correct horse")
    user.save()

    (kept,) = changes("accounts_user")
    assert kept.before == kept.after == {"password": {"secret": True}}


def test_the_actor_reaches_a_transaction_only_within_its_unit(changes):
    place = make_place()
    rows = Organization.objects.filter(pk=place.organization.pk)
    changes()

    with unit_of_work(place.owner, NOW):
        rows.update(name="a")
    rows.update(name="b")

    assert [(row.actor == place.owner.label, row.is_direct) for row in changes()] == [
        (True, False),
        (False, True),
    ]


def test_a_failed_unit_leaves_no_actor_behind(changes):
    place = make_place()
    rows = Organization.objects.filter(pk=place.organization.pk)
    changes()

    def fail() -> None:
        with unit_of_work(place.owner, NOW):
            rows.update(name="a")
            raise CounterBusy

    with pytest.raises(CounterBusy):
        fail()
    rows.update(name="b")

    assert [row.is_direct for row in changes()] == [True]


@operation
def rename(*, actor: Any, organization_id: Any, now: Any) -> None:
    Organization.objects.filter(pk=organization_id).update(name="Mairie")


def test_work_without_a_person_is_the_systems(changes):
    place = make_place()
    changes()

    rename(actor=SYSTEM, organization_id=place.organization.pk, now=NOW)
    with unit_of_work():
        Organization.objects.update(name="x")

    assert [(row.actor, row.is_direct) for row in changes()] == [("system", False)] * 2


@pytest.mark.django_db(transaction=True)
def test_the_actor_travels_with_begin_and_costs_no_statement():
    place = make_place()
    connection.ensure_connection()
    with tempfile.TemporaryFile() as trace:
        raw = connection.connection
        raw.pgconn.trace(trace.fileno())
        raw.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        rename(actor=place.owner, organization_id=place.organization.pk, now=NOW)
        raw.pgconn.untrace()
        trace.seek(0)
        sent = [line for line in trace.read().split(b"\n") if line.startswith(b"F")]

    assert [line.split(b"\t")[2] for line in sent] == [b"Query"] * 3
    assert b"\"BEGIN; SET LOCAL smartqueue.acting = 'user:" in sent[0]
    assert b'"COMMIT"' in sent[2]
    kept = RowChange.objects.with_scopes_disabled().get(
        table="business_organization", kind="update"
    )
    assert (kept.actor, kept.at) == (place.owner.label, NOW)


@pytest.mark.django_db(transaction=True)
def test_the_next_transaction_of_a_connection_has_no_actor():
    place = make_place()
    rename(actor=place.owner, organization_id=place.organization.pk, now=NOW)

    Organization.objects.filter(pk=place.organization.pk).update(name="again")

    kept = (
        RowChange.objects.with_scopes_disabled()
        .filter(table="business_organization", kind="update")
        .order_by("id")
    )
    assert [row.is_direct for row in kept] == [False, True]


def test_no_text_can_leave_the_setting():
    class Sly:
        label = "user:'; DROP TABLE x; --|a|b"

    assert acting._statement(Sly(), NOW).count(b"'") == 2
    assert acting._statement(Sly(), NOW).count(b"|") == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.owner
def test_the_serving_role_cannot_write_the_journal_and_is_seen_by_it():
    place = make_place()

    with web_role() as other:
        other.execute("UPDATE business_organization SET name = 'x'")

    kept = RowChange.objects.with_scopes_disabled().get(
        table="business_organization", kind="update"
    )
    assert kept.is_direct
    assert kept.actor.startswith("database:")
    assert kept.actor != f"database:{connection.settings_dict['USER']}"
    assert str(kept.address) in {"127.0.0.1", "::1", "None"}
    assert kept.organization_id == place.organization.pk


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_told_as_one():
    place = make_place()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with psycopg.connect(**_same_database()) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])

    with pytest.raises(OperationalError):
        rename(actor=place.owner, organization_id=place.organization.pk, now=NOW)
    connection.close()
    rename(actor=place.owner, organization_id=place.organization.pk, now=NOW)
    assert Organization.objects.get().name == "Mairie"


def _same_database() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {name: known[name] for name in ("host", "port", "user", "password", "dbname")}

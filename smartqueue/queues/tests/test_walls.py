"""The shared migration operation, on the tables of the queues."""

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AlterField, RemoveField
from django.db.migrations.state import ProjectState

from smartqueue.business.models import Service
from smartqueue.common.walls import RaiseWalls
from smartqueue.queues.models import Queue, Ticket
from smartqueue.queues.tests.factories import join, make_place, make_service, sit_down

pytestmark = pytest.mark.django_db


def rows(model: Any) -> Any:
    return model.objects.with_scopes_disabled()


def check_keys() -> None:
    """Do now what the commit would do."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def write(model: Any, row: UUID, **changes: Any) -> None:
    """Change a row past every check but the database's own."""
    with transaction.atomic():
        rows(model).filter(pk=row).update(**changes)
        check_keys()


def foreign_keys(table: str) -> dict[str, str]:
    """Return the definition of each foreign key of a table, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid = %s::regclass",
            [table],
        )
        return dict(cursor.fetchall())


def present() -> ProjectState:
    return MigrationLoader(connection).project_state()


def change(operation: Any, before: ProjectState | None = None) -> ProjectState:
    """Carry out a migration operation on `queues`; return the state after it."""
    before = before or present()
    after = before.clone()
    operation.state_forwards("queues", after)
    with connection.schema_editor() as editor:
        operation.database_forwards("queues", editor, before, after)
    return after


@pytest.mark.parametrize("field", ["queue", "issuing_queue", "branch", "service"])
def test_a_ticket_cannot_point_at_another_organizations(field: str):
    place, other = make_place(), make_place()
    ticket = join(place)
    theirs = {
        "queue": other.queue,
        "issuing_queue": other.queue,
        "branch": other.branch,
        "service": other.service,
    }[field]
    check_keys()

    with pytest.raises(IntegrityError, match="in_wall"):
        write(Ticket, ticket.pk, **{field: theirs})


def test_a_row_cannot_move_to_another_organization_alone():
    place, other = make_place(), make_place()
    check_keys()

    with pytest.raises(IntegrityError, match="stays with its organization"):
        write(Queue, place.queue.pk, organization=other.organization)


def test_nothing_is_pointed_at_where_the_column_is_empty():
    ticket = join(make_place())
    rows(Ticket).filter(pk=ticket.pk).update(service=None, session=None, counter=None)

    check_keys()


def test_deleting_what_is_pointed_at_goes_as_the_model_says():
    place = make_place()
    service = make_service(place.organization)
    rows(Ticket).filter(pk=join(place).pk).update(service=service)

    rows(Service).get(pk=service.pk).delete()

    check_keys()
    assert rows(Ticket).get().service_id is None


@pytest.mark.owner
def test_what_the_database_did_on_deletion_it_goes_on_doing():
    place = make_place()
    ticket, session = join(place), sit_down(place)
    rows(Ticket).filter(pk=ticket.pk).update(service=place.service, session=session)
    check_keys()
    with connection.cursor() as cursor:
        for column, target, rule in (
            ("service_id", "business_service", "SET NULL"),
            ("session_id", "queues_countersession", "CASCADE"),
        ):
            cursor.execute(
                f"ALTER TABLE queues_ticket DROP CONSTRAINT queues_ticket_{column}_in_wall"
            )
            cursor.execute(
                f"ALTER TABLE queues_ticket ADD FOREIGN KEY ({column})"
                f" REFERENCES {target} (id) ON DELETE {rule}"
            )
        change(RaiseWalls())
        keys = foreign_keys("queues_ticket")
        cursor.execute("DELETE FROM queues_queueservice")
        cursor.execute("DELETE FROM business_service WHERE id = %s", [place.service.pk])
        kept = rows(Ticket).values_list("organization_id", "service_id").get()
        cursor.execute("DELETE FROM queues_ticketperiod")
        cursor.execute("DELETE FROM queues_countersession WHERE id = %s", [session.pk])

    assert keys["queues_ticket_service_id_in_wall"].endswith("ON DELETE SET NULL (service_id)")
    assert keys["queues_ticket_session_id_in_wall"].endswith("ON DELETE CASCADE")
    assert kept == (place.organization.pk, None)
    assert not rows(Ticket).exists()


@pytest.mark.owner
def test_raising_again_changes_nothing():
    before = foreign_keys("queues_ticket")

    change(RaiseWalls())

    assert foreign_keys("queues_ticket") == before


@pytest.mark.owner
def test_the_walls_come_down_to_what_the_models_say_and_go_up_again():
    before = foreign_keys("queues_ticket")
    state = present()
    with connection.schema_editor() as editor:
        RaiseWalls().database_backwards("queues", editor, state, state)
    down = foreign_keys("queues_ticket")
    change(RaiseWalls())

    assert not any(name.endswith("in_wall") for name in down)
    assert down["queues_ticket_queue_id_f17bf578_fk_queues_queue_id"] == (
        "FOREIGN KEY (queue_id) REFERENCES queues_queue(id) DEFERRABLE INITIALLY DEFERRED"
    )
    assert len(down) == len(before)
    assert foreign_keys("queues_ticket") == before


@pytest.mark.owner
def test_later_migrations_may_change_and_remove_the_column():
    before = foreign_keys("queues_ticket")
    field = models.ForeignKey("queues.Queue", on_delete=models.CASCADE, null=True, related_name="+")

    state = change(AlterField("Ticket", "issuing_queue", field))
    altered = foreign_keys("queues_ticket")
    change(RemoveField("Ticket", "service"), state)

    assert altered == before
    assert foreign_keys("queues_ticket").keys() == before.keys() - {
        "queues_ticket_service_id_in_wall"
    }


def test_the_index_of_the_key_serves_for_the_organizations_own():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'queues_ticket'")
        names = {name for (name,) in cursor.fetchall()}

    assert "queues_ticket_in_wall" in names
    assert not any(name.startswith("queues_ticket_organization_id") for name in names)


def test_an_unknown_id_is_refused_as_before():
    ticket = join(make_place())

    with pytest.raises(IntegrityError, match="in_wall"):
        write(Ticket, ticket.pk, queue_id=UUID(int=1))

"""
The second wall alone: the first, the managers, is taken away, and the role that serves asks.

Each proof has its control: without the policies of a table the same question is answered.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import Error, connection, models, transaction

from smartqueue.business.models import Invitation, Membership, OpeningHours
from smartqueue.common import tenancy
from smartqueue.common.ids import new_id
from smartqueue.common.walls import is_tenant
from smartqueue.queues.models import (
    ExpectedPeople,
    QueuePriority,
    QueueWaits,
    SessionBreak,
    Ticket,
    VehicleCategory,
)
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import NOW
from tests.contracts.places import World, make_world
from tests.contracts.test_walls import walled_models

AsWeb = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def world(as_web: AsWeb) -> World:
    """Organization A with a row in every table, and B, in whose name it is asked for."""
    tenancy.state.set(None)
    made = make_world()
    place = made.place
    of = {"organization": place.organization}
    SessionBreak.objects.with_scopes_disabled().create(
        **of, session_id=made.ids["sessions"], started_at=NOW
    )
    OpeningHours.objects.with_scopes_disabled().create(
        **of, branch=place.branch, weekday=0, opens_at="08:00", closes_at="12:00"
    )
    QueuePriority.objects.with_scopes_disabled().get_or_create(
        **of, queue=place.queue, code="elder", defaults={"name": "Aînés"}
    )
    category = VehicleCategory.objects.with_scopes_disabled().create(
        **of, queue=place.queue, code="bus", name="Bus", duration_minutes=9
    )
    ExpectedPeople.objects.with_scopes_disabled().create(
        **of,
        branch=place.branch,
        service=place.service,
        slot_at=NOW,
        people=2,
        head_start_minutes=25,
    )
    QueueWaits.objects.get_or_create(queue=place.queue, defaults={"state": {}, "updated_at": NOW})
    with tenancy.organizations([place.organization.pk]):
        category.lanes.set(place.counters)
        Membership.objects.first().branches.set([place.branch])
        Invitation.objects.first().branches.set([place.branch])
    tenancy.state.set(None)
    return made


def rows_of(model: Any, world: World) -> "models.QuerySet[Any]":
    """Return A's rows as a manager without any scope gives them."""
    rows = models.QuerySet(model)
    if is_tenant(model):
        return rows.filter(organization_id=world.place.organization.pk)
    return rows


def is_public(model: Any) -> bool:
    if is_tenant(model):
        return getattr(model, "anybody_reads", False)
    tenants = [f.related_model for f in model._meta.concrete_fields if f.is_relation]
    return all(getattr(tenant, "anybody_reads", False) for tenant in tenants)


@contextmanager
def without_policies(model: Any) -> Iterator[None]:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def changed_by(change: Callable[[], Any]) -> int:
    """Return how many rows a change reaches, and take it back; one that is refused reaches none."""
    reached = 0
    try:
        with transaction.atomic():
            reached = change()
            transaction.set_rollback(True)
    except Error as error:
        if "row-level security" not in str(error):
            raise
    return reached


def add_copy(row: Any) -> int:
    """Insert another row of the same organization; what else is wrong with it shows only later."""
    row.pk = new_id()
    row._state.adding = True
    row._state.db = "default"
    row.save(force_insert=True)
    return 1


def test_every_table_has_rows_to_be_found(world: World):
    assert [m._meta.label for m in walled_models() if not rows_of(m, world).exists()] == []


def test_without_a_scope_nothing_is_found_but_what_is_public(world: World, as_web: AsWeb):
    with as_web():
        found = {m for m in walled_models() if rows_of(m, world).exists()}

    assert found == {m for m in walled_models() if is_public(m)}


def test_another_organizations_scope_finds_nothing_but_what_is_public(world: World, as_web: AsWeb):
    with as_web(), tenancy.organizations([world.other.organization.pk]):
        found = {m for m in walled_models() if is_tenant(m) and rows_of(m, world).exists()}

    assert found == {m for m in walled_models() if is_tenant(m) and is_public(m)}


def test_another_organizations_scope_changes_nothing(world: World, as_web: AsWeb):
    touched = []
    with as_web(), tenancy.organizations([world.other.organization.pk]):
        for model in filter(is_tenant, walled_models()):
            rows = rows_of(model, world)
            update = changed_by(
                lambda rows=rows: rows.update(organization_id=models.F("organization_id"))
            )
            delete = changed_by(lambda rows=rows: rows._raw_delete("default"))
            if update or delete:
                touched.append((model._meta.label, update, delete))

    assert touched == []


def test_another_organizations_scope_adds_nothing(world: World, as_web: AsWeb):
    tenants = [m for m in walled_models() if is_tenant(m)]
    rows = [rows_of(m, world).first() for m in tenants]
    with as_web(), tenancy.organizations([world.other.organization.pk]):
        added = [type(row).__name__ for row in rows if changed_by(lambda row=row: add_copy(row))]

    assert added == []


def test_control_the_own_scope_reads_and_changes(world: World, as_web: AsWeb):
    missing, fixed = [], []
    with as_web(), tenancy.organizations([world.place.organization.pk]):
        for model in walled_models():
            rows = rows_of(model, world)
            if not rows.exists():
                missing.append(model._meta.label)
            elif is_tenant(model) and not changed_by(
                lambda rows=rows: rows.update(organization_id=models.F("organization_id"))
            ):
                fixed.append(model._meta.label)

    assert (missing, fixed) == ([], [])


def test_control_without_policies_the_same_questions_are_answered(world: World, as_web: AsWeb):
    kept = []
    for model in filter(is_tenant, walled_models()):
        rows = rows_of(model, world)
        with (
            without_policies(model),
            as_web(),
            tenancy.organizations([world.other.organization.pk]),
        ):
            found = rows.exists()
            changed = changed_by(
                lambda rows=rows: rows.update(organization_id=models.F("organization_id"))
            )
        if not (found and changed):
            kept.append(model._meta.label)

    assert kept == []


@pytest.fixture
def no_first_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every manager of tickets give all of them, whatever the scope."""
    monkeypatch.setattr(
        type(Ticket._default_manager), "get_queryset", lambda self: models.QuerySet(self.model)
    )


def test_a_list_over_rest_shows_a_person_their_own_tickets_alone(
    world: World, as_web: AsWeb, no_first_wall: None
):
    mine, theirs = (Api(world.people[who]) for who in ("customer_a", "customer_b"))
    with as_web():
        own = mine.get("queues/tickets/my/").json()["results"]
        others = theirs.get("queues/tickets/my/").json()["results"]

    assert [row["id"] for row in own] == [str(world.ids["tickets"])]
    assert others == []


def test_control_over_rest_the_list_leaks_without_policies(
    world: World, as_web: AsWeb, no_first_wall: None
):
    api = Api(world.people["customer_b"])
    with without_policies(Ticket), as_web():
        assert len(api.get("queues/tickets/my/").json()["results"]) > 1


def test_staff_of_another_organization_find_nothing_over_rest(
    world: World, as_web: AsWeb, no_first_wall: None, monkeypatch: pytest.MonkeyPatch
):
    """Also when the policy forgets to narrow the list to the branches that the roles reach."""
    monkeypatch.setattr(
        "smartqueue.queues.policies.visible_to_staff", lambda actor, tickets: tickets
    )
    owner, other = Api(world.people["owner"]), Api(world.people["other_owner"])
    with as_web():
        own = owner.get("queues/tickets/").json()["results"]
        others = other.get("queues/tickets/").json()["results"]

    assert len(own) == 4
    assert others == []
    with without_policies(Ticket), as_web():
        assert len(other.get("queues/tickets/").json()["results"]) == 4


def test_a_write_over_rest_in_another_name_is_refused_by_the_database(
    world: World, as_web: AsWeb, monkeypatch: pytest.MonkeyPatch
):
    """A policy that lets everybody in, and narrows the scope to the wrong organization."""
    other = world.other.organization.pk

    def lenient(*args: Any) -> None:
        tenancy.enter(other)

    monkeypatch.setattr("smartqueue.queues.policies.require", lenient)
    api = Api(world.people["other_owner"])
    path = f"queues/queues/{world.place.queue.pk}/"
    with as_web(), pytest.raises(Error, match="row-level security"):
        api.call("patch", path, {"name": "Taken"})

    with without_policies(type(world.place.queue)), as_web():
        assert api.call("patch", path, {"name": "Taken"}).status_code == 200

"""
The second wall alone: the first, the managers, is taken away, and the role that serves asks.

Each proof has its control: without the policies of a table the same question is answered.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, models, transaction

from smartqueue.accounts.events import SignedOutEverywhere
from smartqueue.analytics.operations import count_wait_accuracy
from smartqueue.appointments.models import BusyTime
from smartqueue.audit.events import JournalExported
from smartqueue.audit.models import Entry, RowChange
from smartqueue.business.models import Invitation, Membership, OpeningHours
from smartqueue.common import tenancy
from smartqueue.common.db import insert_values
from smartqueue.common.ids import new_id
from smartqueue.common.walls import names_organization
from smartqueue.dialogues.models import BranchLine
from smartqueue.outbox import operations as outbox
from smartqueue.outbox.models import Delivery, DomainEvent
from smartqueue.queues.models import (
    ExpectedPeople,
    OrganizationWaits,
    QueuePriority,
    QueueWaits,
    RosterDay,
    SessionBreak,
    ShownEstimate,
    Ticket,
    VehicleCategory,
)
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import NOW
from smartqueue.support.enums import SubjectType
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase
from smartqueue.support.policies import visible_cases
from smartqueue.support.tests.factories import open_case, write_with_file
from tests.contracts.places import World, make_world
from tests.contracts.test_walls import walled_models

# Who asks in these is the role that serves; who changes the walls is their owner.
pytestmark = [pytest.mark.owner, pytest.mark.no_cover]

AsWeb = Callable[[], AbstractContextManager[None]]

# Nobody but the owner of the tables changes the journal, also not in the right scope.
UNCHANGEABLE = "audit.RowChange"
REFUSALS = ("row-level security", "permission denied for table audit_rowchange")


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
    BranchLine.objects.with_scopes_disabled().create(**of, branch=place.branch, code="MAIRIE")
    OpeningHours.objects.with_scopes_disabled().create(
        **of, branch=place.branch, weekday=0, opens_at="08:00", closes_at="12:00"
    )
    QueuePriority.objects.with_scopes_disabled().get_or_create(
        **of, queue=place.queue, code="elder", defaults={"name": "Aînés"}
    )
    open_case(place, made.people["customer_a"], subject_type=SubjectType.ACCOUNT, subject_id=None)
    write_with_file(
        SupportCase.objects.with_scopes_disabled().get(organization=None),
        made.people["customer_a"],
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
    BusyTime.objects.with_scopes_disabled().create(
        **of,
        calendar_id=made.ids["busy-calendars"],
        branch=place.branch,
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
    )
    QueueWaits.objects.get_or_create(queue=place.queue, defaults={"state": {}, "updated_at": NOW})
    OrganizationWaits.objects.with_scopes_disabled().create(**of, ratios={}, updated_at=NOW)
    RosterDay.objects.with_scopes_disabled().create(**of, queue=place.queue, weekday=0)
    ShownEstimate.objects.with_scopes_disabled().create(
        **of,
        queue=place.queue,
        ticket_id=made.ids["called"],
        **dict.fromkeys(("made_at", "called_at"), NOW),
        **dict.fromkeys(("people_ahead", "base", "delay", "low", "median", "high", "waited"), 1),
        at_joining=True,
        version=1,
    )
    count_wait_accuracy(actor=place.owner, queue_id=place.queue.pk, now=NOW)
    with tenancy.organizations([place.organization.pk]):
        category.lanes.set(place.counters)
        Membership.objects.first().branches.set([place.branch])
        Invitation.objects.first().branches.set([place.branch])
    tenancy.state.set(None)
    return made


def rows_of(model: Any, world: World) -> "models.QuerySet[Any]":
    """Return A's rows as a manager without any scope gives them."""
    rows = models.QuerySet(model)
    if names_organization(model):
        return rows.filter(organization_id=world.place.organization.pk)
    return rows


def is_public(model: Any) -> bool:
    if names_organization(model):
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
        if not any(refusal in str(error) for refusal in REFUSALS):
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
        found = {m for m in walled_models() if names_organization(m) and rows_of(m, world).exists()}

    assert found == {m for m in walled_models() if names_organization(m) and is_public(m)}


def test_another_organizations_scope_changes_nothing(world: World, as_web: AsWeb):
    touched = []
    with as_web(), tenancy.organizations([world.other.organization.pk]):
        for model in filter(names_organization, walled_models()):
            rows = rows_of(model, world)
            update = changed_by(
                lambda rows=rows: rows.update(organization_id=models.F("organization_id"))
            )
            delete = changed_by(lambda rows=rows: rows._raw_delete("default"))
            if update or delete:
                touched.append((model._meta.label, update, delete))

    assert touched == []


def test_another_organizations_scope_adds_nothing(world: World, as_web: AsWeb):
    tenants = [m for m in walled_models() if names_organization(m)]
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
            elif names_organization(model) and not changed_by(
                lambda rows=rows: rows.update(organization_id=models.F("organization_id"))
            ):
                fixed.append(model._meta.label)

    assert (missing, fixed) == ([], [UNCHANGEABLE])


def test_control_without_policies_the_same_questions_are_answered(world: World, as_web: AsWeb):
    kept = []
    for model in filter(names_organization, walled_models()):
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
        if not (found and (changed or model._meta.label == UNCHANGEABLE)):
            kept.append(model._meta.label)

    assert kept == []


OF_CASES = (SupportCase, CaseMessage, CaseAttachment)


def of_none(model: Any) -> "models.QuerySet[Any]":
    return models.QuerySet(model).filter(organization_id=None)


def found_of_none() -> set[str]:
    return {m.__name__ for m in (*OF_CASES, RowChange) if of_none(m).exists()}


def test_rows_of_no_organization_are_no_organizations_to_find(world: World, as_web: AsWeb):
    ids = [world.place.organization.pk, world.other.organization.pk]
    with as_web():
        assert found_of_none() == set()
        with tenancy.organizations(ids):
            assert found_of_none() == set()


def test_a_case_of_the_platform_is_its_persons_to_read_and_the_platforms_to_change(
    world: World, as_web: AsWeb
):
    cases = {model.__name__ for model in OF_CASES}
    person, other = (world.people[who].user_id for who in ("customer_a", "customer_b"))
    with as_web(), tenancy.restored():
        for user_id, found in ((other, set()), (person, cases)):
            tenancy.identify(user_id)
            assert found_of_none() == found
            assert not any(change(of_none(model)) for model in OF_CASES)
            assert not any(add_copy_of(row) for row in rows_of_person(person))
        tenancy.identify(other)
        tenancy.enter_platform()
        assert found_of_none() == cases
        assert all(change(of_none(model)) for model in OF_CASES)


def change(rows: "models.QuerySet[Any]") -> int:
    return changed_by(lambda: rows.update(organization_id=models.F("organization_id")))


def add_copy_of(row: Any) -> int:
    return changed_by(lambda: add_copy(row))


def rows_of_person(person: Any) -> list[Any]:
    """Return unsaved rows of the platform as the person could make them up."""
    case = SupportCase(person_id=person, opened_side="person", opened_at=NOW, changed_at=NOW)
    message = CaseMessage(person_id=person, case=case, position=9, side="person", written_at=NOW)
    return [case, message]


def test_what_was_done_to_the_platforms_own_rows_takes_every_key(world: World, as_web: AsWeb):
    with as_web(), tenancy.restored():
        tenancy.enter_platform()
        assert not of_none(RowChange).exists()
        assert RowChange.objects.with_scopes_disabled().filter(organization_id=None).exists()


def test_control_without_policies_rows_of_none_are_found(world: World, as_web: AsWeb):
    for model in (*OF_CASES, RowChange):
        with without_policies(model), as_web():
            assert found_of_none() == {model.__name__}


def test_a_message_of_the_platform_points_at_a_case_that_is_there(world: World):
    """The simple key stays where the composite one does not look."""
    (_case, message) = rows_of_person(world.people["customer_a"].user_id)
    with pytest.raises(IntegrityError, match="case_id"):
        commit(message)


def commit(row: Any) -> None:
    with transaction.atomic():
        row.save(force_insert=True)


@pytest.fixture
def every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the policy of cases give all of them to everybody."""
    monkeypatch.setattr(
        "smartqueue.support.policies.visible_cases",
        lambda actor: models.QuerySet(SupportCase).order_by("pk"),
    )


def cases_shown_to(world: World, who: str) -> int:
    count: int = Api(world.people[who]).get("support/cases/").json()["count"]
    return count


def test_a_list_of_cases_over_rest_shows_a_person_their_own_alone(
    world: World, as_web: AsWeb, every_case: None
):
    with as_web():
        assert cases_shown_to(world, "customer_a") == 4
        assert cases_shown_to(world, "customer_b") == 0
    with without_policies(SupportCase), as_web():
        assert cases_shown_to(world, "customer_b") == 4


def test_a_list_of_cases_goes_with_the_keys_of_its_ways_in_and_no_more(world: World):
    def keys(who: str) -> set[str]:
        told = str(visible_cases(world.people[who]).query.keys())
        return set(told.strip("{}").split(","))

    ours, platform = str(world.place.organization.pk), str(tenancy.PLATFORM_KEY)
    for who, also in (("customer_a", set()), ("agent", {ours}), ("admin", {platform})):
        assert keys(who) == {str(world.people[who].user_id), *also}


@pytest.fixture
def every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the journal of rows be that of every organization."""
    monkeypatch.setattr(
        "smartqueue.audit.queries.list_entries",
        lambda organization_id, asked: (
            models.QuerySet(Entry).exclude(kind="event").order_by("-at", "-id")
        ),
    )


def organizations_in_journal(world: World) -> set[str]:
    api = Api(world.people["other_owner"])
    path = f"audit/entries/?organization={world.other.organization.pk}&page_size=100"
    found = api.get(path).json()["results"]
    ids = [row["id"] for row in found]
    rows = RowChange.objects.with_scopes_disabled().filter(pk__in=ids)
    return {str(pk) for pk in rows.values_list("organization_id", flat=True)}


def test_the_journal_over_rest_tells_of_the_own_organization_alone(
    world: World, as_web: AsWeb, every_entry: None
):
    with as_web():
        assert organizations_in_journal(world) == {str(world.other.organization.pk)}


def test_control_over_rest_the_journal_leaks_without_policies(
    world: World, as_web: AsWeb, every_entry: None
):
    with without_policies(RowChange), as_web():
        assert len(organizations_in_journal(world)) > 1


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


# --- Events and their deliveries, whose walls are their own ----------------------------------------


def publish(organization_id: Any) -> None:
    told: Any = {"occurred_at": NOW, "actor": "x"}
    if organization_id is None:
        outbox.publish(SignedOutEverywhere(user_id=new_id(), ended_count=1, **told))
    else:
        outbox.publish(JournalExported(organization_id=organization_id, **told))


def published(organization_id: Any) -> int:
    return changed_by(lambda: publish(organization_id) or 1)


def test_events_are_read_and_told_in_their_organizations_scope_alone(world: World, as_web: AsWeb):
    ours, theirs = world.place.organization.pk, world.other.organization.pk
    events = models.QuerySet(DomainEvent)
    with as_web():
        assert not events.exists()
        assert published(ours) == 0
        # What happens to an account belongs to no organization; whoever does it may say so.
        assert published(None) == 1
        with tenancy.organizations([theirs]):
            assert set(events.values_list("organization_id", flat=True)) == {theirs}
            assert (published(ours), published(theirs)) == (0, 1)
        with tenancy.organizations([ours]):
            assert events.filter(organization_id=ours).exists()
            assert not events.filter(organization_id=None).exists()


def test_deliveries_are_added_by_who_tells_and_read_by_the_relay_alone(world: World, as_web: AsWeb):
    deliveries = models.QuerySet(Delivery)
    assert deliveries.exists()
    with as_web(), tenancy.organizations([world.place.organization.pk]):
        assert not deliveries.exists()
        assert changed_by(lambda: deliveries.update(state="done")) == 0
        assert changed_by(lambda: deliveries._raw_delete("default")) == 0
        event = models.QuerySet(DomainEvent).first()
        new = {"event_id": event.pk, "handler": "x", "next_attempt_at": NOW, "id": new_id()}
        values = {"state": "pending", "attempts": 0, "last_error": "", "done_at": None}
        assert changed_by(lambda: insert_values(Delivery, new | values) or 1) == 1
        with tenancy.with_keys(tenancy.EVERY_KEY):
            assert deliveries.exists()


def test_control_without_policies_events_of_all_are_found_and_told(world: World, as_web: AsWeb):
    ours = world.place.organization.pk
    for model in (DomainEvent, Delivery):
        with (
            without_policies(model),
            as_web(),
            tenancy.organizations([world.other.organization.pk]),
        ):
            assert models.QuerySet(model).exists()
            if model is DomainEvent:
                assert models.QuerySet(model).filter(organization_id=ours).exists()
                assert published(ours) == 1

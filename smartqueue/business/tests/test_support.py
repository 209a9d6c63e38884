"""Platform staff inside an organization: with a reason, for a while, in the owners' sight."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business import errors, handlers, operations, policies
from smartqueue.business.enums import Ability
from smartqueue.business.events import SupportOpened
from smartqueue.business.models import Organization, SupportAccess
from smartqueue.business.tests import factories as make
from smartqueue.common import clock
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.notifications.models import Notification
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

NOW = make.NOW
REASON = "The kiosk of the annex prints nothing"
API = "/api/business/support-accesses/"
JSON = "application/json"


@pytest.fixture(autouse=True)
def at_nine(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def owner() -> User:
    return make.user(first_name="Awa")


@pytest.fixture
def place(owner) -> Organization:
    return make.organization(owner)


@pytest.fixture
def staff() -> User:
    return make.user(is_superuser=True, first_name="Modou", last_name="Fall")


def let_in(staff: User, place: Organization, **more: Any) -> SupportAccess:
    return operations.open_support_access(
        **{
            "actor": make.actor_of(staff),
            "organization_id": place.pk,
            "reason": REASON,
            "minutes": 60,
            "now": NOW,
            **more,
        }
    )


def may_own(user: User, place: Organization) -> bool:
    return policies.can(make.actor_of(user), place.pk, Ability.OWN)


def test_staff_may_nothing_inside_until_access_is_open_and_nothing_when_it_ends(
    staff, place, monkeypatch
):
    assert not may_own(staff, place)

    let_in(staff, place)

    other = make.organization(make.user(), "Autre")
    assert may_own(staff, place)
    assert not may_own(staff, other)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=60))
    assert not may_own(staff, place)


def test_who_is_no_administrator_any_more_has_no_access_left(staff, place):
    let_in(staff, place)

    User.objects.filter(pk=staff.pk).update(is_superuser=False)

    assert not may_own(staff, place)


@pytest.mark.parametrize("closer", ["staff", "owner"])
def test_the_administrator_and_any_owner_end_it(staff, place, owner, closer):
    access = let_in(staff, place)
    actor = make.actor_of(staff if closer == "staff" else owner)

    operations.close_support_access(actor=actor, access_id=access.pk, now=NOW)

    assert not may_own(staff, place)
    with pytest.raises(NotFound):
        operations.close_support_access(actor=actor, access_id=access.pk, now=NOW)
    (event,) = DomainEvent.objects.filter(type="business.support.closed.v1")
    assert event.actor == actor.label


def test_a_manager_another_owner_and_other_staff_do_not_end_it(staff, place, owner):
    access = let_in(staff, place)
    stranger = make.user()
    make.organization(stranger, "Autre")
    manager = make.member(owner, place, Role.MANAGER)

    for user in (stranger, manager, make.user(is_superuser=True)):
        with pytest.raises(NotFound):
            operations.close_support_access(actor=make.actor_of(user), access_id=access.pk, now=NOW)
    assert may_own(staff, place)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": "  because  "}, "reason"),
        ({"reason": ""}, "reason"),
        ({"minutes": 241}, "minutes"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": -5}, "minutes"),
    ],
)
def test_it_takes_a_reason_and_four_hours_at_most(staff, place, wrong, field):
    with pytest.raises(InvalidInput) as refused:
        let_in(staff, place, **wrong)

    assert refused.value.errors[0].field == field
    assert not SupportAccess.objects.with_scopes_disabled().exists()
    assert not may_own(staff, place)


def test_the_database_takes_no_longer_access_either(staff, place):
    access = let_in(staff, place)
    access.expires_at = NOW + timedelta(hours=4, seconds=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        access.save()


def test_nobody_but_staff_opens_it_and_not_twice(staff, place, owner):
    with pytest.raises(NotFound):
        let_in(owner, place)
    let_in(staff, place)
    with pytest.raises(errors.SupportAlreadyOpen):
        let_in(staff, place)
    let_in(staff, place, now=NOW + timedelta(hours=1))


def test_opening_is_in_the_journal_and_the_owners_are_told_once_with_the_reason_of_the_row(
    staff, place, owner
):
    access = let_in(staff, place)

    (stored,) = DomainEvent.objects.filter(type="business.support.opened.v1")
    assert (stored.actor, stored.organization_id) == (f"user:{staff.pk}", place.pk)
    assert REASON not in str(stored.payload)
    assert "reason" not in stored.payload
    event = SupportOpened(
        organization_id=place.pk,
        support_access_id=access.pk,
        user_id=staff.pk,
        expires_at=access.expires_at,
        subject_version=1,
        occurred_at=NOW,
        actor=stored.actor,
    )
    handlers.on_support_opened_tell_owners(event)
    handlers.on_support_opened_tell_owners(event)
    (told,) = Notification.objects.filter(code=handlers.SUPPORT_OPENED)
    assert (told.user_id, told.data["reason"]) == (owner.pk, REASON)


def test_what_staff_do_inside_is_under_their_own_name(staff, place):
    let_in(staff, place)

    make.branch(staff, place)

    (event,) = DomainEvent.objects.filter(type="business.branch.created.v1")
    assert event.actor == f"user:{staff.pk}"


def test_owners_and_staff_see_it_over_rest(staff, place, owner):
    inside, outside = make.signed_in(staff), make.signed_in(owner)
    body = {"organization": str(place.pk), "reason": REASON, "minutes": 30}

    made = inside.post(API, body, content_type=JSON)

    assert made.status_code == 201
    assert inside.post(API, body, content_type=JSON).json()["code"] == "support_already_open"
    (own,) = inside.get(API).json()["results"]
    (seen,) = outside.get(API, {"organization": str(place.pk)}).json()["results"]
    assert own == seen == made.json()
    assert (seen["admin_name"], seen["reason"]) == ("Modou Fall", REASON)
    assert outside.get(API).json()["count"] == 0
    ended = outside.post(f"{API}{seen['id']}/close/")
    assert ended.json()["closed_at"] is not None
    assert outside.post(f"{API}{seen['id']}/close/").status_code == 404


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_takes_the_same_queries(rows, staff, place, owner, django_assert_num_queries):
    for turn in range(rows):
        let_in(staff, place, now=NOW + timedelta(hours=turn))
    client = make.signed_in(owner)

    # Session, account, organization, memberships, count, page.
    with django_assert_num_queries(6):
        answer = client.get(API, {"organization": str(place.pk)})

    assert answer.json()["count"] == rows

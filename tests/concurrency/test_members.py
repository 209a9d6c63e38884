"""An organization never loses its last owner, however many leave at the same moment."""

from typing import Any

import pytest

from smartqueue.accounts.enums import Role
from smartqueue.business import operations
from smartqueue.business.models import Membership, Organization
from smartqueue.business.operations import _members
from smartqueue.business.tests import factories as make
from tests.concurrency.races import errors_of, meeting, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


def two_owners() -> tuple[Organization, list[Any]]:
    first = make.user()
    place = make.organization(first)
    second = make.member(first, place, Role.OWNER)
    return place, [first, second]


def demote_each_other(place: Organization, owners: list[Any]) -> list[Any]:
    rows = [make.membership(owner, place).pk for owner in owners]

    def demote(actor: Any, row: Any) -> Any:
        return lambda: operations.change_member(
            actor=make.actor_of(actor), membership_id=row, role=Role.MANAGER, now=make.NOW
        )

    return together([demote(owners[0], rows[1]), demote(owners[1], rows[0])])


def owners_left(place: Organization) -> int:
    rows = Membership.objects.with_scopes_disabled()
    return int(rows.filter(organization=place, role=Role.OWNER).count())


def test_two_owners_who_demote_each_other_leave_one():
    for _turn in range(5):
        place, owners = two_owners()

        outcomes = demote_each_other(place, owners)

        # The second finds itself no owner any more, or the other the last one.
        assert len(errors_of(outcomes)) == 1
        assert set(errors_of(outcomes)) <= {"NotFound", "LastOwner"}
        assert owners_left(place) == 1


def test_two_owners_who_leave_together_leave_one():
    place, owners = two_owners()
    rows = [make.membership(owner, place).pk for owner in owners]

    outcomes = together(
        [
            lambda o=o, r=r: operations.remove_member(
                actor=make.actor_of(o), membership_id=r, now=make.NOW
            )
            for o, r in zip(owners, rows, strict=True)
        ]
    )

    assert errors_of(outcomes) == ["LastOwner"]
    assert owners_left(place) == 1


def test_control_without_the_lock_of_the_organization_nobody_owns_it(monkeypatch):
    place, owners = two_owners()
    select = type(Organization.objects.all()).select_for_update

    def unlocked(rows: Any, *args: Any, **kwargs: Any) -> Any:
        return rows if rows.model is Organization else select(rows, *args, **kwargs)

    monkeypatch.setattr(type(Organization.objects.all()), "select_for_update", unlocked)
    counted = meeting(_members._refuse_last_owner, parties=2)
    monkeypatch.setattr(_members, "_refuse_last_owner", counted)
    rows = [make.membership(owner, place).pk for owner in owners]

    outcomes = together(
        [
            lambda o=o, r=r: operations.remove_member(
                actor=make.actor_of(o), membership_id=r, now=make.NOW
            )
            for o, r in zip(owners, rows, strict=True)
        ]
    )

    assert errors_of(outcomes) == []
    assert owners_left(place) == 0

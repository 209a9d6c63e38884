"""A role that was taken away counts on the next request, with the token of before."""

from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.accounts.operations import open_account_access
from smartqueue.accounts.tests.factories import make_signed_in
from smartqueue.accounts.tokens import make_access_token
from smartqueue.business.models import Membership
from smartqueue.common import clock
from smartqueue.queues.tests.factories import Place, make_actor, make_member, make_place

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


def api(user_id: object) -> Client:
    """Return a client with one access token, which it keeps."""
    actor = make_signed_in(User.objects.get(pk=user_id))
    assert actor.user_id
    assert actor.session_id
    token = make_access_token(actor.user_id, actor.session_id)
    return Client(headers={"Authorization": f"Bearer {token}"})


def roles(client: Client) -> list[str]:
    me = client.get("/api/accounts/users/me/").json()
    return [membership["role"] for membership in me["memberships"]]


def sees_members(client: Client, place: Place) -> int:
    path = f"/api/business/members/?organization={place.organization.pk}"
    return int(client.get(path).status_code)


@pytest.fixture
def member(place: Place) -> Any:
    return make_member(place.organization, Role.MANAGER)


def membership_path(member: Any) -> str:
    row = Membership.objects.with_scopes_disabled().get(user_id=member.user_id)
    return f"/api/business/members/{row.pk}/"


def test_a_member_that_was_removed_is_one_no_more(place: Place, member: Any) -> None:
    theirs, owners = api(member.user_id), api(place.owner.user_id)
    assert (roles(theirs), sees_members(theirs, place)) == (["manager"], 200)
    assert owners.delete(membership_path(member)).status_code == 204
    assert (roles(theirs), sees_members(theirs, place)) == ([], 404)


def test_a_lesser_role_counts_at_once(place: Place, member: Any) -> None:
    theirs, owners = api(member.user_id), api(place.owner.user_id)
    path = f"/api/business/branches/{place.branch.pk}/"
    rename = {"data": {"name": "Nord"}, "content_type": "application/json"}
    assert theirs.patch(path, **rename).status_code == 200
    changed = owners.patch(
        membership_path(member), {"role": "viewer"}, content_type="application/json"
    )
    assert changed.status_code == 200
    assert roles(theirs) == ["viewer"]
    assert theirs.patch(path, **rename).status_code == 404


def test_a_platform_administrator_of_yesterday_is_one_no_more(place: Place) -> None:
    user = User.objects.get(pk=make_member(place.organization, Role.VIEWER).user_id)
    user.is_superuser = True
    user.save()
    theirs, path = api(user.pk), f"/api/accounts/users/{place.owner.user_id}/"
    open_account_access(
        actor=make_actor(user),
        whose=place.owner.user_id,
        reason="They wrote that they cannot sign in",
        now=clock.now(),
    )
    assert theirs.get(path).status_code == 200
    user.is_superuser = False
    user.save()
    assert theirs.get(path).status_code == 404

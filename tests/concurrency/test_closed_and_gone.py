"""Nothing begins in what is being closed, and nobody owns what they leave for good."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business import operations, policies
from smartqueue.business.enums import Category
from smartqueue.business.models import (
    Branch,
    Counter,
    Invitation,
    Membership,
    Organization,
    Service,
)
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.common.geo import point
from smartqueue.privacy import retention
from smartqueue.queues.tests.factories import NOW, Place, make_member, make_place
from tests.concurrency.races import before_commit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


def signed_in(actor: Actor) -> Actor:
    """Return the person with a session, which erasing an account asks for."""
    user = User.objects.get(pk=actor.user_id)
    tokens = accounts.sign_in(user=user, device=Device(), now=NOW)
    return actor_of_user(
        user.pk, is_platform_admin=False, language="fr", session_id=tokens.session_id
    )


def begin(what: type, place: Place) -> Any:
    acting = {"actor": place.owner, "now": NOW}
    if what is Branch:
        return operations.create_branch(
            organization_id=place.organization.pk,
            name="Late",
            point=point(lat=14.7, lon=-17.4),
            **acting,
        )
    if what is Service:
        return operations.create_service(
            organization_id=place.organization.pk,
            texts={"name_fr": "Late"},
            duration_minutes=5,
            **acting,
        )
    return operations.create_counter(branch_id=place.branch.pk, name="Late", **acting)


@pytest.mark.parametrize("what", [Branch, Service, Counter])
def test_nothing_begins_in_an_organization_that_is_being_closed(what: Any) -> None:
    place = make_place()
    _, begun = before_commit(
        lambda: operations.close_organization(
            actor=place.owner, organization_id=place.organization.pk, now=NOW
        ),
        lambda: begin(what, place),
    )
    assert isinstance(begun.error, NotFound)


@pytest.mark.parametrize("what", [Branch, Service, Counter])
def test_what_is_just_begun_is_closed_with_its_organization(what: Any) -> None:
    place = make_place()
    begun, closed = before_commit(
        lambda: begin(what, place),
        lambda: operations.close_organization(
            actor=place.owner, organization_id=place.organization.pk, now=NOW
        ),
    )
    closed.get()
    found = what.objects.with_scopes_disabled().get(pk=begun.pk)
    assert (found.closed_at if what is Branch else found.retired_at) == NOW


def erase(actor: Actor) -> None:
    accounts.erase_user(actor=actor, user_id=actor.require_user(), now=NOW)


def open_organization(actor: Actor) -> Organization:
    return operations.create_organization(
        actor=actor, name="Newly opened", category=Category.OTHER, now=NOW
    )


def test_nobody_opens_an_organization_while_their_account_is_erased() -> None:
    person = signed_in(make_member(make_place().organization, Role.AGENT))
    _, opened = before_commit(lambda: erase(person), lambda: open_organization(person))
    assert isinstance(opened.error, NotSignedIn)
    assert not Organization.objects.filter(name="Newly opened").exists()


def test_an_organization_that_is_being_opened_keeps_its_owner() -> None:
    person = signed_in(make_member(make_place().organization, Role.AGENT))
    _, erased = before_commit(lambda: open_organization(person), lambda: erase(person))
    assert type(erased.error).__name__ == "SoleOwner"


def test_nobody_hands_an_organization_to_somebody_who_is_being_erased() -> None:
    place = make_place()
    heir = signed_in(make_member(place.organization, Role.MANAGER))
    rows = Membership.objects.with_scopes_disabled().filter(organization=place.organization)
    of_heir, of_owner = (rows.get(user=who.user_id).pk for who in (heir, place.owner))

    def hand_over_and_leave() -> None:
        operations.change_member(actor=place.owner, membership_id=of_heir, role=Role.OWNER, now=NOW)
        operations.remove_member(actor=place.owner, membership_id=of_owner, now=NOW)

    _, left = before_commit(lambda: erase(heir), hand_over_and_leave)

    assert rows.filter(role=Role.OWNER, user__is_active=True).exists()
    assert isinstance(left.error, NotFound)


def test_nobody_joins_who_is_being_erased() -> None:
    place = make_place()
    person = signed_in(make_member(make_place().organization, Role.AGENT))
    user = User.objects.get(pk=person.user_id)
    invitation = operations.add_member(
        actor=place.owner,
        organization_id=place.organization.pk,
        identifier="newcomer@example.test",
        role=Role.AGENT,
        now=NOW,
    )
    assert isinstance(invitation, Invitation)
    User.objects.filter(pk=user.pk).update(email=invitation.identifier)
    token = operations.invitation_token(invitation)

    _, joined = before_commit(
        lambda: erase(person),
        lambda: operations.accept_invitation(actor=person, token=token, now=NOW),
    )

    assert type(joined.error).__name__ == "InvitationOver"
    rows = Membership.objects.with_scopes_disabled().filter(organization=place.organization)
    assert not rows.filter(user=user).exists()


def test_an_invitation_that_is_sent_again_while_old_ones_are_removed_keeps_its_branches() -> None:
    place = make_place()
    invitation = operations.add_member(
        actor=place.owner,
        organization_id=place.organization.pk,
        identifier="limited@example.test",
        role=Role.AGENT,
        branches=[place.branch.pk],
        now=NOW,
    )
    later = NOW + timedelta(days=40)
    resend = partial(
        operations.resend_invitation, actor=place.owner, invitation_id=invitation.pk, now=later
    )

    _, removed = before_commit(resend, lambda: retention.end_retention(later, ["invitation"]))

    assert removed.get() == {"invitation": 0}
    (kept,) = Invitation.objects.with_scopes_disabled().filter(pk=invitation.pk)
    assert policies.branches_of(kept) == {place.branch.pk}

"""Joining, being invited, changing role, leaving; and what stands in the way."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from smartqueue.accounts.enums import Role
from smartqueue.accounts.events import UserErased, UserVerified
from smartqueue.accounts.models import User
from smartqueue.business import errors, handlers, operations, policies, ports, queries
from smartqueue.business.enums import Ability
from smartqueue.business.events import InvitationAccepted, MemberInvited, MemberJoined
from smartqueue.business.models import Invitation, Membership, Organization
from smartqueue.business.ports import Retirable
from smartqueue.business.tests import factories as make
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

API = "/api/business"
JSON = "application/json"
NOW = make.NOW


def add(
    owner: User, place: Organization, identifier: str, role: Role = Role.AGENT, **more: Any
) -> Any:
    return operations.add_member(
        actor=make.actor_of(owner),
        organization_id=place.pk,
        identifier=identifier,
        role=role,
        now=NOW,
        **more,
    )


def verified(user: User) -> UserVerified:
    return UserVerified(user_id=user.pk, channel="email", occurred_at=NOW, actor="system")


def invited(invitation: Invitation) -> MemberInvited:
    return MemberInvited(
        organization_id=invitation.organization_id,
        invitation_id=invitation.pk,
        subject_version=1,
        occurred_at=NOW,
        actor="user:x",
    )


def test_an_account_joins_at_once_and_is_told_once() -> None:
    owner, person = make.user(), make.user(email="agent@example.org")
    place = make.organization(owner, "Mairie")

    membership = add(owner, place, " AGENT@Example.org ")

    assert (membership.user_id, membership.role) == (person.pk, Role.AGENT)
    event = MemberJoined(
        organization_id=place.pk,
        membership_id=membership.pk,
        user_id=person.pk,
        role=Role.AGENT,
        subject_version=1,
        occurred_at=NOW,
        actor=f"user:{owner.pk}",
    )
    handlers.on_member_joined_tell(event)
    handlers.on_member_joined_tell(event)
    told = Notification.objects.get()
    assert (told.user_id, told.data["organization"]) == (person.pk, "Mairie")
    with pytest.raises(errors.AlreadyMember):
        add(owner, place, "agent@example.org")


def test_the_founder_is_not_told_what_they_did_themselves() -> None:
    owner = make.user()
    place = make.organization(owner)
    stored = DomainEvent.objects.get(type="business.member.joined.v1")

    handlers.on_member_joined_tell(
        MemberJoined(
            organization_id=place.pk,
            membership_id=stored.subject_id,
            user_id=owner.pk,
            role=Role.OWNER,
            subject_version=1,
            occurred_at=NOW,
            actor=stored.actor,
        )
    )

    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("given", "stored"), [("New@Example.org", "new@example.org"), ("77 123 45 67", "+221771234567")]
)
def test_somebody_unknown_is_invited_and_joins_when_proven(given: str, stored: str) -> None:
    owner = make.user()
    place = make.organization(owner)
    branch = make.branch(owner, place)

    invitation = add(owner, place, given, branches=(branch.pk,))
    handlers.on_member_invited_send(invited(invitation))
    handlers.on_member_invited_send(invited(invitation))

    assert (invitation.identifier, Membership.objects.with_scopes_disabled().count()) == (stored, 1)
    message = OutgoingMessage.objects.get()
    assert message.recipient == stored
    column = "email" if "@" in stored else "phone"
    person = make.user(**{"email": None, column: stored})
    handlers.on_user_verified_accept_invitations(verified(person))
    handlers.on_user_verified_accept_invitations(verified(person))
    joined = make.membership(person, place)
    assert (joined.role, policies.branches_of(joined)) == (Role.AGENT, {branch.pk})
    assert DomainEvent.objects.filter(type="business.member.joined.v1").count() == 2


def test_an_unproven_stranger_gets_nothing_from_an_invitation() -> None:
    owner = make.user()
    place = make.organization(owner)
    add(owner, place, "new@example.org")
    other = make.user(email="other@example.org")
    closed = make.user(email="new@example.org", is_active=False)

    handlers.on_user_verified_accept_invitations(verified(other))
    handlers.on_user_verified_accept_invitations(verified(closed))

    assert queries.memberships_of(other.pk) == queries.memberships_of(closed.pk) == ()


def test_an_account_made_before_the_message_went_out_joins_instead() -> None:
    owner = make.user()
    place = make.organization(owner)
    invitation = add(owner, place, "new@example.org")
    person = make.user(email="new@example.org")

    handlers.on_member_invited_send(invited(invitation))

    assert make.membership(person, place).role == Role.AGENT
    assert not OutgoingMessage.objects.exists()


def test_an_invitation_ends_and_inviting_again_renews_it() -> None:
    owner, person = make.user(), make.user()
    place = make.organization(owner)
    first = add(owner, place, "new@example.org")
    token = operations.invitation_token(first)
    late = NOW + timedelta(days=7)
    actor = make.actor_of(person)

    User.objects.filter(pk=person.pk).update(email="new@example.org")
    with pytest.raises(errors.InvitationOver):
        operations.accept_invitation(actor=actor, token=token, now=late)
    User.objects.filter(pk=person.pk).update(email="other@example.org")
    again = operations.add_member(
        actor=make.actor_of(owner),
        organization_id=place.pk,
        identifier="new@example.org",
        role=Role.VIEWER,
        now=late,
    )
    assert again.pk == first.pk
    with pytest.raises(NotFound):
        operations.accept_invitation(actor=actor, token=token, now=late)
    renewed = operations.invitation_token(again)
    # A forwarded link lets in nobody but whoever has proven the address.
    with pytest.raises(errors.InvitationForAnother):
        operations.accept_invitation(actor=actor, token=renewed, now=late)
    User.objects.filter(pk=person.pk).update(email="new@example.org")
    joined = operations.accept_invitation(actor=actor, token=renewed, now=late)
    assert (joined.user_id, joined.role) == (person.pk, Role.VIEWER)
    with pytest.raises(errors.InvitationOver):
        operations.accept_invitation(actor=actor, token=renewed, now=late)


def test_an_invitation_is_sent_again_a_few_times_and_the_old_link_is_void() -> None:
    owner, person = make.user(), make.user()
    place = make.organization(owner)
    first = add(owner, place, "new@example.org")
    old = operations.invitation_token(first)
    again = {"actor": make.actor_of(owner), "invitation_id": first.pk}

    with pytest.raises(errors.SentJustNow):
        operations.resend_invitation(**again, now=NOW + timedelta(seconds=59))
    for turn in range(1, 5):
        sent = operations.resend_invitation(**again, now=NOW + timedelta(minutes=turn))
    with pytest.raises(errors.SentTooOften):
        operations.resend_invitation(**again, now=NOW + timedelta(hours=1))

    assert sent.expires_at == NOW + timedelta(minutes=4, days=7)
    User.objects.filter(pk=person.pk).update(email="new@example.org")
    with pytest.raises(NotFound):
        operations.accept_invitation(actor=make.actor_of(person), token=old, now=NOW)
    assert DomainEvent.objects.filter(type="business.invitation.resent.v1").count() == 4


def test_the_owners_are_told_of_an_acceptance_once() -> None:
    owner, person = make.user(), make.user()
    place = make.organization(owner)
    second = make.member(owner, place, Role.OWNER)
    invitation = add(owner, place, "new@example.org")
    User.objects.filter(pk=person.pk).update(email="new@example.org")
    token = operations.invitation_token(invitation)
    operations.accept_invitation(actor=make.actor_of(person), token=token, now=NOW)
    event = InvitationAccepted(
        organization_id=place.pk,
        invitation_id=invitation.pk,
        user_id=person.pk,
        role=Role.AGENT,
        subject_version=2,
        occurred_at=NOW,
        actor=f"user:{person.pk}",
    )

    handlers.on_invitation_accepted_tell_owners(event)
    handlers.on_invitation_accepted_tell_owners(event)

    assert DomainEvent.objects.filter(type="business.invitation.accepted.v1").count() == 1
    told = Notification.objects.filter(code=handlers.INVITATION_ACCEPTED)
    assert {row.user_id for row in told} == {owner.pk, second.pk}
    assert told.count() == 2


@pytest.mark.parametrize("token", ["", "x", "a" * 60, "é", "\x00", "A" * 43])
def test_a_made_up_token_opens_nothing(token: str) -> None:
    client = make.signed_in(make.user())

    answer = client.post(f"{API}/invitations/accept/", {"token": token}, content_type=JSON)

    assert answer.status_code in {400, 404}
    assert not Membership.objects.with_scopes_disabled().exists()


def test_an_invitation_is_accepted_and_withdrawn_over_rest() -> None:
    owner, person = make.user(), make.user()
    place = make.organization(owner)
    client = make.signed_in(owner)
    body = {"organization": str(place.pk), "identifier": "a@example.org", "role": "agent"}

    made = client.post(f"{API}/members/", body, content_type=JSON).json()
    assert (made["status"], made["identifier"], made["user"]) == ("invited", "a@example.org", None)
    listed = client.get(f"{API}/invitations/", {"organization": str(place.pk)}).json()
    assert [row["id"] for row in listed["results"]] == [made["id"]]
    token = operations.invitation_token(Invitation.objects.with_scopes_disabled().get())
    User.objects.filter(pk=person.pk).update(email="a@example.org")
    accepted = make.signed_in(person).post(
        f"{API}/invitations/accept/", {"token": token}, content_type=JSON
    )
    assert (accepted.json()["status"], accepted.json()["user"]["id"]) == ("active", str(person.pk))
    assert client.delete(f"{API}/invitations/{made['id']}/").status_code == 404
    second = client.post(
        f"{API}/members/", body | {"identifier": "b@example.org"}, content_type=JSON
    ).json()
    assert client.delete(f"{API}/invitations/{second['id']}/").status_code == 204
    assert Invitation.objects.with_scopes_disabled().filter(accepted_at=None).count() == 0


def test_members_are_listed_changed_and_removed() -> None:
    owner = make.user(first_name="Awa", last_name="Ndiaye")
    place = make.organization(owner)
    branch = make.branch(owner, place)
    agent = make.member(owner, place, Role.AGENT, first_name="Modou", last_name="Fall")
    client = make.signed_in(owner)

    listed = client.get(f"{API}/members/", {"organization": str(place.pk)}).json()["results"]
    assert [(row["user"]["name"], row["role"]) for row in listed] == [
        ("Modou Fall", "agent"),
        ("Awa Ndiaye", "owner"),
    ]
    url = f"{API}/members/{listed[0]['id']}/"
    changed = client.patch(url, {"role": "manager"}, content_type=JSON).json()
    limited = client.patch(url, {"branches": [str(branch.pk)]}, content_type=JSON).json()
    assert (changed["role"], limited["role"], limited["branches"]) == (
        "manager",
        "manager",
        [str(branch.pk)],
    )
    assert queries.memberships_of(agent.pk)[0].branch_ids == {branch.pk}
    assert client.delete(url).status_code == 204
    assert queries.memberships_of(agent.pk) == ()
    assert client.delete(url).status_code == 404


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_members_takes_the_same_queries(
    rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    owner = make.user()
    place = make.organization(owner)
    branch = make.branch(owner, place)
    for _ in range(rows):
        make.member(owner, place, Role.AGENT, (branch.pk,))
    client = make.signed_in(owner)

    # Session, account, memberships, organization, count, page.
    with django_assert_num_queries(6):
        answer = client.get(f"{API}/members/", {"organization": str(place.pk)})

    assert answer.json()["count"] == rows + 1


def test_the_last_owner_stays() -> None:
    owner, second = make.user(), make.user()
    place = make.organization(owner)
    client = make.signed_in(owner)
    url = f"{API}/members/{make.membership(owner, place).pk}/"

    for answer in (
        client.delete(url),
        client.patch(url, {"role": "manager"}, content_type=JSON),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")
    add(owner, place, str(second.email), Role.OWNER)
    assert client.patch(url, {"role": "manager"}, content_type=JSON).status_code == 200
    assert make.membership(second, place).role == Role.OWNER
    assert make.membership(owner, place).role == Role.MANAGER


def test_anybody_may_leave() -> None:
    owner = make.user()
    place = make.organization(owner)
    agent = make.member(owner, place, Role.AGENT)
    other = make.member(owner, place, Role.AGENT)
    client = make.signed_in(agent)

    assert client.delete(f"{API}/members/{make.membership(other, place).pk}/").status_code == 404
    assert client.delete(f"{API}/members/{make.membership(agent, place).pk}/").status_code == 204
    assert queries.memberships_of(agent.pk) == ()


def test_only_an_owner_makes_and_unmakes_owners() -> None:
    owner, person = make.user(), make.user()
    place = make.organization(owner)
    manager = make.member(owner, place, Role.MANAGER)
    actor = make.actor_of(manager)

    with pytest.raises(InvalidInput) as refused:
        add(manager, place, str(person.email), Role.OWNER)
    assert refused.value.errors[0].field == "role"
    own = make.membership(manager, place)
    with pytest.raises(InvalidInput):
        operations.change_member(actor=actor, membership_id=own.pk, role=Role.OWNER, now=NOW)
    for act in (operations.change_member, operations.remove_member):
        with pytest.raises(NotFound):
            act(actor=actor, membership_id=make.membership(owner, place).pk, now=NOW)
    add(owner, place, "new@example.org", Role.OWNER)
    with pytest.raises(errors.AlreadyMember):
        add(manager, place, "new@example.org", Role.AGENT)
    assert Membership.objects.with_scopes_disabled().filter(role=Role.OWNER).count() == 1


def test_a_manager_of_some_branches_acts_within_them() -> None:
    owner, person = make.user(), make.user()
    place = make.organization(owner)
    here, there = make.branch(owner, place), make.branch(owner, place, "Autre")
    foreign = make.branch(person, make.organization(person))
    manager = make.member(owner, place, Role.MANAGER, (here.pk,))
    near = make.member(owner, place, Role.AGENT, (here.pk,))
    far = make.member(owner, place, Role.AGENT, (here.pk, there.pk))
    anywhere = make.member(owner, place, Role.AGENT)
    actor = make.actor_of(manager)

    for branches in ((), (there.pk,), (here.pk, there.pk), (foreign.pk,), (uuid4(),)):
        with pytest.raises(InvalidInput) as refused:
            add(manager, place, str(person.email), branches=branches)
        assert refused.value.errors[0].field == "branches"
    add(manager, place, str(person.email), branches=(here.pk,))
    listed = make.signed_in(manager).get(f"{API}/members/", {"organization": str(place.pk)})
    assert {row["user"]["id"] for row in listed.json()["results"]} == {
        str(member.pk) for member in (manager, near, person)
    }
    for member in (far, anywhere):
        with pytest.raises(NotFound):
            operations.change_member(
                actor=actor,
                membership_id=make.membership(member, place).pk,
                role=Role.VIEWER,
                now=NOW,
            )
    with pytest.raises(InvalidInput):
        operations.change_member(
            actor=actor, membership_id=make.membership(near, place).pk, branches=(), now=NOW
        )
    operations.change_member(
        actor=actor, membership_id=make.membership(near, place).pk, role=Role.VIEWER, now=NOW
    )
    assert make.membership(near, place).role == Role.VIEWER


def test_an_owner_cannot_name_branches_of_others() -> None:
    owner, other = make.user(), make.user()
    place = make.organization(owner)
    foreign = make.branch(other, make.organization(other))

    with pytest.raises(InvalidInput) as refused:
        add(owner, place, "new@example.org", branches=(foreign.pk,))

    assert refused.value.errors[0].field == "branches"


def test_memberships_are_read_in_one_query_and_end_with_the_organization(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    owner = make.user()
    first, second = make.organization(owner), make.organization(owner)
    branch = make.branch(owner, second)
    agent = make.member(owner, second, Role.AGENT, (branch.pk,))

    with django_assert_num_queries(1):
        assert {m.organization_id for m in queries.memberships_of(owner.pk)} == {
            first.pk,
            second.pk,
        }
    actor = make.actor_of(agent)
    assert policies.can(actor, second.pk, Ability.SERVE, branch.pk)
    assert not policies.can(actor, second.pk, Ability.SERVE)
    assert not policies.can(actor, second.pk, Ability.MANAGE, branch.pk)
    operations.close_organization(actor=make.actor_of(owner), organization_id=second.pk, now=NOW)
    assert queries.memberships_of(agent.pk) == ()


def test_an_erased_person_leaves_everywhere() -> None:
    owner = make.user()
    place = make.organization(owner)
    agent = make.member(owner, place, Role.AGENT)
    event = UserErased(user_id=agent.pk, occurred_at=NOW, actor="system")

    handlers.on_user_erased_leave(event)
    handlers.on_user_erased_leave(event)

    assert queries.memberships_of(agent.pk) == ()
    assert DomainEvent.objects.filter(type="business.member.removed.v1").count() == 1


@pytest.mark.parametrize(
    ("identifier", "role", "field"),
    [
        ("nobody", "agent", "identifier"),
        ("a@b", "agent", "identifier"),
        ("12", "agent", "identifier"),
        ("a@example.org", "king", "role"),
    ],
)
def test_a_wrong_member_is_refused_with_the_field_named(
    identifier: str, role: str, field: str
) -> None:
    owner = make.user()
    place = make.organization(owner)
    body = {"organization": str(place.pk), "identifier": identifier, "role": role}

    answer = make.signed_in(owner).post(f"{API}/members/", body, content_type=JSON)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


# --- Guards of retirement -----------------------------------------------------------------------


@pytest.fixture
def guard() -> Iterator[dict[tuple[Retirable, UUID], int]]:
    waiting: dict[tuple[Retirable, UUID], int] = {}

    def count(thing: Retirable, thing_id: UUID) -> int:
        return waiting.get((thing, thing_id), 0)

    ports.register_retirement_guard(count)
    yield waiting
    ports._guards.remove(count)


@pytest.mark.parametrize("kind", list(Retirable))
def test_nothing_is_retired_while_people_wait(
    guard: dict[tuple[Retirable, UUID], int], kind: Retirable
) -> None:
    owner = make.user()
    place = make.organization(owner)
    branch = make.branch(owner, place)
    things = {
        Retirable.ORGANIZATION: (place, "organizations"),
        Retirable.BRANCH: (branch, "branches"),
        Retirable.SERVICE: (make.service(owner, place), "services"),
        Retirable.COUNTER: (make.counter(owner, branch), "counters"),
    }
    thing, path = things[kind]
    url = f"{API}/{path}/{thing.pk}/"
    client = make.signed_in(owner)

    guard[(kind, thing.pk)] = 2
    refused = client.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "people_waiting")
    assert refused.json()["waiting"] == 2
    assert Client().get(url).status_code == 200
    guard.clear()
    assert client.delete(url).status_code == 204
    assert Client().get(url).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.serial
def test_two_owners_who_leave_at_once_leave_one() -> None:
    owner, second = make.user(), make.user()
    place = make.organization(owner)
    add(owner, place, str(second.email), Role.OWNER)
    gate = threading.Barrier(2)
    outcomes: list[str] = []

    def leave(person: User, membership_id: UUID) -> None:
        try:
            gate.wait()
            operations.remove_member(
                actor=make.actor_of(person), membership_id=membership_id, now=NOW
            )
            outcomes.append("left")
        except errors.LastOwner:
            outcomes.append("last_owner")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=leave, args=(person, make.membership(person, place).pk))
        for person in (owner, second)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["last_owner", "left"]
    assert Membership.objects.with_scopes_disabled().filter(role=Role.OWNER).count() == 1


def test_staff_write_to_a_member_and_to_nobody_of_another_organization() -> None:
    owner, stranger = make.user(), make.user(phone="+221777002002", email="x@example.test")
    place = make.organization(owner)
    make.member(owner, place, Role.AGENT, phone="+221777002001", email="agent@example.test")
    make.organization(stranger, "Autre")
    client = make.signed_in(owner)

    def write(kind: str, **told: str) -> Any:
        told = {"organization": str(place.pk), "text": "Rendez-vous à 9 h", **told}
        return client.post(f"/api/notifications/send-{kind}/", told, content_type=JSON)

    assert write("sms", phone="+221777002001").status_code == 202
    assert write("email", email="Agent@example.test", subject="Demain").status_code == 202
    left = OutgoingMessage.objects.filter(template="by_hand").values_list("recipient", "state")
    assert set(left) == {("+221777002001", "sent"), ("agent@example.test", "sent")}
    refused = [
        write("sms", phone="+221777002002"),
        write("email", email="x@example.test", subject="Demain"),
    ]
    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (403, "not_own_person")
    ] * 2

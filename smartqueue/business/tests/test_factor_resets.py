"""Somebody lost every second factor: who may vouch for them, and what their word does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone

from smartqueue.accounts import operations, queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import ChallengePurpose, Role
from smartqueue.accounts.errors import (
    FactorResetOpen,
    MfaRequired,
    NewFactorAwaited,
    NoFactorToReset,
    ReauthenticationNeeded,
    SecondFactorRequired,
    SupportOnly,
    WrongCode,
)
from smartqueue.accounts.models import FactorReset, Passkey, Session, User
from smartqueue.accounts.operations import IssuedReset, _passwords
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import (
    PASSWORD,
    give_passkey,
    let_wait_pass,
    make_signed_in,
)
from smartqueue.accounts.tests.factories import make_user as make_person
from smartqueue.business import operations as business
from smartqueue.business.models import Membership, Organization
from smartqueue.business.tests import factories as make
from smartqueue.common.errors import InvalidInput, NotFound, TooManyRequests
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

NOW = make.NOW
REASON = "I met her at the counter and know her"
PATH = "factor-resets/"
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


class Office:
    """An organization whose people all have a second factor, each signed in a moment ago."""

    def __init__(self) -> None:
        self.owner = make_person()
        self.organization = make.organization(self.owner)
        give_passkey(self.owner)

    def add(self, role: Role, person: User | None = None) -> User:
        person = person or make_person()
        join(self.organization, person, role)
        give_passkey(person)
        return person


def join(organization: Organization, person: User, role: Role) -> None:
    Membership.objects.with_scopes_disabled().create(
        organization=organization, user=person, role=role, created_at=timezone.now() - 2 * DAY
    )


@pytest.fixture
def office(db: None) -> Office:
    return Office()


@pytest.fixture
def agent(office: Office) -> User:
    return office.add(Role.AGENT)


def vouch(who: User | Actor, whose: User, **more: Any) -> IssuedReset:
    actor = who if isinstance(who, Actor) else make_signed_in(who)
    given = {"actor": actor, "whose": whose.pk, "reason": REASON, "now": NOW}
    return operations.issue_factor_reset(**given | more)


def let_days_pass(days: int) -> None:
    names = ("created_at", "usable_at", "expires_at", "used_at")
    FactorReset.objects.update(**{name: F(name) - DAY * days for name in names})


def first_step(person: User) -> dict[str, Any]:
    """Return what the right password of somebody with a second factor gets."""
    with pytest.raises(MfaRequired) as asked:
        operations.authenticate(identifier=str(person.email), password=PASSWORD, now=NOW)
    return dict(asked.value.extra["mfa"])


def use(person: User, code: str, token: str = "") -> User:
    return operations.confirm_second_factor(
        token=token or first_step(person)["token"], method="reset_code", code=code, now=NOW
    )


def is_lost(person: User) -> bool:
    return not queries.has_second_factor(person.pk)


def test_who_had_a_second_factor_before_joining_turns_to_the_platform(office: Office) -> None:
    guest = make_person()
    give_passkey(guest)
    Passkey.objects.filter(user=guest).update(created_at=timezone.now() - 3 * DAY)
    business.add_member(
        actor=make_signed_in(office.owner),
        organization_id=office.organization.pk,
        identifier=str(guest.email),
        role=Role.AGENT,
        now=timezone.now(),
    )

    with pytest.raises(SupportOnly):
        vouch(office.owner, guest)

    admin = make_person(is_superuser=True, is_staff=True)
    give_passkey(admin)
    assert vouch(admin, guest).code


def test_from_the_counter_to_a_new_second_factor(office: Office, agent: User) -> None:
    api, strange = Api(), Api()
    old = make_signed_in(agent)
    owner = bearer(_access(office.owner))
    answer = api.post(PATH, {"user": str(agent.pk), "reason": REASON}, **owner)
    assert answer.status_code == 201
    given = answer.json()
    reset = FactorReset.objects.get(pk=given["id"])
    assert reset.usable_at - reset.created_at == HOUR

    # While it waits nothing is different, also for who has the code.
    asked = first_step(agent)
    assert asked["methods"] == ["passkey"]
    with pytest.raises(WrongCode):
        use(agent, given["code"], asked["token"])
    let_wait_pass(reset)
    asked = first_step(agent)
    assert asked["methods"] == ["passkey", "reset_code"]
    wrong = api.post("auth/mfa/", {**asked, "method": "reset_code", "code": "A" * 12})
    assert (wrong.status_code, is_lost(agent)) == (400, False)

    typed = "-".join((given["code"][:4], given["code"][4:8].lower(), given["code"][8:]))
    body = {"token": asked["token"], "method": "reset_code", "code": typed}
    signed_in = api.post("auth/mfa/", body)

    assert signed_in.status_code == 200
    assert is_lost(agent)
    assert Session.objects.get(pk=old.session_id).ended_at is not None
    assert api.post("auth/mfa/", body).status_code == 401
    # Until there is a new one, nobody begins another session with the password alone.
    credentials = {"identifier": agent.email, "password": PASSWORD}
    assert strange.post("auth/login/", credentials).json()["code"] == "new_factor_awaited"
    give_passkey(agent)
    assert first_step(agent)["methods"] == ["passkey"]
    told = DomainEvent.objects.filter(subject_id=agent.pk, type__contains="factor_reset")
    assert list(told.order_by("pk").values_list("type", "actor")) == [
        ("accounts.factor_reset.issued.v1", f"user:{office.owner.pk}"),
        ("accounts.factor_reset.used.v1", f"user:{agent.pk}"),
    ]
    assert REASON not in str(list(told.values_list("payload", flat=True)))


def _access(person: User) -> str:
    return operations.sign_in(user=person, device=Device(), now=NOW).access


def test_who_may_vouch_for_whom(office: Office, agent: User, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"factor_reset": {"user": "100/hour"}}
    elsewhere = Office()
    both, other_owner = office.add(Role.AGENT), office.add(Role.OWNER)
    join(elsewhere.organization, both, Role.VIEWER)
    admin, staff = (make_person(is_superuser=True, is_staff=True) for _ in range(2))
    customer = make_person()
    join(office.organization, staff, Role.AGENT)
    give_passkey(admin, staff, customer)
    manager = office.add(Role.MANAGER)

    for who, whose, expected in (
        (office.owner, agent, HOUR),
        (office.owner, other_owner, DAY),
        (office.owner, office.owner, NotFound),
        (office.owner, both, SupportOnly),
        (office.owner, staff, SupportOnly),
        (office.owner, customer, NotFound),
        (manager, agent, NotFound),
        (agent, manager, NotFound),
        (customer, agent, NotFound),
        (elsewhere.owner, agent, NotFound),
        (admin, agent, DAY),
        (admin, both, DAY),
        (admin, staff, DAY),
        (admin, customer, DAY),
        (admin, admin, NotFound),
    ):
        assert _wait(who, whose) == expected, (who, whose)
    # An owner without a second factor lets nobody off theirs; an old sign-in is no proof.
    Passkey.objects.filter(user=office.owner).delete()
    assert _wait(office.owner, agent) == SecondFactorRequired
    give_passkey(office.owner)
    actor = make_signed_in(office.owner)
    Session.objects.filter(pk=actor.session_id).update(authenticated_at=timezone.now() - DAY)
    with pytest.raises(ReauthenticationNeeded):
        vouch(actor, agent)
    Passkey.objects.filter(user=agent).delete()
    with pytest.raises(NoFactorToReset):
        vouch(office.owner, agent)
    assert not FactorReset.objects.exists()


def _wait(who: User, whose: User) -> Any:
    """Return how long a word waits, taken back again, or what refuses it."""
    try:
        with transaction.atomic():
            reset = vouch(who, whose).reset
            transaction.set_rollback(True)
    except (NotFound, SupportOnly, SecondFactorRequired) as refused:
        return type(refused)
    return reset.usable_at - reset.created_at


def test_it_takes_a_reason_and_one_code_at_a_time(office: Office, agent: User) -> None:
    for reason in ("", " because ", "x" * 301):
        with pytest.raises(InvalidInput):
            vouch(office.owner, agent, reason=reason)
    first = vouch(office.owner, agent)
    with pytest.raises(FactorResetOpen):
        vouch(office.owner, agent)
    let_days_pass(9)
    second = vouch(office.owner, agent)
    let_wait_pass(second.reset)
    with pytest.raises(WrongCode):
        use(agent, first.code)
    assert use(agent, second.code) == agent


@pytest.mark.parametrize("who", ["person", "issuer", "another owner", "platform staff"])
def test_it_is_withdrawn_by_the_person_and_by_who_could_have_given_it(
    office: Office, agent: User, who: str
) -> None:
    given = vouch(office.owner, agent)
    people = {
        "person": agent,
        "issuer": office.owner,
        "another owner": office.add(Role.OWNER),
        "platform staff": make_person(is_superuser=True),
    }
    path = f"{PATH}{given.reset.pk}/cancel/"
    for stranger in (make_person(), office.add(Role.MANAGER), Office().owner):
        assert Api().post(path, None, **bearer(_access(stranger))).status_code == 404

    answer = Api().post(path, None, **bearer(_access(people[who])))

    assert answer.json()["cancelled_at"] is not None
    let_wait_pass(given.reset)
    assert first_step(agent)["methods"] == ["passkey"]
    with pytest.raises(WrongCode):
        use(agent, given.code)
    assert not is_lost(agent)


def _dismiss(office: Office, agent: User) -> None:
    another = office.add(Role.OWNER)
    row = Membership.objects.with_scopes_disabled().get(user=office.owner)
    business.remove_member(actor=make.actor_of(another), membership_id=row.pk, now=NOW)


def _hire_elsewhere(office: Office, agent: User) -> None:
    join(Office().organization, agent, Role.VIEWER)


def _leave(office: Office, agent: User) -> None:
    Membership.objects.with_scopes_disabled().filter(user=agent).delete()


@pytest.mark.parametrize("change", [_dismiss, _hire_elsewhere, _leave])
def test_a_word_that_would_not_count_now_opens_nothing(
    office: Office, agent: User, change: Callable[[Office, User], None]
) -> None:
    given = vouch(office.owner, agent)
    let_wait_pass(given.reset)
    change(office, agent)

    with pytest.raises(WrongCode):
        use(agent, given.code)

    assert not is_lost(agent)


def test_it_confirms_nothing_but_a_sign_in(office: Office, agent: User) -> None:
    given = vouch(office.owner, agent)
    let_wait_pass(given.reset)
    for purpose in (ChallengePurpose.REAUTHENTICATION, ChallengePurpose.PASSWORD_RESET):
        with pytest.raises(MfaRequired) as asked:
            _passwords.require_second_factor(agent, purpose)
        assert asked.value.extra["mfa"]["methods"] == ["passkey"]
        with pytest.raises(WrongCode):
            operations.confirm_second_factor(
                token=asked.value.extra["mfa"]["token"],
                method="reset_code",
                code=given.code,
                now=NOW,
                purpose=purpose,
            )
    use(agent, given.code)
    with pytest.raises(NewFactorAwaited):
        _passwords.require_second_factor(agent, ChallengePurpose.PASSWORD_RESET)
    let_days_pass(1)
    _passwords.require_second_factor(agent, ChallengePurpose.PASSWORD_RESET)


def test_the_database_lets_none_count_sooner(office: Office, agent: User) -> None:
    reset = vouch(office.owner, agent).reset
    for wrong in (
        {"usable_at": reset.usable_at - timedelta(seconds=1)},
        {"used_at": reset.usable_at - timedelta(seconds=1)},
        {"expires_at": reset.expires_at + timedelta(seconds=1)},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            FactorReset.objects.filter(pk=reset.pk).update(**wrong)


def test_nobody_vouches_for_a_crowd(office: Office, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"factor_reset": {"user": "2/hour"}}
    actor = make_signed_in(office.owner)
    for _ in range(2):
        vouch(actor, office.add(Role.AGENT))
    with pytest.raises(TooManyRequests):
        vouch(actor, office.add(Role.AGENT))


def test_the_list_holds_ones_own_in_as_many_queries_for_three_as_for_one(
    office: Office, agent: User, django_assert_num_queries: Any
) -> None:
    headers = bearer(_access(office.owner))
    strange = bearer(_access(make_person()))
    for count in (1, 2, 3):
        vouch(office.owner, agent if count == 1 else office.add(Role.AGENT))
        if count != 2:
            with django_assert_num_queries(3):
                found = Client().get(f"/api/accounts/{PATH}", headers=headers).json()
            assert found["count"] == count
            assert {"digest", "code"}.isdisjoint(found["results"][0])
    assert Client().get(f"/api/accounts/{PATH}", headers=strange).json()["count"] == 0


def test_staff_give_a_code_in_the_administration(agent: User) -> None:
    admin = make_person(is_superuser=True, is_staff=True)
    give_passkey(admin)
    pages = Client()
    pages.force_login(admin)
    path = "/admin/accounts/factorreset/"

    answer = pages.post(f"{path}add/", {"identifier": agent.email, "reason": REASON}, follow=True)

    reset = FactorReset.objects.get()
    assert (reset.user_id, reset.issuer_id) == (agent.pk, admin.pk)
    assert "messagelist" in answer.content.decode()
    pages.post(path, {"_selected_action": [str(reset.pk)], "action": "cancel"})
    reset.refresh_from_db()
    assert reset.cancelled_at is not None
    Session.objects.filter(user=admin).update(authenticated_at=timezone.now() - DAY)
    again = pages.post(f"{path}add/", {"identifier": agent.email, "reason": REASON})
    assert again.headers["Location"].startswith("/account/confirm/")

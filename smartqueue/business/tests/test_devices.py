"""Kiosks and displays: paired by a code, revoked alone, and able to do the least."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts import entrance, ports
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.accounts.models import User
from smartqueue.business import errors, operations
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import Branch, BranchCredential
from smartqueue.business.operations import _devices
from smartqueue.business.tests import factories as make
from smartqueue.common import clock
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

NOW = make.NOW
API = "/api/business/devices/"
JSON = "application/json"


@pytest.fixture(autouse=True)
def at_nine(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def owner() -> User:
    return make.user()


@pytest.fixture
def branch(owner) -> Branch:
    return make.branch(owner, make.organization(owner))


def add(owner: User, branch: Branch, **more: Any) -> tuple[BranchCredential, str]:
    return operations.add_device(
        **{
            "actor": make.actor_of(owner),
            "branch_id": branch.pk,
            "kind": DeviceKind.KIOSK,
            "name": "Entrance",
            "now": NOW,
            **more,
        }
    )


def stored() -> BranchCredential:
    found: BranchCredential = BranchCredential.objects.with_scopes_disabled().get()
    return found


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_a_code_gives_a_token_that_is_one_device_of_one_branch(owner, branch, kind):
    made, code = add(owner, branch, kind=kind)

    _paired, token = operations.pair_device(code=f" {code[:4].lower()}-{code[4:]} ", now=NOW)

    actor = entrance.actor_of_ticket_token(token)
    assert (actor.kind, actor.branch_id, actor.device_id) == (ActorKind(kind), branch.pk, made.pk)
    assert actor.user_id is None
    assert actor.memberships == ()
    assert actor.label == f"{kind}:{made.pk}"
    kinds = DomainEvent.objects.filter(subject_id=made.pk).values_list("type", flat=True)
    assert set(kinds) == {"business.device.added.v1", "business.device.paired.v1"}


def test_neither_code_nor_token_is_stored(owner, branch):
    _made, code = add(owner, branch)
    kept = bytes(stored().code_digest)
    assert code.encode() not in kept
    assert len(kept) == 32

    _paired, token = operations.pair_device(code=code, now=NOW)

    row = stored()
    assert row.code_digest is None
    assert len(bytes(row.digest)) == 32
    for event in DomainEvent.objects.all():
        assert token not in str(event.payload)
        assert code not in str(event.payload)


def test_a_code_works_once_and_for_ten_minutes(owner, branch):
    made, code = add(owner, branch)

    with pytest.raises(errors.PairingCodeWrong):
        operations.pair_device(code=code, now=NOW + timedelta(minutes=10))
    operations.pair_device(code=code, now=NOW + timedelta(minutes=9))
    with pytest.raises(errors.PairingCodeWrong):
        operations.pair_device(code=code, now=NOW)
    again, second = operations.renew_pairing_code(
        actor=make.actor_of(owner), credential_id=made.pk, now=NOW
    )
    assert again.pk == made.pk
    assert second != code


@pytest.mark.parametrize("code", ["", "AAAAAAAA", "x" * 500, "\u0000", "é", "12345678"])
def test_a_made_up_code_opens_nothing(owner, branch, code):
    add(owner, branch)

    with pytest.raises(errors.PairingCodeWrong):
        operations.pair_device(code=code, now=NOW)
    assert stored().paired_at is None


def test_codes_are_long_enough_not_to_be_guessed():
    guesses = 30 / 10 * 10  # tries of one address while a code lives, by the limit "pair"
    assert len(set(_devices.CODE_ALPHABET)) ** _devices.CODE_LENGTH > guesses * 10**9


def test_a_revoked_device_is_nobody_at_once_and_the_others_go_on(owner, branch):
    made, code = add(owner, branch)
    _other, other_code = add(owner, branch, name="Exit")
    token = operations.pair_device(code=code, now=NOW)[1]
    kept = operations.pair_device(code=other_code, now=NOW)[1]
    before = entrance.actor_of_ticket_token(token)

    operations.revoke_device(actor=make.actor_of(owner), credential_id=made.pk, now=NOW)

    with pytest.raises(NotSignedIn):
        entrance.actor_of_ticket_token(token)
    with pytest.raises(NotSignedIn):
        entrance.renewed(before)
    assert entrance.renewed(entrance.actor_of_ticket_token(kept)).branch_id == branch.pk
    for act in (operations.revoke_device, operations.renew_pairing_code):
        with pytest.raises(NotFound):
            act(actor=make.actor_of(owner), credential_id=made.pk, now=NOW)


def test_pairing_again_ends_the_token_before(owner, branch):
    made, code = add(owner, branch)
    old = operations.pair_device(code=code, now=NOW)[1]
    _again, second = operations.renew_pairing_code(
        actor=make.actor_of(owner), credential_id=made.pk, now=NOW
    )
    assert entrance.actor_of_ticket_token(old)

    new = operations.pair_device(code=second, now=NOW)[1]

    with pytest.raises(NotSignedIn):
        entrance.actor_of_ticket_token(old)
    assert entrance.actor_of_ticket_token(new).device_id == made.pk


def test_a_code_for_a_revoked_device_or_a_closed_branch_is_void(owner, branch):
    made, code = add(owner, branch)
    operations.revoke_device(actor=make.actor_of(owner), credential_id=made.pk, now=NOW)
    with pytest.raises(errors.PairingCodeWrong):
        operations.pair_device(code=code, now=NOW)

    _second, code = add(owner, branch)
    operations.close_branch(actor=make.actor_of(owner), branch_id=branch.pk, now=NOW)
    with pytest.raises(errors.PairingCodeWrong):
        operations.pair_device(code=code, now=NOW)


def test_a_device_of_a_closed_branch_is_nobody(owner, branch):
    token = operations.pair_device(code=add(owner, branch)[1], now=NOW)[1]
    before = entrance.actor_of_ticket_token(token)

    operations.close_branch(actor=make.actor_of(owner), branch_id=branch.pk, now=NOW)

    with pytest.raises(NotSignedIn):
        entrance.actor_of_ticket_token(token)
    assert not ports.devices().is_trusted(before.device_id)


def test_use_is_noted_every_five_minutes(owner, branch, monkeypatch):
    token = operations.pair_device(code=add(owner, branch)[1], now=NOW)[1]
    seen = []
    for minutes in (0, 4, 5):
        at = NOW + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        entrance.actor_of_ticket_token(token)
        seen.append(stored().last_used_at)

    assert seen == [NOW, NOW, NOW + timedelta(minutes=5)]


@pytest.mark.parametrize("name", ["", "   ", "Entrance", " Entrance "])
def test_a_device_has_a_name_of_its_own(owner, branch, name):
    add(owner, branch)

    with pytest.raises(InvalidInput) as refused:
        add(owner, branch, name=name)

    assert refused.value.errors[0].field == "name"


def test_a_demonstration_device_is_refused_in_production(owner, branch, settings):
    token = "A" * 64
    given = {"actor": make.actor_of(owner), "branch_id": branch.pk, "now": NOW}
    given |= {"kind": DeviceKind.KIOSK, "name": "Demo", "token": token}
    operations.add_demonstration_device(**given)
    assert entrance.actor_of_ticket_token(token).branch_id == branch.pk

    settings.ALLOW_DEMO_ACCOUNTS = False

    with pytest.raises(NotSignedIn):
        entrance.actor_of_ticket_token(token)
    with pytest.raises(ValueError, match="demonstration"):
        operations.add_demonstration_device(**given)


def test_a_device_is_set_up_over_rest(owner, branch):
    manager = make.signed_in(owner)
    body = {"branch": str(branch.pk), "kind": "display", "name": "Hall"}

    made = manager.post(API, body, content_type=JSON).json()
    paired = Client().post(f"{API}pair/", {"code": made["code"]}, content_type=JSON)

    assert paired.status_code == 200
    assert set(paired.json()) == {"device", "branch", "kind", "name", "token"}
    (listed,) = manager.get(API, {"branch": str(branch.pk)}).json()["results"]
    assert listed["id"] == made["id"]
    assert "code" not in listed
    assert "digest" not in listed
    renewed = manager.post(f"{API}{made['id']}/code/").json()
    assert renewed["code"] != made["code"]
    assert manager.delete(f"{API}{made['id']}/").status_code == 204
    assert manager.get(API, {"branch": str(branch.pk)}).json()["count"] == 0
    wrong = Client().post(f"{API}pair/", {"code": made["code"]}, content_type=JSON)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "pairing_code_wrong")


def test_codes_are_not_tried_without_end(settings):
    settings.LIMITS = {**settings.LIMITS, "pair": {"address": "2/minute"}}
    client = Client(REMOTE_ADDR="203.0.113.77")
    answers = [
        client.post(f"{API}pair/", {"code": "AAAAAAAA"}, content_type=JSON) for _try in range(3)
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_devices_takes_the_same_queries(rows, owner, branch, django_assert_num_queries):
    for number in range(rows):
        add(owner, branch, name=f"Device {number}")
    client = make.signed_in(owner)

    # Session, account, branch, memberships, count, page.
    with django_assert_num_queries(6):
        answer = client.get(API, {"branch": str(branch.pk)})

    assert answer.json()["count"] == rows


def test_a_local_manager_reaches_the_devices_of_their_branch_only(owner, branch):
    elsewhere = make.branch(owner, branch.organization, "Autre")
    manager = make.member(owner, branch.organization, Role.MANAGER, (elsewhere.pk,))
    made, _code = add(owner, branch)

    with pytest.raises(NotFound):
        add(manager, branch)
    with pytest.raises(NotFound):
        operations.revoke_device(actor=make.actor_of(manager), credential_id=made.pk, now=NOW)
    add(manager, elsewhere)

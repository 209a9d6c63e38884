"""Signing in with a passkey, and confirming a sign-in or a change with one."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from smartqueue.accounts.models import Passkey, PasskeyChallenge, Session, TotpEnrolment, User
from smartqueue.accounts.operations import remove_expired
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import make_user
from smartqueue.accounts.tests.passkeys import Person, ask_mfa, begin_sign_in, confirm, sign_in
from smartqueue.accounts.tests.security_key import SecurityKey
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

APP = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.fixture
def person(api: Api, user: User) -> Person:
    return Person(api, user)


@pytest.fixture
def key(person: Person) -> SecurityKey:
    made = SecurityKey()
    assert person.add(made).status_code == 201
    return made


def test_a_passkey_signs_in_alone(api: Api, person: Person, key: SecurityKey) -> None:
    options = begin_sign_in(api)["options"]
    assert options["userVerification"] == "required"
    assert options["rpId"] == "localhost"
    assert not options.get("allowCredentials")
    response = sign_in(api, key)
    assert response.status_code == 200
    assert api.me(response.json()["access"]).json()["id"] == str(person.user.pk)
    used = DomainEvent.objects.filter(type="accounts.second_factor.used.v1")
    assert [event.payload["method"] for event in used] == ["passkey"]
    assert Passkey.objects.get().last_used_at is not None


def begun_sessions() -> int:
    return Session.objects.count()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("origin", "https://elsewhere.test"),
        ("origin", "http://localhost:8001"),
        ("rp_id", "elsewhere.test"),
        ("is_cross_origin", True),
        ("type", "webauthn.create"),
        ("verifies", False),
        ("user_handle", ""),
        ("user_handle", "AAAAAAAAAAAAAAAAAAAAAA"),
        ("credential_id", b"another"),
        ("count", -1),
    ],
)
def test_a_wrong_answer_signs_nobody_in(
    api: Api, person: Person, key: SecurityKey, attribute: str, value: Any
) -> None:
    before = begun_sessions()
    setattr(key, attribute, value)
    response = sign_in(api, key)
    assert (response.status_code, response.json()["code"]) == (400, "passkey_refused")
    assert begun_sessions() == before


def test_another_key_under_the_same_id_signs_nobody_in(
    api: Api, person: Person, key: SecurityKey
) -> None:
    forged = SecurityKey()
    forged.credential_id, forged.user_handle, forged.count = key.credential_id, key.user_handle, 9
    assert sign_in(api, forged).json()["code"] == "passkey_refused"


def test_an_answer_is_taken_once(api: Api, person: Person, key: SecurityKey) -> None:
    begun = begin_sign_in(api)
    body = {"token": begun["token"], "credential": key.sign(begun["options"])}
    assert api.post("auth/passkey/", body).status_code == 200
    assert api.post("auth/passkey/", body).json()["code"] == "passkey_refused"
    another = begin_sign_in(api)
    replayed = {"token": another["token"], "credential": body["credential"]}
    assert api.post("auth/passkey/", replayed).json()["code"] == "passkey_refused"


def test_a_sign_in_challenge_lives_five_minutes(api: Api, person: Person, key: SecurityKey) -> None:
    begun = begin_sign_in(api)
    body = {"token": begun["token"], "credential": key.sign(begun["options"])}
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert api.post("auth/passkey/", body).json()["code"] == "passkey_refused"


def test_a_copied_key_is_refused_and_told_of(api: Api, person: Person, key: SecurityKey) -> None:
    assert sign_in(api, key).status_code == 200
    key.count -= 1
    assert sign_in(api, key).json()["code"] == "passkey_refused"
    event = DomainEvent.objects.get(type="accounts.passkey.copied.v1")
    assert event.payload["passkey_id"] == str(Passkey.objects.get().pk)
    key.count += 1
    assert sign_in(api, key).status_code == 200


def test_devices_that_do_not_count_are_let_in(api: Api, person: Person) -> None:
    key = SecurityKey()
    key.counts = False
    person.add(key)
    assert [sign_in(api, key).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("how", ["closed", "demonstration"])
def test_who_may_not_sign_in_does_not_by_passkey(
    api: Api, person: Person, key: SecurityKey, settings: Any, how: str
) -> None:
    people = User.objects.filter(pk=person.user.pk)
    if how == "closed":
        people.update(is_active=False)
    else:
        settings.ALLOW_DEMO_ACCOUNTS = False
        people.update(email="owner@demo.smartqueue.test")
    assert sign_in(api, key).json()["code"] == "passkey_refused"


def test_challenges_are_limited_by_address(api: Api, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"passkey": {"address": "3/hour"}}
    headers = {"X-Forwarded-For": "203.0.113.77"}
    settings.TRUSTED_PROXY_COUNT = 1
    statuses = [api.post("auth/passkey/options/", {}, **headers).status_code for _ in range(4)]
    assert statuses[-1] == 429


# --- As the second factor ----------------------------------------------------------------------


def test_a_passkey_confirms_a_password(api: Api, person: Person, key: SecurityKey) -> None:
    assert ask_mfa(api, person.user)["methods"] == ["passkey", "recovery_codes"]
    response = confirm(api, person.user, key)
    assert response.status_code == 200
    assert api.me(response.json()["access"]).status_code == 200


def test_a_second_factor_need_not_check_its_owner(
    api: Api, person: Person, key: SecurityKey
) -> None:
    key.verifies = False
    key.user_handle = ""
    assert confirm(api, person.user, key).status_code == 200


def test_another_s_passkey_confirms_nothing(api: Api, person: Person, key: SecurityKey) -> None:
    theirs = SecurityKey()
    Person(api, make_user()).add(theirs)
    assert confirm(api, person.user, theirs).json()["code"] == "wrong_code"


def test_a_confirmation_is_bound_to_its_sign_in(api: Api, person: Person, key: SecurityKey) -> None:
    first, second = ask_mfa(api, person.user)["token"], ask_mfa(api, person.user)["token"]
    options = api.post("auth/mfa/options/", {"token": first}).json()["options"]
    api.post("auth/mfa/options/", {"token": second})
    body = {"method": "passkey", "credential": key.sign(options)}
    assert api.post("auth/mfa/", body | {"token": second}).json()["code"] == "wrong_code"
    assert api.post("auth/mfa/", body | {"token": first}).status_code == 200


def test_asking_again_voids_the_earlier_challenge(
    api: Api, person: Person, key: SecurityKey
) -> None:
    token = ask_mfa(api, person.user)["token"]
    first = api.post("auth/mfa/options/", {"token": token}).json()["options"]
    api.post("auth/mfa/options/", {"token": token})
    body = {"token": token, "method": "passkey", "credential": key.sign(first)}
    assert api.post("auth/mfa/", body).json()["code"] == "wrong_code"


def test_a_passkey_that_nobody_asked_confirms_nothing(
    api: Api, person: Person, key: SecurityKey
) -> None:
    token = ask_mfa(api, person.user)["token"]
    begun = begin_sign_in(api)
    body = {"token": token, "method": "passkey", "credential": key.sign(begun["options"])}
    assert api.post("auth/mfa/", body).json()["code"] == "wrong_code"


def test_who_has_no_passkey_is_not_asked_for_one(api: Api, person: Person) -> None:
    assert api.post("auth/mfa/options/", {"token": "x"}).json()["code"] == "mfa_expired"


# --- Before a dangerous change -----------------------------------------------------------------


def test_a_passkey_stands_in_for_the_password(api: Api, person: Person, key: SecurityKey) -> None:
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    begun = begin_sign_in(api)
    body = {"token": begun["token"], "credential": key.sign(begun["options"])}
    response = api.post("auth/reauthenticate/passkey/", body, **bearer(person.access))
    assert response.status_code == 204
    assert person.ask("post", "options/", {}).status_code == 200


def test_another_s_passkey_does_not(api: Api, person: Person) -> None:
    theirs = SecurityKey()
    Person(api, make_user()).add(theirs)
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    begun = begin_sign_in(api)
    body = {"token": begun["token"], "credential": theirs.sign(begun["options"])}
    response = api.post("auth/reauthenticate/passkey/", body, **bearer(person.access))
    assert response.json()["code"] == "passkey_refused"
    assert person.ask("post", "options/", {}).json()["code"] == "reauthentication_needed"


def test_what_nobody_answered_is_swept(api: Api, person: Person) -> None:
    person.begin()
    begin_sign_in(api)
    api.post("factors/totp/", {}, **bearer(person.access))
    remove_expired()
    assert PasskeyChallenge.objects.count() == 2
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        remove_expired()
    assert not PasskeyChallenge.objects.exists()
    assert not TotpEnrolment.objects.exists()

"""Passkeys and security keys of a person: adding, naming, removing them."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from smartqueue.accounts.models import Passkey, PasskeyChallenge, Session, User
from smartqueue.accounts.tests.conftest import Api
from smartqueue.accounts.tests.factories import make_user
from smartqueue.accounts.tests.passkeys import Person, begin_sign_in, sign_in
from smartqueue.accounts.tests.security_key import ORIGIN, SecurityKey
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


def test_a_passkey_is_asked_to_find_itself_and_to_check_its_owner(person: Person) -> None:
    options = person.begin()["options"]
    assert options["rp"] == {"id": "localhost", "name": "SmartQueue"}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert {p["alg"] for p in options["pubKeyCredParams"]} == {-7, -8, -257}
    options = person.begin("security_key")["options"]
    assert options["authenticatorSelection"]["residentKey"] == "discouraged"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"


def test_a_passkey_is_added_and_listed(person: Person) -> None:
    response = person.add(SecurityKey(), name="  Mon   téléphone ")
    assert len(response.json()["recovery_codes"]) == 10
    listed = person.ask("get", "").json()
    assert listed["count"] == 1
    assert listed["results"][0] == response.json()["passkey"]
    assert listed["results"][0].keys() == {
        "id",
        "name",
        "is_discoverable",
        "is_synced",
        "created_at",
        "last_used_at",
    }
    assert listed["results"][0]["name"] == "Mon téléphone"
    passkey = Passkey.objects.get()
    assert (passkey.transports, passkey.is_discoverable) == (["hybrid", "internal"], True)
    events = DomainEvent.objects.filter(type="accounts.second_factor.added.v1")
    assert [e.payload["passkey_id"] for e in events] == [str(passkey.pk)]


def test_a_second_passkey_brings_no_codes_and_is_told_of_the_first(
    person: Person, key: SecurityKey
) -> None:
    assert len(person.begin()["options"]["excludeCredentials"]) == 1
    assert person.add(SecurityKey()).json()["recovery_codes"] is None


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_as_many_queries_for_one_as_for_three(
    person: Person, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        person.add(SecurityKey())
    with django_assert_num_queries(3):
        assert person.ask("get", "").json()["count"] == count


def test_a_credential_belongs_to_one_person(api: Api, person: Person, key: SecurityKey) -> None:
    other = Person(api, make_user())
    for somebody in (person, other):
        response = somebody.add(key)
        assert (response.status_code, response.json()["code"]) == (409, "passkey_known")
    assert Passkey.objects.count() == 1


def test_twenty_passkeys_are_enough(person: Person) -> None:
    statuses = [person.add(SecurityKey()).status_code for _ in range(20)]
    assert statuses == [201] * 20
    response = person.ask("post", "options/", {})
    assert (response.status_code, response.json()["code"]) == (409, "too_many_passkeys")


def refuse(person: Person, key: SecurityKey, kind: str = "passkey") -> None:
    response = person.add(key, kind=kind)
    assert (response.status_code, response.json()["code"]) == (400, "passkey_refused")
    assert not Passkey.objects.exists()


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "https://localhost:8000",
        "http://evil.localhost:8000",
        "https://elsewhere.test",
        APP,
        "null",
        "",
    ],
)
def test_another_origin_is_refused(person: Person, origin: str) -> None:
    key = SecurityKey()
    key.origin = origin
    refuse(person, key)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("rp_id", "elsewhere.test"),
        ("is_cross_origin", True),
        ("type", "webauthn.get"),
        ("verifies", False),
        ("algorithm", -65535),
        ("algorithm", -9999),
    ],
)
def test_a_wrong_registration_is_refused(person: Person, attribute: str, value: Any) -> None:
    key = SecurityKey()
    setattr(key, attribute, value)
    refuse(person, key)


def test_a_security_key_need_not_check_its_owner(person: Person) -> None:
    key = SecurityKey()
    key.verifies = False
    assert person.add(key, kind="security_key").status_code == 201


def test_apps_of_ours_are_let_in_by_setting(person: Person, settings: Any) -> None:
    key = SecurityKey()
    key.origin = APP
    settings.WEBAUTHN_APP_ORIGINS = [APP]
    assert person.add(key).status_code == 201


def test_the_relying_party_is_where_people_go(person: Person, settings: Any) -> None:
    settings.PUBLIC_URL = "https://queue.example.org"
    key = SecurityKey()
    assert person.begin()["options"]["rp"]["id"] == "queue.example.org"
    refuse(person, key)
    key.rp_id, key.origin = "queue.example.org", "https://queue.example.org"
    assert person.add(key).status_code == 201


def test_a_challenge_is_answered_once(person: Person) -> None:
    begun = person.begin()
    body = {"token": begun["token"], "name": "x"}
    first = person.ask("post", "", body | {"credential": SecurityKey().make(begun["options"])})
    again = person.ask("post", "", body | {"credential": SecurityKey().make(begun["options"])})
    assert (first.status_code, again.status_code) == (201, 400)


def test_a_wrong_answer_uses_the_challenge_up(person: Person) -> None:
    begun = person.begin()
    key = SecurityKey()
    key.origin = "https://elsewhere.test"
    body = {"token": begun["token"], "name": "x"}
    assert (
        person.ask("post", "", body | {"credential": key.make(begun["options"])}).status_code == 400
    )
    key.origin = ORIGIN
    assert (
        person.ask("post", "", body | {"credential": key.make(begun["options"])}).status_code == 400
    )
    assert not PasskeyChallenge.objects.exists()


def test_a_challenge_lives_five_minutes(person: Person) -> None:
    begun = person.begin()
    made = SecurityKey().make(begun["options"])
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        response = person.ask(
            "post", "", {"token": begun["token"], "name": "x", "credential": made}
        )
    assert response.json()["code"] == "passkey_refused"


def test_a_challenge_belongs_to_its_session(api: Api, person: Person) -> None:
    begun = person.begin()
    body = {"token": begun["token"], "name": "x"}
    for other in (Person(api, person.user), Person(api, make_user())):
        made = SecurityKey().make(begun["options"])
        assert other.ask("post", "", body | {"credential": made}).status_code == 400
        begun = person.begin()
        body["token"] = begun["token"]
    assert not Passkey.objects.exists()


def test_a_challenge_serves_its_purpose_only(api: Api, person: Person, key: SecurityKey) -> None:
    begun = person.begin()
    response = api.post(
        "auth/passkey/", {"token": begun["token"], "credential": key.sign(begun["options"])}
    )
    assert response.json()["code"] == "passkey_refused"
    begun = begin_sign_in(api)
    options = begun["options"] | {"user": {"id": ""}}
    body = {"token": begun["token"], "name": "x", "credential": SecurityKey().make(options)}
    assert person.ask("post", "", body).status_code == 400


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": "x", "rawId": "y", "response": {}},
        {
            "id": "AA",
            "rawId": "AA",
            "response": {"clientDataJSON": "AA", "attestationObject": "AA"},
        },
        {"id": "AA", "rawId": "AA", "response": []},
        {"id": 1, "rawId": 1, "response": {"clientDataJSON": 1, "attestationObject": {}}},
        {"id": "é", "rawId": "é", "response": {"clientDataJSON": "é"}},
        {"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "e30", "signature": "AA"}},
        {"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "W10", "authenticatorData": ""}},
    ],
    ids=range(8),
)
def test_malformed_answers_are_refused(api: Api, person: Person, credential: Any) -> None:
    token = person.begin()["token"]
    body = {"token": token, "name": "x", "credential": credential}
    assert person.ask("post", "", body).json()["code"] == "passkey_refused"
    body = {"token": begin_sign_in(api)["token"], "credential": credential}
    assert api.post("auth/passkey/", body).json()["code"] == "passkey_refused"


# --- Naming, removing --------------------------------------------------------------------------


def test_a_passkey_gets_another_name(person: Person, key: SecurityKey) -> None:
    passkey = Passkey.objects.get()
    response = person.ask("patch", f"{passkey.pk}/", {"name": "Clé bleue"})
    assert response.json()["name"] == "Clé bleue"
    assert person.ask("patch", f"{passkey.pk}/", {"name": " "}).status_code == 400
    assert DomainEvent.objects.filter(type="accounts.passkey.renamed.v1").count() == 1


def test_another_s_passkey_does_not_exist(api: Api, person: Person, key: SecurityKey) -> None:
    passkey = Passkey.objects.get()
    for somebody in (make_user(), make_user(is_superuser=True, is_staff=True)):
        other = Person(api, somebody)
        assert other.ask("patch", f"{passkey.pk}/", {"name": "x"}).status_code == 404
        assert other.ask("delete", f"{passkey.pk}/").status_code == 404
        assert other.ask("get", "").json()["count"] == 0
    passkey.refresh_from_db()
    assert passkey.name == "Téléphone"


def test_a_removed_passkey_opens_nothing(api: Api, person: Person, key: SecurityKey) -> None:
    other = sign_in(api, key).json()
    assert person.ask("delete", f"{Passkey.objects.get().pk}/").status_code == 204
    assert sign_in(api, key).json()["code"] == "passkey_refused"
    assert api.me(other["access"]).status_code == 401
    assert api.me(person.access).status_code == 200
    assert api.login(person.user)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("patch", "{}/", {"name": "x"}), ("delete", "{}/", {}), ("post", "options/", {})],
    ids=["rename", "remove", "add"],
)
def test_every_change_needs_a_recent_sign_in(
    person: Person, key: SecurityKey, method: str, path: str, body: dict[str, str]
) -> None:
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    response = person.ask(method, path.format(Passkey.objects.get().pk), body)
    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_needed")
    assert Passkey.objects.get().name == "Téléphone"


def test_what_was_begun_in_time_is_not_added_late(person: Person) -> None:
    begun = person.begin()
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    made = SecurityKey().make(begun["options"])
    response = person.ask("post", "", {"token": begun["token"], "name": "x", "credential": made})
    assert response.json()["code"] == "reauthentication_needed"
    assert not Passkey.objects.exists()

"""Enrolling and removing second factors, and what it entails."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.utils import timezone

from smartqueue.accounts import tokens
from smartqueue.accounts.models import Session, TotpEnrolment, User
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_phone
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

PERIOD = 30
LATER = timedelta(minutes=10, seconds=1)


@pytest.fixture(autouse=True)
def middle_of_a_period() -> Any:
    with time_machine.travel(1_900_000_000 // PERIOD * PERIOD + 15, tick=False) as traveller:
        yield traveller


def code_at(secret: str, periods_later: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD + periods_later))


class Person:
    """Somebody signed in, at the paths of second factors."""

    def __init__(self, api: Api, user: User) -> None:
        self.api, self.user = api, user
        self.access = api.login(user)["access"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        send = getattr(self.api.client, method)
        return send(
            f"/api/accounts/{path}",
            body or {},
            content_type="application/json",
            headers=bearer(self.access),
        )

    def enrol(self) -> tuple[str, list[str]]:
        """Add an authenticator app; return its secret and the recovery codes."""
        secret = self.ask("post", "factors/totp/").json()["secret"]
        response = self.ask("post", "factors/totp/confirm/", {"code": code_at(secret)})
        assert response.status_code == 200, response.json()
        return secret, response.json()["recovery_codes"]

    def factors(self) -> dict[str, Any]:
        return dict(
            self.api.client.get("/api/accounts/factors/", headers=bearer(self.access)).json()
        )


@pytest.fixture
def person(api: Api, user: User) -> Person:
    return Person(api, user)


def login(api: Api, user: User) -> Any:
    return api.post("auth/login/", {"identifier": user.email or user.phone, "password": PASSWORD})


def events() -> list[str]:
    names = DomainEvent.objects.values_list("type", flat=True)
    return sorted(name for name in names if "second_factor" in name or "recovery" in name)


def test_nobody_has_a_factor_at_first(person: Person) -> None:
    assert person.factors() == {
        "is_enrolled": False,
        "is_required": False,
        "totp": None,
        "passkeys": [],
        "recovery_codes_left": None,
    }


def test_an_app_is_added_by_a_code_of_it(api: Api, person: Person) -> None:
    begun = person.ask("post", "factors/totp/").json()
    assert begun["uri"].startswith("otpauth://totp/")
    assert f"secret={begun['secret']}" in begun["uri"]
    assert begun["qr_svg"].startswith("<svg")
    assert login(api, person.user).status_code == 200
    response = person.ask("post", "factors/totp/confirm/", {"code": code_at(begun["secret"])})
    assert len(response.json()["recovery_codes"]) == 10
    asked = login(api, person.user)
    assert asked.json()["mfa"]["methods"] == ["totp", "recovery_codes"]
    assert person.factors()["is_enrolled"]
    assert begun["secret"] not in str(list(Authenticator.objects.values_list("data", flat=True)))


def test_the_pending_secret_is_sealed(person: Person) -> None:
    secret = person.ask("post", "factors/totp/").json()["secret"]
    assert secret not in TotpEnrolment.objects.get().secret


def test_a_wrong_code_adds_nothing(person: Person) -> None:
    person.ask("post", "factors/totp/")
    response = person.ask("post", "factors/totp/confirm/", {"code": "000000"})
    assert response.json()["code"] == "wrong_code"
    assert not Authenticator.objects.exists()
    assert events() == []


def test_a_code_of_an_earlier_secret_is_wrong(person: Person) -> None:
    first = person.ask("post", "factors/totp/").json()["secret"]
    person.ask("post", "factors/totp/")
    response = person.ask("post", "factors/totp/confirm/", {"code": code_at(first)})
    assert response.json()["code"] == "wrong_code"


def test_adding_an_app_takes_a_quarter_of_an_hour_at_most(
    person: Person, user: User, middle_of_a_period: Any
) -> None:
    secret = person.ask("post", "factors/totp/").json()["secret"]
    middle_of_a_period.shift(timedelta(minutes=15, seconds=1))
    Session.objects.update(authenticated_at=timezone.now())
    person.access = tokens.make_access_token(user.pk, Session.objects.get().pk)
    response = person.ask("post", "factors/totp/confirm/", {"code": code_at(secret)})
    assert (response.status_code, response.json()["code"]) == (409, "enrolment_expired")


def test_an_app_is_confirmed_in_the_session_that_began(api: Api, person: Person) -> None:
    thief = Person(api, person.user)
    planted = thief.ask("post", "factors/totp/").json()["secret"]
    response = person.ask("post", "factors/totp/confirm/", {"code": code_at(planted)})
    assert response.json()["code"] == "enrolment_expired"
    assert not Authenticator.objects.exists()


def test_nothing_is_confirmed_that_was_not_begun(person: Person) -> None:
    response = person.ask("post", "factors/totp/confirm/", {"code": "000000"})
    assert response.json()["code"] == "enrolment_expired"


def test_the_code_that_added_an_app_signs_nobody_in(api: Api, person: Person) -> None:
    secret, _ = person.enrol()
    token = login(api, person.user).json()["mfa"]["token"]
    body = {"token": token, "method": "totp"}
    assert api.post("auth/mfa/", body | {"code": code_at(secret)}).json()["code"] == "wrong_code"
    assert api.post("auth/mfa/", body | {"code": code_at(secret, 1)}).status_code == 200


def test_a_first_factor_ends_sessions_begun_without_one(api: Api, person: Person) -> None:
    other = api.login(person.user)
    browser = Client()
    browser.force_login(person.user)
    person.enrol()
    assert api.me(person.access).status_code == 200
    assert api.me(other["access"]).status_code == 401
    refreshed = api.post("auth/refresh/", {"refresh": other["refresh"]})
    assert refreshed.json()["code"] == "session_ended"
    assert Session.objects.filter(user=person.user, ended_at=None).count() == 1
    assert browser.get("/api/accounts/users/me/").status_code == 401


def test_replacing_the_app_voids_the_earlier_one(api: Api, person: Person) -> None:
    first, codes = person.enrol()
    begun = person.ask("post", "factors/totp/").json()["secret"]
    assert login(api, person.user).status_code == 401
    response = person.ask("post", "factors/totp/confirm/", {"code": code_at(begun)})
    assert response.json() == {"recovery_codes": None}
    body = {"token": login(api, person.user).json()["mfa"]["token"], "method": "totp"}
    assert api.post("auth/mfa/", body | {"code": code_at(first, 1)}).json()["code"] == "wrong_code"
    assert api.post("auth/mfa/", body | {"code": code_at(begun, 1)}).status_code == 200
    assert person.factors()["recovery_codes_left"] == len(codes)


def test_removing_the_last_factor_removes_the_codes_and_ends_other_sessions(
    api: Api, person: Person
) -> None:
    secret, _ = person.enrol()
    body = {"token": login(api, person.user).json()["mfa"]["token"], "method": "totp"}
    other = api.post("auth/mfa/", body | {"code": code_at(secret, 1)}).json()
    assert person.ask("delete", "factors/totp/").status_code == 204
    assert not Authenticator.objects.exists()
    assert api.me(person.access).status_code == 200
    assert api.me(other["access"]).status_code == 401
    assert login(api, person.user).status_code == 200
    assert person.ask("delete", "factors/totp/").status_code == 404


def test_what_happened_is_published_without_secrets(person: Person) -> None:
    secret, codes = person.enrol()
    person.ask("delete", "factors/totp/")
    assert events() == [
        "accounts.recovery_codes.made.v1",
        "accounts.second_factor.added.v1",
        "accounts.second_factor.removed.v1",
    ]
    stored = str(list(DomainEvent.objects.values_list("payload", flat=True)))
    assert secret not in stored
    assert not any(code in stored for code in codes)


def test_recovery_codes_count_down_and_are_replaced(api: Api, person: Person) -> None:
    _, codes = person.enrol()
    body = {"token": login(api, person.user).json()["mfa"]["token"], "method": "recovery_codes"}
    assert api.post("auth/mfa/", body | {"code": codes[3]}).status_code == 200
    assert person.factors()["recovery_codes_left"] == 9
    made = person.ask("post", "factors/recovery-codes/")
    assert made.status_code == 201
    assert len(set(made.json()["recovery_codes"]) - set(codes)) == 10
    body["token"] = login(api, person.user).json()["mfa"]["token"]
    assert api.post("auth/mfa/", body | {"code": codes[4]}).json()["code"] == "wrong_code"
    assert person.factors()["recovery_codes_left"] == 10


def test_recovery_codes_need_a_factor(person: Person) -> None:
    response = person.ask("post", "factors/recovery-codes/")
    assert (response.status_code, response.json()["code"]) == (409, "no_second_factor")


CHANGES = [
    ("post", "factors/totp/", {}),
    ("post", "factors/totp/confirm/", {"code": "000000"}),
    ("delete", "factors/totp/", {}),
    ("post", "factors/recovery-codes/", {}),
    ("post", "factors/passkeys/options/", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=str)
def test_every_change_needs_a_recent_sign_in(
    person: Person, method: str, path: str, body: dict[str, str]
) -> None:
    person.enrol()
    before = list(Authenticator.objects.values_list("pk", "data"))
    Session.objects.update(authenticated_at=timezone.now() - LATER)
    response = person.ask(method, path, body)
    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_needed")
    assert list(Authenticator.objects.values_list("pk", "data")) == before
    assert not TotpEnrolment.objects.exists()


def test_an_app_is_named_after_how_the_person_signs_in(api: Api) -> None:
    phone = new_phone()
    person = Person(api, make_user(email=None, phone=phone, phone_verified_at=timezone.now()))
    uri = person.ask("post", "factors/totp/").json()["uri"]
    assert uri.startswith(f"otpauth://totp/%2B{phone[1:]}?")


def test_without_a_code_the_second_factor_names_the_field(api: Api, person: Person) -> None:
    person.enrol()
    token = login(api, person.user).json()["mfa"]["token"]
    for method, field in (("totp", "code"), ("passkey", "credential")):
        response = api.post("auth/mfa/", {"token": token, "method": method})
        assert response.status_code == 400
        assert [e["field"] for e in response.json()["errors"]] == [field]

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.utils import timezone

from smartqueue.accounts.models import Session, User
from smartqueue.accounts.tests.conftest import Api, Mailbox
from smartqueue.accounts.tests.factories import PASSWORD, new_email, new_phone

pytestmark = pytest.mark.django_db

PERIOD = 30


@pytest.fixture
def secret(user: User) -> str:
    made = generate_totp_secret()
    TOTP.activate(user, made)
    return made


def code_at(secret: str, periods_later: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD + periods_later))


def ask(api: Api, user: User) -> dict[str, Any]:
    response = api.post("auth/login/", {"identifier": user.email, "password": PASSWORD})
    assert response.status_code == 401
    assert response.json()["code"] == "mfa_required"
    return dict(response.json()["mfa"])


def answer(api: Api, token: str, code: str, method: str = "totp") -> Any:
    return api.post("auth/mfa/", {"token": token, "method": method, "code": code})


@pytest.fixture(autouse=True)
def middle_of_a_period() -> Any:
    with time_machine.travel(1_900_000_000 // PERIOD * PERIOD + 15, tick=False) as traveller:
        yield traveller


def test_an_enrolled_person_is_asked_and_let_in(api: Api, user: User, secret: str) -> None:
    asked = ask(api, user)
    assert asked["methods"] == ["totp"]
    assert not Session.objects.exists()
    response = answer(api, asked["token"], code_at(secret))
    assert response.status_code == 200
    assert api.me(response.json()["access"]).json()["id"] == str(user.pk)


def test_a_wrong_password_does_not_reach_the_second_factor(
    api: Api, user: User, secret: str
) -> None:
    response = api.post("auth/login/", {"identifier": user.email, "password": "wrong"})
    assert response.json()["code"] == "invalid_credentials"


def test_a_challenge_is_answered_once(api: Api, user: User, secret: str) -> None:
    token = ask(api, user)["token"]
    assert answer(api, token, code_at(secret)).status_code == 200
    again = answer(api, token, code_at(secret, 1))
    assert again.json()["code"] == "mfa_expired"


def test_a_code_is_used_once(api: Api, user: User, secret: str, redis_away: None) -> None:
    code = code_at(secret)
    assert answer(api, ask(api, user)["token"], code).status_code == 200
    assert answer(api, ask(api, user)["token"], code).json()["code"] == "wrong_code"


def test_a_clock_may_be_half_a_minute_off(api: Api, user: User, secret: str) -> None:
    assert answer(api, ask(api, user)["token"], code_at(secret, -2)).status_code == 400
    assert answer(api, ask(api, user)["token"], code_at(secret, -1)).status_code == 200


def test_five_wrong_codes_close_the_challenge(api: Api, user: User, secret: str) -> None:
    token = ask(api, user)["token"]
    answers = [answer(api, token, "000000").json()["code"] for _ in range(5)]
    assert answers == ["wrong_code"] * 5
    assert answer(api, token, code_at(secret)).json()["code"] == "mfa_expired"


def test_new_challenges_do_not_give_more_guesses(api: Api, user: User, secret: str) -> None:
    answers = [answer(api, ask(api, user)["token"], "000000").status_code for _ in range(21)]
    assert answers == [400] * 20 + [429]


def test_a_challenge_expires(api: Api, user: User, secret: str, middle_of_a_period: Any) -> None:
    token = ask(api, user)["token"]
    middle_of_a_period.move_to(timezone.now() + timedelta(minutes=5, seconds=1))
    assert answer(api, token, code_at(secret)).json()["code"] == "mfa_expired"


def test_a_token_of_another_kind_is_no_challenge(api: Api, user: User) -> None:
    refresh = api.login(user)["refresh"]
    assert answer(api, refresh, "000000").json()["code"] == "mfa_expired"
    assert answer(api, "rubbish", "000000").json()["code"] == "mfa_expired"


def test_a_recovery_code_works_once(api: Api, user: User, secret: str) -> None:
    code = RecoveryCodes.activate(user).generate_codes()[0]
    asked = ask(api, user)
    assert asked["methods"] == ["totp", "recovery_codes"]
    assert answer(api, asked["token"], code, "recovery_codes").status_code == 200
    again = answer(api, ask(api, user)["token"], code, "recovery_codes")
    assert again.json()["code"] == "wrong_code"


def test_proving_another_identifier_does_not_pass_it_by(api: Api, mailbox: Mailbox) -> None:
    email, phone = new_email(), new_phone()
    api.register(email=email, phone=phone)
    api.post("auth/verify/", {"identifier": email, "code": mailbox.code_of(email)})
    TOTP.activate(User.objects.get(email=email), generate_totp_secret())
    response = api.post("auth/verify/", {"identifier": phone, "code": mailbox.code_of(phone)})
    assert (response.status_code, response.json()["code"]) == (401, "mfa_required")
    assert User.objects.get(email=email).phone == phone


def test_recovery_codes_alone_ask_for_nothing(api: Api, user: User) -> None:
    RecoveryCodes.activate(user)
    api.login(user)


def test_the_secret_is_sealed(user: User, secret: str) -> None:
    assert secret not in str(Authenticator.objects.get().data)

"""Dangerous changes need a recent proof of who somebody is, by every factor they have."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.utils import timezone

from smartqueue.accounts import entrance, policies
from smartqueue.accounts.actor import ANONYMOUS, SYSTEM, Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.errors import ReauthenticationNeeded
from smartqueue.accounts.models import Session, User
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import PASSWORD, make_user
from smartqueue.common.clock import now
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

LATER = timedelta(minutes=10, seconds=1)


def is_recent(actor: Actor) -> bool:
    try:
        policies.require_recent_sign_in(actor, now())
    except ReauthenticationNeeded:
        return False
    return True


def again(api: Api, access: str, **body: str) -> Any:
    path = "auth/reauthenticate/mfa/" if "token" in body else "auth/reauthenticate/"
    return api.post(path, body, **bearer(access))


@pytest.fixture
def access(api: Api, user: User) -> str:
    return str(api.login(user)["access"])


@pytest.fixture
def actor(access: str) -> Actor:
    return entrance.actor_of_access_token(access)


def grow_old(user: User) -> None:
    Session.objects.filter(user=user).update(authenticated_at=timezone.now() - LATER)


def test_a_sign_in_is_recent_for_ten_minutes(actor: Actor) -> None:
    with time_machine.travel(timezone.now() + LATER - timedelta(seconds=30)):
        assert is_recent(actor)
    with time_machine.travel(timezone.now() + LATER):
        assert not is_recent(actor)


def test_refreshing_proves_nothing(api: Api, user: User) -> None:
    signed_in = api.login(user)
    grow_old(user)
    access = api.post("auth/refresh/", {"refresh": signed_in["refresh"]}).json()["access"]
    assert not is_recent(entrance.actor_of_access_token(access))


def test_only_a_session_of_ones_own_is_recent(user: User, actor: Actor) -> None:
    assert is_recent(SYSTEM)
    other = make_user()
    for caller in (
        ANONYMOUS,
        Actor(kind=ActorKind.USER, user_id=user.pk),
        Actor(kind=ActorKind.USER, user_id=other.pk, session_id=actor.session_id),
        Actor(kind=ActorKind.KIOSK),
    ):
        assert not is_recent(caller)


def test_an_ended_session_is_not_recent(actor: Actor) -> None:
    Session.objects.update(ended_at=timezone.now())
    assert not is_recent(actor)


def test_the_password_makes_it_recent_again(
    api: Api, user: User, access: str, actor: Actor
) -> None:
    api.login(user)
    grow_old(user)
    assert again(api, access, password=PASSWORD).status_code == 204
    assert is_recent(actor)
    assert Session.objects.filter(authenticated_at__gt=timezone.now() - LATER).count() == 1
    event = DomainEvent.objects.get(type="accounts.sign_in.confirmed.v1")
    assert event.payload == {"user_id": str(user.pk), "session_id": str(actor.session_id)}


def test_a_wrong_password_does_not(api: Api, user: User, access: str, actor: Actor) -> None:
    grow_old(user)
    for wrong in ("wrong", "x" * 129):
        assert again(api, access, password=wrong).status_code == 400
    assert not is_recent(actor)


def test_guessing_the_password_is_throttled(
    api: Api, user: User, access: str, actor: Actor
) -> None:
    grow_old(user)
    answers = [again(api, access, password="wrong").status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]
    assert again(api, access, password=PASSWORD).status_code == 429
    assert not is_recent(actor)


def test_guessing_is_refused_when_nothing_counts(
    api: Api, user: User, access: str, redis_away: None
) -> None:
    answers = [again(api, access, password="wrong").status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


@pytest.fixture
def secret(user: User, access: str) -> str:
    made = generate_totp_secret()
    TOTP.activate(user, made)
    return made


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_an_enrolled_person_gives_the_second_factor_too(
    api: Api, user: User, access: str, actor: Actor, secret: str
) -> None:
    grow_old(user)
    asked = again(api, access, password=PASSWORD)
    assert (asked.status_code, asked.json()["code"]) == (401, "mfa_required")
    assert not is_recent(actor)
    token = asked.json()["mfa"]["token"]
    wrong = again(api, access, token=token, method="totp", code="000000")
    assert wrong.json()["code"] == "wrong_code"
    assert not is_recent(actor)
    right = again(api, access, token=token, method="totp", code=code_of(secret))
    assert right.status_code == 204
    assert is_recent(actor)


def test_a_challenge_serves_one_purpose(
    api: Api, user: User, access: str, actor: Actor, secret: str
) -> None:
    grow_old(user)
    of_sign_in = api.post("auth/login/", {"identifier": user.email, "password": PASSWORD})
    token = of_sign_in.json()["mfa"]["token"]
    crossed = again(api, access, token=token, method="totp", code=code_of(secret))
    assert crossed.json()["code"] == "mfa_expired"
    token = again(api, access, password=PASSWORD).json()["mfa"]["token"]
    crossed = api.post("auth/mfa/", {"token": token, "method": "totp", "code": code_of(secret)})
    assert crossed.json()["code"] == "mfa_expired"
    assert not is_recent(actor)


def test_another_persons_challenge_confirms_nobody(
    api: Api, user: User, access: str, secret: str
) -> None:
    thief = make_user()
    stolen = api.login(thief)["access"]
    grow_old(thief)
    token = again(api, access, password=PASSWORD).json()["mfa"]["token"]
    crossed = again(api, stolen, token=token, method="totp", code=code_of(secret))
    assert crossed.json()["code"] == "mfa_expired"
    assert not is_recent(entrance.actor_of_access_token(stolen))

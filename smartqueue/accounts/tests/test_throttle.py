from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from smartqueue.accounts.models import User
from smartqueue.accounts.tests.conftest import Api
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_email
from smartqueue.common.errors import TooManyRequests
from smartqueue.limits import operations as limits
from smartqueue.limits.models import Window

pytestmark = pytest.mark.django_db


def attempts(api: Api, identifier: str | None, count: int) -> list[Any]:
    body = {"identifier": identifier, "password": "wrong"}
    return [api.post("auth/login/", body) for _ in range(count)]


def assert_throttled(api: Api, user: User) -> None:
    answers = attempts(api, user.email, 11)
    assert [a.status_code for a in answers] == [401] * 10 + [429]
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 300
    # The right password does not help now, and another person is not held up.
    right = api.post("auth/login/", {"identifier": user.email, "password": PASSWORD})
    assert right.status_code == 429
    api.login(make_user())


def test_guessing_a_password_is_throttled(api: Api, user: User) -> None:
    assert_throttled(api, user)
    assert not Window.objects.exists()


# The middle of a window, so that none ends while the test runs.
@time_machine.travel("2030-01-01T00:02:30Z")
def test_without_redis_postgresql_counts(api: Api, user: User, redis_away: None) -> None:
    assert_throttled(api, user)
    assert Window.objects.exists()


@pytest.mark.parametrize("away", [False, True])
def test_the_right_password_forgives(
    api: Api, user: User, away: bool, request: pytest.FixtureRequest
) -> None:
    if away:
        request.getfixturevalue("redis_away")
    for _ in range(2):
        attempts(api, user.email, 9)
        api.login(user)


@pytest.mark.owner
def test_when_nothing_can_count_nobody_gets_in(api: Api, user: User, redis_away: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE limits_window RENAME TO away")
    with pytest.raises(Exception, match="limits_window"):
        attempts(api, user.email, 1)


def test_one_address_is_throttled_whoever_it_asks_about(api: Api, db: None, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {
        "login": {"identifier": "10/minute", "address": "4/minute"}
    }
    api.client.defaults["REMOTE_ADDR"] = "192.0.2.77"
    limits.forget("login", address="192.0.2.77")
    answers = [attempts(api, new_email(), 1)[0].status_code for _ in range(5)]
    assert answers == [401] * 4 + [429]
    limits.forget("login", address="192.0.2.77")


def test_registering_one_address_is_throttled(api: Api) -> None:
    email = new_email()
    answers = [api.register(email=email).status_code for _ in range(6)]
    assert answers == [201] * 5 + [429]


def test_guessing_codes_is_throttled(api: Api) -> None:
    email = new_email()
    body = {"identifier": email, "code": "000000"}
    answers = [api.post("auth/verify/", body).json()["code"] for _ in range(11)]
    assert answers == ["wrong_code"] * 10 + ["too_many_requests"]


def test_refreshing_with_one_token_is_throttled(api: Api, user: User) -> None:
    body = {"refresh": api.login(user)["refresh"]}
    answers = [api.post("auth/refresh/", body).status_code for _ in range(31)]
    assert answers == [200] + [401] * 29 + [429]


def test_windows_are_forgotten_when_they_are_over(user: User, redis_away: None) -> None:
    for _ in range(10):
        limits.check("login", identifier="someone")
    with pytest.raises(TooManyRequests):
        limits.check("login", identifier="someone")
    with time_machine.travel(timezone.now() + timezone.timedelta(minutes=5)):
        limits.check("login", identifier="someone")


def test_counters_hold_no_identifier(api: Api, user: User, redis_away: None) -> None:
    attempts(api, user.email, 1)
    assert user.email
    for row in Window.objects.all():
        assert user.email.encode() not in bytes(row.key)
        assert len(bytes(row.key)) == 32

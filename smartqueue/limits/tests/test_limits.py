import itertools
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import DatabaseError, connection
from limits import parse_many

from smartqueue.common.errors import TooManyRequests
from smartqueue.common.redis import client
from smartqueue.limits import operations as limits
from smartqueue.limits.models import Window
from smartqueue.limits.tasks import remove_past_windows_task
from smartqueue.outbox import context

pytestmark = pytest.mark.django_db


def passed(action: str, attempts: int, **subjects: Any) -> int:
    """Return how many of so many attempts are let through."""
    count = 0
    for _ in range(attempts):
        try:
            limits.check(action, **subjects)
        except TooManyRequests:
            continue
        count += 1
    return count


@pytest.fixture(params=["redis", "postgresql"])
def counted_in(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql":
        request.getfixturevalue("redis_away")
    return str(request.param)


# The middle of a window, so that none ends while the test runs.
@time_machine.travel("2030-01-01T00:00:20Z")
def test_as_many_attempts_as_the_limit_says_get_through(action: str, counted_in: str) -> None:
    assert passed(action, 5, person="awa") == 3
    assert passed(action, 5, person="modou") == 3
    assert Window.objects.exists() is (counted_in == "postgresql")


@time_machine.travel("2030-01-01T00:00:20Z")
def test_an_address_is_limited_whoever_asks(action: str, counted_in: str) -> None:
    people = [f"person {n}" for n in range(20)]

    assert sum(passed(action, 1, person=person) for person in people) == 10


def test_a_refusal_says_how_long_to_wait(action: str) -> None:
    passed(action, 3, person="awa")

    with pytest.raises(TooManyRequests) as refused:
        limits.check(action, person="awa")

    assert refused.value.retry_after is not None
    assert 55 <= refused.value.retry_after <= 60
    assert f" {refused.value.retry_after} " in str(refused.value.detail)


def test_what_one_limit_refuses_takes_nothing_from_another(action: str) -> None:
    passed(action, 50, person="awa")

    assert passed(action, 9, person="modou") == 3
    assert passed(action, 9, person="fatou") == 3
    assert passed(action, 9, person="ousmane") == 1


def test_several_limits_on_one_subject_all_hold(action: str, settings: Any) -> None:
    settings.LIMITS[action] = {"person": "5/minute; 2/second"}

    assert passed(action, 4, person="awa") == 2


def test_a_large_site_raises_every_limit(action: str, settings: Any) -> None:
    before = passed(action, 50, person="awa")
    settings.LIMITS_FACTOR = 2

    assert passed(action, 50, person="modou") == 2 * before


def test_a_retry_counts_once(action: str) -> None:
    for _ in range(10):
        limits.check(action, once="form 1", person="awa")

    assert passed(action, 5, person="awa") == 2


def test_a_retry_of_a_refused_attempt_is_refused(action: str) -> None:
    passed(action, 3, person="awa")

    assert passed(action, 3, once="form 2", person="awa") == 0


def test_several_at_once_count_as_several(action: str) -> None:
    assert passed(action, 1, cost=2, person="awa") == 1
    assert passed(action, 1, cost=2, person="awa") == 0
    assert passed(action, 1, cost=1, person="awa") == 1


def test_more_at_once_than_the_limit_never_get_through(action: str) -> None:
    assert passed(action, 1, cost=4, person="awa") == 0
    assert passed(action, 3, person="awa") == 3


def test_the_right_answer_forgives(action: str, counted_in: str) -> None:
    for _ in range(3):
        assert passed(action, 2, person="awa") == 2
        limits.forget(action, person="awa")


def test_a_subject_that_is_not_given_is_not_counted(action: str) -> None:
    assert passed(action, 20, person="") == 10


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
    ],
)
def test_an_ipv6_household_is_one_address(action: str, one: str, other: str, is_same: bool) -> None:
    people = (f"person {n}" for n in itertools.count())
    for address, expected in ((one, 10), (other, 0 if is_same else 10)):
        token = context.current.set(context.Origin(address=address))
        try:
            assert sum(passed(action, 1, person=next(people)) for _ in range(12)) == expected
        finally:
            context.current.reset(token)


def test_without_an_address_everybody_is_one(action: str) -> None:
    assert sum(passed(action, 1, person=f"person {n}") for n in range(20)) == 10


def test_an_open_action_goes_on_without_redis(
    action: str, settings: Any, redis_away: None, caplog: Any
) -> None:
    settings.LIMITS_OPEN = {action}

    assert passed(action, 30, person="awa") == 30
    assert not Window.objects.exists()
    # Redis was asked once, not thirty times.
    assert len([r for r in caplog.records if "Redis does not count" in r.message]) == 1


@pytest.mark.owner
def test_a_closed_action_fails_when_nothing_can_count(action: str, redis_away: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE limits_window RENAME TO away")

    with pytest.raises(DatabaseError):
        limits.check(action, person="awa")


def test_an_attempt_costs_one_round_trip(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limits.check(action, person="warm")
    asked: list[Any] = []
    kind = client().connection_pool.connection_class
    send = kind.send_command

    def counting(self: Any, *args: Any, **options: Any) -> Any:
        asked.append(args[0])
        return send(self, *args, **options)

    monkeypatch.setattr(kind, "send_command", counting)

    limits.check(action, once="form", person="awa")

    assert asked == ["EVALSHA"]


def test_counters_hold_nothing_about_anybody(action: str) -> None:
    limits.check(action, person="+221771234567")

    keys = b" ".join(client().scan_iter("limit:*", count=1000))
    assert b"771234567" not in keys


def test_past_windows_are_deleted(action: str, redis_away: None) -> None:
    with time_machine.travel("2020-01-01T00:00:00Z"):
        limits.check(action, person="awa")
    limits.check(action, person="awa")

    remove_past_windows_task()

    assert Window.objects.count() == 2


@pytest.mark.parametrize("name", sorted(django_settings.LIMITS))
def test_every_limit_of_the_settings_can_be_read(name: str) -> None:
    for text in django_settings.LIMITS[name].values():
        assert parse_many(text)


def test_open_actions_are_named_in_the_table() -> None:
    assert set(django_settings.LIMITS) >= django_settings.LIMITS_OPEN
    # What costs money or guesses secrets never goes on uncounted.
    closed = {"login", "mfa", "verify", "register", "sms", "refresh"}
    assert not closed & django_settings.LIMITS_OPEN

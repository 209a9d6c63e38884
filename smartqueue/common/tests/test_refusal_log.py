"""The log says why something was refused, to whom, and from where; never what they typed."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.tests.factories import make_user
from smartqueue.common.ids import new_id
from smartqueue.common.logging import configure, mark_of

pytestmark = pytest.mark.django_db
ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def _configured() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure({"level": "INFO"})
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in found if line["event"] == "request"]


def _seen(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in ("status", "code", "person", "address"))


@pytest.mark.parametrize(
    ("path", "data", "content_type"),
    [
        (
            "/api/accounts/auth/login/",
            {"identifier": "x@y.test", "password": "p"},
            "application/json",
        ),
        ("/sign-in/", {"identifier": "x@y.test", "password": "p"}, None),
    ],
)
def test_a_failed_sign_in_is_logged_without_what_was_typed(
    capsys: pytest.CaptureFixture[str], path: str, data: Any, content_type: str | None
) -> None:
    form = {"content_type": content_type} if content_type else {}
    Client(REMOTE_ADDR=ADDRESS).post(path, data, **form)  # type: ignore[arg-type]

    (line,) = _lines(capsys)

    assert _seen(line) == (line["status"], "invalid_credentials", None, mark_of(ADDRESS))
    assert 400 <= line["status"] < 500
    assert [told for told in ("x@y.test", ADDRESS) if told in json.dumps(line)] == []


@pytest.mark.parametrize("path", ["/api/queues/tickets/{id}/", "/manage/{id}/members/"])
def test_a_refusal_names_the_person_and_the_reason(
    capsys: pytest.CaptureFixture[str], path: str
) -> None:
    person = make_user()
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(person)
    client.get(path.format(id=new_id()))

    (line,) = _lines(capsys)

    assert _seen(line) == (404, "not_found", str(person.pk), mark_of(ADDRESS))


def test_an_attempt_over_the_limit_is_logged_with_its_reason(
    capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    settings.LIMITS = settings.LIMITS | {"login": {"identifier": "1/hour"}}
    typed = {"identifier": f"{new_id()}@y.test", "password": "p"}
    for _attempt in range(2):
        Client(REMOTE_ADDR=ADDRESS).post(
            "/api/accounts/auth/login/", typed, content_type="application/json"
        )

    codes = [(line["status"], line["code"]) for line in _lines(capsys)]

    assert codes == [(401, "invalid_credentials"), (429, "too_many_requests")]


def test_what_was_refused_before_is_not_said_of_what_was_answered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Client().get(f"/api/queues/queues/{new_id()}/status/")
    Client().get("/sign-in/")

    refused, answered = _lines(capsys)

    assert refused["code"] == "not_found"
    assert (answered["status"], "code" in answered, "address" in answered) == (200, False, False)

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from smartqueue.common.errors import Conflict
from smartqueue.common.rest.views import ApiView
from smartqueue.idempotency import rest, tasks
from smartqueue.idempotency.models import IdempotencyKey
from smartqueue.idempotency.rest import idempotent
from smartqueue.outbox.models import JobRun

pytestmark = pytest.mark.django_db(transaction=True)

AT = timezone.now()
numbers = itertools.count()
entered, may_leave = threading.Event(), threading.Event()


class AlreadyDone(Conflict):
    code = "already_done"


class ThingView(ApiView):
    """Makes a row for each effect; its answer says which."""

    public = True

    @idempotent(restore=lambda body: body | {"token": f"token of {body['number']}"})
    def post(self, request: Request) -> Response:
        number = next(numbers)
        if request.data.get("waits"):
            entered.set()
            assert may_leave.wait(5)
        if request.data.get("fails"):
            raise AlreadyDone
        if request.data.get("once") and JobRun.objects.filter(job=request.data["once"]).exists():
            raise AlreadyDone
        job = request.data.get("once", f"effect {number}")
        JobRun.objects.create(job=job, due_at=AT, started_at=AT)
        body = {"number": number, "id": uuid4(), "at": AT, "token": f"token of {number}"}
        return Response(body, status=201)


def post(body: Any, key: object = None, actor: str = "user:1", path: str = "/things/") -> Any:
    headers = {} if key is None else {"Idempotency-Key": str(key)}
    request: Any = RequestFactory().post(
        path, body, content_type="application/json", headers=headers
    )
    request.actor = SimpleNamespace(label=actor, user_id=None)
    request.uses_session = False
    response: HttpResponse = ThingView.as_view()(request)
    response.render()  # type: ignore[attr-defined]
    return response


def in_threads(calls: list[Callable[[], Any]]) -> list[Any]:
    answers: list[Any] = []
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            answers.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def said(response: Any) -> Any:
    return json.loads(response.content)


def effects() -> int:
    return JobRun.objects.count()


@contextmanager
def one_in_flight(key: UUID) -> Iterator[None]:
    """Hold a request with this key in the middle of its work."""
    entered.clear()
    may_leave.clear()

    def work() -> None:
        post({"waits": True}, key)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(5)
    yield
    may_leave.set()
    thread.join()


def test_the_same_key_and_body_give_the_same_answer_and_one_effect() -> None:
    key = uuid4()
    first, again = post({"a": 1, "b": 2}, key), post({"b": 2, "a": 1}, str(key).upper())
    assert (again.status_code, said(again)) == (201, said(first))
    assert effects() == 1
    assert IdempotencyKey.objects.get().answer["token"] is None


def test_fifty_posts_at_once_with_one_key_have_one_effect() -> None:
    key = uuid4()
    answers = in_threads([lambda: post({"a": 1}, key)] * 50)
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [said(answer) for answer in answers if answer.status_code == 201]
    assert made == [said(post({"a": 1}, key))] * len(made)
    assert effects() == 1


def test_another_body_is_refused() -> None:
    key = uuid4()
    post({"a": 1}, key)
    refused = post({"a": 2}, key)
    assert (refused.status_code, refused.data["code"]) == (422, "idempotency_key_reused")
    assert effects() == 1


def test_a_request_still_running_is_said_to_be() -> None:
    key = uuid4()
    with one_in_flight(key):
        refused = post({"waits": True}, key)
        assert (refused.status_code, refused.data["code"]) == (409, "request_in_progress")
        assert refused.headers["Retry-After"] == "1"
        assert post({}, uuid4()).status_code == 201
    assert post({"waits": True}, key).status_code == 201
    assert effects() == 2


def test_control_without_the_lock_the_second_runs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = rest._CLAIM.replace("pg_try_advisory_xact_lock(%s::bigint)", "%s::bigint IS NOT NULL")
    monkeypatch.setattr(rest, "_CLAIM", claim)
    key, before = uuid4(), next(numbers)
    with one_in_flight(key), one_in_flight(key):
        pass
    # Both ran; the unique key undid one of them.
    assert next(numbers) - before == 3
    assert effects() == 1


def test_an_effect_that_is_its_own_is_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    key = uuid4()
    first = post({"once": "x"}, key)
    # What a claim sees whose snapshot is older than the first request's commit.
    monkeypatch.setattr(rest._Keys, "claimed", lambda self, rows: None)
    again = post({"once": "x"}, key)
    assert (again.status_code, said(again)) == (201, said(first))
    assert post({"once": "x"}, uuid4()).data["code"] == "already_done"
    assert effects() == 1


def test_keys_of_another_actor_or_path_are_invisible() -> None:
    key = uuid4()
    answers = [
        post({}, key),
        post({}, key, actor="user:2"),
        post({}, key, path="/others/"),
        post({}),
        post({}),
    ]
    assert len({answer.data["number"] for answer in answers}) == 5
    assert effects() == 5


def test_failures_are_not_stored() -> None:
    key = uuid4()
    assert post({"fails": True}, key).status_code == 409
    assert IdempotencyKey.objects.count() == 0
    assert post({"fails": False}, key).status_code == 201


@pytest.mark.parametrize("key", ["x", "", "1" * 400, "é"])
def test_a_key_must_be_a_uuid(key: str) -> None:
    refused = post({}, key)
    assert (refused.status_code, refused.data["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert effects() == 0


def test_old_keys_are_purged() -> None:
    old, young = uuid4(), uuid4()
    post({}, old)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=49))
    post({}, young)
    tasks.purge_idempotency_keys_task()
    assert IdempotencyKey.objects.count() == 1
    post({}, young)
    assert effects() == 2

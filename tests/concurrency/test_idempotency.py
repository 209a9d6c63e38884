"""One key, one effect: however often and however close together a request comes."""

import json
from collections import Counter
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from smartqueue.idempotency import rest
from smartqueue.idempotency.models import IdempotencyKey
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import make_place
from tests.checks import check_queue_truth
from tests.concurrency.races import together, values_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

AT_ONCE = 50


def post_ticket(body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
    response = Client().post(
        "/api/queues/tickets/",
        data=json.dumps(body),
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )
    return response.status_code, response.json()


def tickets() -> int:
    return Ticket.objects.with_scopes_disabled().count()


def test_fifty_posts_with_one_key_make_one_ticket():
    place, key = make_place(), str(uuid4())
    body = {"queue": str(place.queue.pk)}

    answers = values_of(together([lambda: post_ticket(body, key)] * AT_ONCE))

    assert len(answers) == AT_ONCE
    statuses = Counter(status for status, _ in answers)
    assert set(statuses) <= {201, 409}
    assert {a["code"] for status, a in answers if status == 409} <= {"request_in_progress"}
    made = [answer for status, answer in answers if status == 201]
    assert made
    assert all(answer == made[0] for answer in made)
    assert tickets() == 1
    status, again = post_ticket(body, key)
    assert (status, again) == (201, made[0])
    check_queue_truth(place.queue.pk)


def test_many_keys_at_once_make_one_ticket_each():
    place = make_place()
    body = {"queue": str(place.queue.pk)}
    keys = [str(uuid4()) for _ in range(10)] * 4

    answers = values_of(together([lambda key=key: post_ticket(body, key) for key in keys]))

    assert {status for status, _ in answers} <= {201, 409}
    assert tickets() == 10
    assert IdempotencyKey.objects.count() == 10
    check_queue_truth(place.queue.pk)


def test_another_body_under_the_same_key_changes_nothing():
    place, key = make_place(), str(uuid4())
    post_ticket({"queue": str(place.queue.pk)}, key)

    status, answer = post_ticket({"queue": str(place.queue.pk), "customer_name": "Awa"}, key)

    assert (status, answer["code"]) == (422, "idempotency_key_reused")
    assert tickets() == 1


def test_a_refused_request_leaves_its_key_free():
    place, key = make_place(daily_quota=1), str(uuid4())
    body = {"queue": str(place.queue.pk)}
    post_ticket(body, str(uuid4()))

    status, answer = post_ticket(body, key)
    type(place.queue).objects.with_scopes_disabled().update(daily_quota=2)

    assert (status, answer["code"]) == (409, "queue_full")
    assert post_ticket(body, key)[0] == 201


def test_control_without_the_claim_every_post_makes_a_ticket(monkeypatch):
    place, key = make_place(), str(uuid4())
    body = {"queue": str(place.queue.pk)}
    monkeypatch.setattr(rest._Keys, "claimed", lambda self, rows: None)
    monkeypatch.setattr(rest._Keys, "store", lambda self, response: nullcontext())

    answers = values_of(together([lambda: post_ticket(body, key)] * 5))

    assert [status for status, _ in answers] == [201] * 5
    assert tickets() == 5


def test_control_without_the_lock_the_stored_key_still_decides(monkeypatch):
    place, key = make_place(), str(uuid4())
    body = {"queue": str(place.queue.pk)}
    claim = rest._CLAIM.replace("pg_try_advisory_xact_lock(%s::bigint)", "%s::bigint IS NOT NULL")
    monkeypatch.setattr(rest, "_CLAIM", claim)

    answers = values_of(together([lambda: post_ticket(body, key)] * 8))

    assert {status for status, _ in answers} == {201}
    assert len({answer["number"] for _, answer in answers}) == 1
    assert tickets() == 1
    check_queue_truth(place.queue.pk)

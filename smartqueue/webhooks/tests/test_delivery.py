"""From an event to the receiver: signed, once kept, tried again, and given up in the end."""

import dataclasses
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from smartqueue.common import http
from smartqueue.common.db import unit_of_work
from smartqueue.notifications.models import Notification
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import known_events
from smartqueue.outbox.models import Delivery
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import operations as queues
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, sit_down
from smartqueue.webhooks import catalogue, listeners, operations, queries, signing
from smartqueue.webhooks.enums import DISABLED_AFTER, MOST_TRIES, RETRY_AFTER, EndpointState
from smartqueue.webhooks.models import Endpoint, Message
from smartqueue.webhooks.operations.endpoints import HTTPS
from smartqueue.webhooks.tests.receiver import (
    PAST,
    Receiver,
    change,
    deliver,
    fresh,
    make_endpoint,
    messages,
    tries,
)
from smartqueue.webhooks.tests.receiver import ping_of as ping

HANDLER = "webhooks.on_public_event"


def call_somebody(place: Place) -> Any:
    ticket = join(place)
    session = sit_down(place)
    queues.call_ticket(actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=NOW)
    return ticket


def make_due(message: Message) -> None:
    change(message, next_attempt_at=PAST)


def given_up_elsewhere() -> None:
    try:
        operations.settle_abandoned(now=NOW)
    finally:
        connection.close()


def wait_until_blocked() -> None:
    """Wait until another connection waits for this one's transaction."""
    ends = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < ends:
            cursor.execute(
                "SELECT FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchall():
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


# --- What is public -----------------------------------------------------------------------------


def test_every_event_is_public_or_private_for_a_reason() -> None:
    names = {n for n, cls in known_events().items() if ".tests." not in cls.__module__}
    public, private = set(catalogue.PUBLIC), set(catalogue.PRIVATE)

    assert public | private == names, "A new event goes into webhooks/catalogue.py"
    assert not public & private
    assert len(set(catalogue.PUBLIC.values())) == len(public)
    assert all(catalogue.PRIVATE.values())
    assert set(catalogue.public_types()) == set(catalogue.PUBLIC.values())


def test_a_signature_is_that_of_the_specification() -> None:
    found = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


# --- The whole way ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_call_reaches_the_receiver_signed_and_once(receiver: Receiver, handed: list[Any]) -> None:
    place = make_place()
    endpoint, secret = make_endpoint(place, receiver.url, event_types=["ticket.called"])
    ticket = call_somebody(place)

    carry_due(HandlerMode.OUTSIDE)
    # The relay may run a handler again.
    Delivery.objects.filter(handler=HANDLER).update(state="pending", next_attempt_at=PAST)
    carry_due(HandlerMode.OUTSIDE)

    [message] = messages(endpoint)
    assert handed == [endpoint.pk] * 2
    assert deliver(endpoint.pk)
    assert not deliver(endpoint.pk)
    [(headers, body)] = receiver.got
    told = Webhook(secret).verify(body, headers)
    assert (told["type"], told["version"]) == ("ticket.called", 1)
    assert told["timestamp"] == "2026-11-23T09:00:00Z"
    assert told["data"]["ticket_id"] == str(ticket.pk) == told["data"]["subject_id"]
    assert told["data"]["subject_version"] == message.subject_version > 0
    assert "customer_id" not in told["data"]
    assert headers["webhook-id"] == f"msg_{message.pk.hex}"
    assert headers["content-type"] == "application/json"
    assert (fresh(message).state, fresh(endpoint).failing_since) == ("delivered", None)
    [attempt] = tries(message)
    assert (attempt.status, attempt.error_code) == (204, "")
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.make_secret()).verify(body, headers)


def test_nobody_listens_and_a_call_costs_nothing(place: Place) -> None:
    first, second = join(place), join(place)
    session = sit_down(place)

    def cost(ticket: Any) -> tuple[int, int]:
        before = Delivery.objects.filter(handler=HANDLER).count()
        with CaptureQueriesContext(connection) as statements:
            queues.call_ticket(
                actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=NOW
            )
        rows = Delivery.objects.filter(handler=HANDLER).count() - before
        assert not any("webhooks_" in asked["sql"] for asked in statements)
        queues.start_ticket(actor=place.agent, ticket_id=ticket.pk, now=NOW)
        queues.complete_ticket(actor=place.agent, ticket_id=ticket.pk, now=NOW)
        return len(statements), rows

    make_endpoint(make_place())
    make_endpoint(place, event_types=["queue.opened"])
    first_cost, rows = cost(first)
    assert rows == 0
    make_endpoint(place, event_types=["ticket.called"])
    second_cost, rows = cost(second)
    # One row more, which goes with the other writes.
    assert rows == 1
    assert second_cost <= first_cost + 1


def test_a_process_reads_now_and_then_who_listens(
    place: Place, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_LISTENERS_SECONDS = 60
    monkeypatch.setattr(listeners, "_kept", listeners._Kept())
    make_endpoint(place, event_types=["ticket.called"])
    make_endpoint(place, event_types=["queue.opened"])
    called = known_events()["queues.ticket.called.v1"]
    names = dict.fromkeys(field.name for field in dataclasses.fields(called))
    event: Any = called(**names | {"organization_id": place.organization.pk})
    listeners._kept = listeners._Kept()

    with CaptureQueriesContext(connection) as asked:
        assert [listeners.wants(event) for _ in range(3)] == [True] * 3
    assert len(asked) == 1
    # Changed elsewhere: known once the time is over.
    Endpoint.objects.with_scopes_disabled().update(state=EndpointState.PAUSED)
    assert listeners.wants(event)
    listeners._kept.until = 0
    assert not listeners.wants(event)


def test_who_asks_while_a_process_first_reads_who_listens_is_told_as_well(
    place: Place, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_LISTENERS_SECONDS = 60
    called = known_events()["queues.ticket.called.v1"]
    names = dict.fromkeys(field.name for field in dataclasses.fields(called))
    event: Any = called(**names | {"organization_id": place.organization.pk})
    make_endpoint(place, event_types=["ticket.called"])
    read, told = queries.list_listening, []

    def asked_meanwhile() -> Any:
        if not told:
            told.append(None)
            told[0] = listeners.wants(event)
        return read()

    monkeypatch.setattr(listeners, "_kept", listeners._Kept())
    monkeypatch.setattr(queries, "list_listening", asked_meanwhile)
    assert listeners.wants(event)
    assert told == [True]


def test_both_secrets_sign_for_a_day(place: Place, receiver: Receiver) -> None:
    endpoint, old = make_endpoint(place, receiver.url)
    changed, new = operations.rotate_secret(actor=place.owner, endpoint_id=endpoint.pk, now=NOW)
    ping(place, endpoint)
    deliver(endpoint.pk)
    change(changed, old_secret_until=queries.now_of_database())
    ping(place, endpoint)
    deliver(endpoint.pk)

    (both, first), (one, second) = receiver.got
    assert json.loads(first)["type"] == "ping"
    for secret in (old, new):
        Webhook(secret).verify(first, both)
    Webhook(new).verify(second, one)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(second, one)
    assert new not in changed.sealed_secret


# --- Failures -----------------------------------------------------------------------------------


def test_what_fails_is_tried_by_the_schedule_and_then_replayed(
    place: Place, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(place, receiver.url)
    message = ping(place, endpoint)
    receiver.status, receiver.text = 500, "x" * 5000
    for number, delay in enumerate(RETRY_AFTER, start=1):
        before = queries.now_of_database()
        assert deliver(endpoint.pk)
        waits = fresh(message).next_attempt_at - before
        assert (fresh(message).state, fresh(message).attempts) == ("pending", number)
        assert delay * 0.9 <= waits <= delay * 1.1 + timedelta(seconds=30)
        assert not deliver(endpoint.pk)
        make_due(message)
    assert deliver(endpoint.pk)
    assert fresh(message).state == "failed"
    assert len(tries(message)) == MOST_TRIES
    assert (tries(message)[0].status, len(tries(message)[0].answer)) == (500, 1024)

    receiver.status, receiver.text = 200, "ok"
    given: dict[str, Any] = {"actor": place.owner, "endpoint_id": endpoint.pk}
    assert operations.replay_failed(**given, since=queries.now_of_database()) == 0
    assert operations.replay_failed(**given, since=PAST) == 1
    deliver(endpoint.pk)
    assert (fresh(message).state, fresh(endpoint).failing_since) == ("delivered", None)
    operations.replay_message(actor=place.owner, message_id=message.pk)
    deliver(endpoint.pk)
    ids = {headers["webhook-id"] for headers, _ in receiver.got}
    assert (len(ids), len(receiver.got)) == (1, MOST_TRIES + 2)


def test_gone_or_silent_for_five_days_is_disabled_and_the_owner_told(
    place: Place, receiver: Receiver
) -> None:
    gone, _ = make_endpoint(place, receiver.url)
    silent, _ = make_endpoint(place, receiver.url + "2")
    ping(place, gone), ping(place, gone)
    receiver.status = 410
    deliver(gone.pk)
    receiver.status = 503
    early, _late = ping(place, silent), ping(place, silent)
    deliver(silent.pk)
    assert fresh(silent).state == "active"
    change(silent, failing_since=queries.now_of_database() - DISABLED_AFTER)
    make_due(early)
    deliver(silent.pk)

    for endpoint, reason in ((gone, "gone"), (silent, "failures")):
        now = fresh(endpoint)
        assert (now.state, now.disabled_reason) == ("disabled", reason)
        assert {m.state for m in messages(endpoint)} == {"failed"}
    assert (
        Notification.objects.filter(user_id=place.owner.user_id, code="webhook_disabled").count()
        == 2
    )
    resumed = operations.resume_endpoint(actor=place.owner, endpoint_id=gone.pk, now=NOW)
    assert (resumed.state, resumed.failing_since) == ("active", None)


def test_a_worker_that_died_between_is_found_and_its_message_sent(
    place: Place, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(place, receiver.url)
    message = ping(place, endpoint)
    assert operations.claim_next(endpoint.pk) is not None
    assert operations.settle_abandoned(now=NOW) == 0
    change(message, leased_until=PAST)

    assert operations.settle_abandoned(now=NOW) == 1
    assert [t.error_code for t in tries(message)] == ["abandoned"]
    make_due(message)
    assert deliver(endpoint.pk)
    assert (fresh(message).state, len(receiver.got)) == ("delivered", 1)


def test_what_is_under_way_when_its_endpoint_is_disabled_fails_with_the_rest(place: Place) -> None:
    endpoint, _ = make_endpoint(place)
    for _ in range(3):
        ping(place, endpoint)
    claimed = [operations.claim_next(endpoint.pk) for _ in range(2)]
    for one in claimed:
        assert one is not None
        operations.record_answer(
            attempt_id=one.attempt_id, answer=operations.Answer(5, status=410), now=NOW
        )
    assert fresh(endpoint).state == "disabled"
    assert {message.state for message in messages(endpoint)} == {"failed"}


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_as_its_try_is_given_up_is_kept() -> None:
    place = make_place()
    endpoint, _ = make_endpoint(place)
    message = ping(place, endpoint)
    claimed = operations.claim_next(endpoint.pk)
    assert claimed is not None
    change(message, leased_until=PAST)
    with ThreadPoolExecutor(1) as pool, unit_of_work():
        operations.record_answer(
            attempt_id=claimed.attempt_id, answer=operations.Answer(5, status=204), now=NOW
        )
        given_up = pool.submit(given_up_elsewhere)
        wait_until_blocked()
    given_up.result()
    [attempt] = tries(message)
    assert (attempt.status, attempt.error_code) == (204, "")
    assert fresh(message).state == "delivered"


def test_a_slow_receiver_takes_two_workers_and_a_failing_one_a_single_one(place: Place) -> None:
    slow, _ = make_endpoint(place)
    other, _ = make_endpoint(place)
    for _ in range(3):
        ping(place, slow)
    ping(place, other)

    assert [operations.claim_next(slow.pk) is not None for _ in range(3)] == [True, True, False]
    assert operations.claim_next(other.pk) is not None
    change(other, failing_since=PAST)
    ping(place, other)
    assert operations.claim_next(other.pk) is None


@pytest.mark.parametrize(
    ("url", "reach", "code"),
    [
        ("https://127.0.0.1/hook", HTTPS, "address_refused"),
        ("https://169.254.169.254/latest", HTTPS, "address_refused"),
        ("https://[::ffff:10.0.0.1]/", HTTPS, "address_refused"),
        ("http://93.184.216.34/", HTTPS, "address_refused"),
        ("https://rebound.example.org/", HTTPS, "address_refused"),
    ],
    ids=["loopback", "metadata", "mapped", "no_tls", "rebinding"],
)
def test_an_inner_address_is_never_called(
    place: Place, url: str, reach: http.Reach, code: str
) -> None:
    from smartqueue.webhooks import tasks  # noqa: PLC0415

    endpoint, _ = make_endpoint(place, url)
    message = ping(place, endpoint)

    tasks.deliver_next(endpoint.pk, reach=reach, resolver=lambda host, port: ["10.1.2.3"])

    [attempt] = tries(message)
    assert (attempt.error_code, attempt.status, attempt.answer) == (code, None, "")


def test_a_redirect_is_a_failure_and_not_followed(place: Place, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(place, receiver.url)
    message = ping(place, endpoint)
    receiver.status = 302

    deliver(endpoint.pk)

    assert [(t.status, t.error_code) for t in tries(message)] == [(302, "not_accepted")]
    assert len(receiver.got) == 1


def test_old_messages_go_with_their_tries(place: Place, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(place, receiver.url)
    old, new = ping(place, endpoint), ping(place, endpoint)
    deliver(endpoint.pk), deliver(endpoint.pk)
    change(old, created_at=PAST)

    assert operations.remove_old_messages() == 1
    assert [m.pk for m in messages(endpoint)] == [new.pk]
    assert tries(old) == []

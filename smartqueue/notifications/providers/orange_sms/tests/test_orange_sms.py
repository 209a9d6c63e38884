"""Bodies as Orange's documentation and its users have them, and the token that threads share."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from smartqueue.common.http import Response
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    Delivery,
    OutcomeUnknown,
    ProviderError,
)
from smartqueue.notifications.providers.orange_sms import mapping, webhook
from smartqueue.notifications.providers.orange_sms.client import Tokens


def answer(status: int, body: Any, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, headers, content, "https://api.orange.com/")


def service_exception(code: str, *variables: str) -> dict[str, Any]:
    inner = {"messageId": code, "text": "Invalid input value for message part %1"}
    return {"requestError": {"serviceException": inner | {"variables": list(variables)}}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(400, service_exception("SVC0004", "address")), ("SVC0004", False, True)),
        (answer(400, service_exception("SVC0002", "tel:+2217")), ("SVC0002", False, True)),
        (answer(400, service_exception("SVC0002", "senderName")), ("SVC0002", True, False)),
        (answer(400, service_exception("SVC0002", "message")), ("SVC0002", False, False)),
        (
            answer(403, {"requestError": {"policyException": {"messageId": "POL0001"}}}),
            ("POL0001", True, False),
        ),
        (answer(401, {"code": 42, "message": "Expired credentials"}), ("gateway_42", True, False)),
        (answer(404, b"<html>"), ("http_404", True, False)),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else str(given.status),
)
def test_errors(given: Response, expected: tuple[str, bool, bool]) -> None:
    error = mapping.refusal(given)
    assert not isinstance(error, OutcomeUnknown)
    assert (error.code, error.retryable, error.is_recipient) == expected


def test_too_many_requests_say_when_to_come_again() -> None:
    error = mapping.refusal(answer(429, {"code": 53}, **{"retry-after": "3"}))
    assert (error.retryable, error.retry_after) == (True, 3.0)
    late = {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert mapping.refusal(answer(429, {"code": 53}, **late)).retry_after == 0.0
    assert mapping.refusal(answer(429, {"code": 53})).retry_after is None


def test_a_gateway_that_failed_leaves_it_open() -> None:
    assert isinstance(mapping.refusal(answer(502, {"code": 1})), OutcomeUnknown)
    assert isinstance(mapping.refusal(answer(503, b"")), OutcomeUnknown)
    assert not isinstance(mapping.refusal(answer(503, b"", **{"retry-after": "5"})), OutcomeUnknown)


def notification(data: str, status: str) -> Callback:
    info = {"address": "tel:+221771234567", "deliveryStatus": status}
    body = {"deliveryInfoNotification": {"callbackData": data, "deliveryInfo": info}}
    return Callback("POST", "https://queue.example/", {}, {}, json.dumps(body).encode())


def test_a_receipt_names_the_resource_or_our_correlator() -> None:
    reference = "8f4d5c7e-0000-4000-8000-1c2d3e4f5a6b"
    (theirs,) = webhook.receipts(notification(reference, "DeliveredToTerminal"))
    (ours,) = webhook.receipts(notification(f"sq-{reference}", "DeliveryImpossible"))
    assert (theirs.reference, theirs.own_reference) == (reference, "")
    assert (ours.reference, ours.own_reference) == ("", reference)
    assert (theirs.delivery, ours.delivery) == (Delivery.DELIVERED, Delivery.FAILED)
    for status in ("DeliveredToNetwork", "MessageWaiting", "DeliveryUncertain"):
        (waiting,) = webhook.receipts(notification(reference, status))
        assert waiting.delivery == Delivery.ON_THE_WAY
    assert webhook.receipts(notification(reference, "Teleported")) == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"deliveryInfoNotification": 3}', b"[" * 10_000])
def test_what_is_no_receipt_is_refused(body: bytes) -> None:
    callback = Callback("POST", "https://queue.example/", {}, {}, body)
    for read in (webhook.receipts, webhook.inbound):
        with pytest.raises(BadCallback):
            read(callback)


def test_contracts_in_both_forms() -> None:
    listed = [
        {"availableUnits": 120, "status": "ACTIVE", "expirationDate": "2027-01-31T00:00:00.000Z"},
        {"availableUnits": 30, "status": "ACTIVE", "expirationDate": "2026-12-31T00:00:00Z"},
        {"availableUnits": 999, "status": "EXPIRED", "expirationDate": "2025-01-01T00:00:00Z"},
    ]
    balance = mapping.balance(listed)
    assert balance.units == 150
    assert balance.expires_at is not None
    assert f"{balance.expires_at:%Y-%m-%d}" == "2026-12-31"
    inner = {"serviceContracts": [{"country": "SEN", "availableUnits": 7}]}
    nested = {"partnerContracts": {"contracts": [inner]}}
    assert (mapping.balance(nested).units, mapping.balance([]).units) == (7, 0)
    for wrong in (None, {"a": 1}, ["x"]):
        with pytest.raises(ProviderError):
            mapping.balance(wrong)


class Source:
    """Gives out tokens t1, t2, … for an hour, on a clock of its own."""

    def __init__(self) -> None:
        self.now, self.given, self.is_down = 0.0, 0, False
        self.tokens = Tokens(self.fetch, clock=lambda: self.now)

    def fetch(self) -> tuple[str, float]:
        if self.is_down:
            raise ProviderError("unreachable", retryable=True)
        self.given += 1
        return f"t{self.given}", 3600.0


def test_a_token_serves_until_two_minutes_before_its_end() -> None:
    source = Source()
    assert [source.tokens.current(), source.tokens.current()] == ["t1", "t1"]
    source.now = 3479.0
    assert source.tokens.current() == "t1"
    source.now = 3481.0
    source.is_down = True
    assert source.tokens.current() == "t1"
    source.is_down = False
    assert source.tokens.current() == "t2"
    source.tokens.drop("t1")
    assert source.tokens.current() == "t2"
    source.tokens.drop("t2")
    assert source.tokens.current() == "t3"
    source.is_down = True
    source.now += 3600
    with pytest.raises(ProviderError):
        source.tokens.current()


def test_one_thread_renews_while_the_others_go_on() -> None:
    source = Source()
    assert source.tokens.current() == "t1"
    source.now = 3500.0
    asked, go_on = threading.Event(), threading.Event()
    fetch = source.fetch

    def slowly() -> tuple[str, float]:
        asked.set()
        assert go_on.wait(5)
        return fetch()

    source.tokens._fetch = slowly
    got: list[str] = []
    first = threading.Thread(target=lambda: got.append(source.tokens.current()))
    first.start()
    assert asked.wait(5)
    assert source.tokens.current() == "t1"
    go_on.set()
    first.join()
    assert (got, source.given) == (["t2"], 2)


def test_threads_without_a_token_fetch_one_together() -> None:
    source = Source()
    together = threading.Barrier(8)
    got: list[str] = []

    def take() -> None:
        together.wait()
        got.append(source.tokens.current())

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (set(got), source.given) == ({"t1"}, 1)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before

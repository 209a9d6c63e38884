"""Bodies as Twilio has them, and its signature by the published example."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from smartqueue.common.http import Response
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    Delivery,
    OutcomeUnknown,
)
from smartqueue.notifications.providers.twilio import mapping, webhook

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.fixture(autouse=True)
def _account(settings: Any) -> None:
    settings.SMS_ACCOUNTS = {"twilio": {"token": TOKEN}}


def call(fields: dict[str, str], url: str = URL, signed: str | None = None) -> Callback:
    given = webhook.signature(TOKEN, url, list(fields.items())) if signed is None else signed
    query = {"reference": "ours"} if "reference" in url else {}
    return Callback("POST", url, {"x-twilio-signature": given}, query, urlencode(fields).encode())


def test_the_published_signature() -> None:
    assert webhook.signature(TOKEN, URL, list(FIELDS.items())) == SIGNATURE
    assert webhook.checked(call(FIELDS, signed=SIGNATURE)) == FIELDS
    with_port = replace(call(FIELDS, signed=SIGNATURE), url=URL.replace(".com/", ".com:443/"))
    assert webhook.checked(with_port) == FIELDS


@pytest.mark.parametrize("what", ["field", "address", "signature", "none", "not ascii", "no token"])
def test_whoever_is_not_twilio_is_refused(what: str, settings: Any) -> None:
    fields = FIELDS | ({"Digits": "1235"} if what == "field" else {})
    given = {"signature": SIGNATURE[::-1], "none": "", "not ascii": "é"}.get(what, SIGNATURE)
    forged = call(fields, url=URL + ("x" if what == "address" else ""), signed=given)
    if what == "no token":
        settings.SMS_ACCOUNTS = {"twilio": {"token": ""}}
        forged = call(FIELDS, signed=webhook.signature("", URL, list(FIELDS.items())))
    for read in (webhook.receipts, webhook.inbound, webhook.ringing):
        with pytest.raises(BadCallback) as refused:
            read(forged)
        assert refused.value.code == "signature"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", Delivery.ON_THE_WAY),
        ("sent", Delivery.ON_THE_WAY),
        ("delivered", Delivery.DELIVERED),
        ("read", Delivery.DELIVERED),
        ("undelivered", Delivery.FAILED),
        ("failed", Delivery.FAILED),
        ("canceled", Delivery.FAILED),
    ],
)
def test_statuses(status: str, expected: Delivery) -> None:
    url = "https://queue.example/receipts/?reference=ours"
    (receipt,) = webhook.receipts(call({"MessageSid": "SM1", "MessageStatus": status}, url=url))
    assert (receipt.reference, receipt.own_reference) == ("SM1", "ours")
    assert receipt.delivery == expected


def test_a_code_says_when_the_number_is_gone() -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"}
    (receipt,) = webhook.receipts(call(fields))
    assert (receipt.code, receipt.is_recipient) == ("30005", True)
    assert webhook.receipts(call({"MessageSid": "SM1", "MessageStatus": "dreaming"})) == []


@pytest.mark.parametrize(
    ("code", "status", "is_retryable", "is_recipient"),
    [
        (21211, 400, False, True),
        (21610, 400, False, True),
        (21614, 400, False, True),
        (21408, 400, True, False),
        (21617, 400, False, False),
        (20003, 401, True, False),
        (20429, 429, True, False),
    ],
)
def test_errors(code: int, status: int, is_retryable: bool, is_recipient: bool) -> None:
    body = {"code": code, "message": "…", "status": status}
    answer = Response(status, {}, json.dumps(body).encode(), "https://api.twilio.com/")
    error = mapping.refusal(answer)
    assert not isinstance(error, OutcomeUnknown)
    assert (error.code, error.retryable) == (str(code), is_retryable)
    assert error.is_recipient == is_recipient
    assert isinstance(mapping.refusal(replace(answer, status=500)), OutcomeUnknown)


def test_texts_and_calls_come_in() -> None:
    fields = {"MessageSid": "SM2", "From": "+221771234567", "To": "+15005550006", "Body": " STOP "}
    (text,) = webhook.inbound(call(fields))
    assert (text.event_id, text.sender) == ("SM2", "+221771234567")
    assert (text.recipient, text.text) == ("+15005550006", " STOP ")
    rings = {"CallSid": "CA1", "From": "+221771234567", "To": "+15005550006"}
    assert not webhook.ringing(call(rings | {"CallStatus": "ringing"})).is_over
    assert webhook.ringing(call(rings | {"CallStatus": "completed"})).is_over
    assert webhook.ringing(call(rings)).caller == "+221771234567"

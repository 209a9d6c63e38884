"""Bodies as Africa's Talking has them: messages, reports, USSD and calls."""

from typing import Any
from urllib.parse import urlencode

import pytest

from smartqueue.notifications.ports import UssdAnswer, UssdStep
from smartqueue.notifications.providers.africas_talking import mapping, webhook
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    Delivery,
    OutcomeUnknown,
    ProviderError,
)


def recipient(**given: Any) -> list[Any]:
    usual = {
        "statusCode": 101,
        "number": "+221771234567",
        "status": "Success",
        "cost": "XOF 20.0000",
        "messageId": "ATXid_1",
    }
    return [usual | given]


def test_a_message_taken_has_its_price() -> None:
    handed = mapping.handed(recipient())
    assert (handed.reference, handed.cost_minor, handed.currency) == ("ATXid_1", 20, "XOF")
    assert mapping.handed(recipient(statusCode=102, cost="0")).cost_minor is None
    assert mapping.handed(recipient(cost="KES 0.8000")).cost_minor == 80


@pytest.mark.parametrize(
    ("code", "is_retryable", "is_recipient"),
    [
        (401, True, False),
        (402, True, False),
        (403, False, True),
        (404, False, True),
        (405, True, False),
        (406, False, True),
        (407, True, False),
        (500, True, False),
        (501, True, False),
        (502, True, False),
    ],
)
def test_each_recipient_has_an_error_of_its_own(
    code: int, is_retryable: bool, is_recipient: bool
) -> None:
    with pytest.raises(ProviderError) as refused:
        mapping.handed(recipient(statusCode=code, messageId="None"))
    assert not isinstance(refused.value, OutcomeUnknown)
    error = refused.value
    assert (error.retryable, error.is_recipient) == (is_retryable, is_recipient)


def test_what_is_not_documented_stays_open() -> None:
    for given in (recipient(statusCode=999), recipient(messageId="None"), ["x"]):
        with pytest.raises(OutcomeUnknown):
            mapping.handed(given)


def call(**form: str) -> Callback:
    return Callback("POST", "https://queue.example/", {}, {}, urlencode(form).encode())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Sent", Delivery.ON_THE_WAY),
        ("Submitted", Delivery.ON_THE_WAY),
        ("Buffered", Delivery.ON_THE_WAY),
        ("Success", Delivery.DELIVERED),
        ("Rejected", Delivery.FAILED),
        ("Failed", Delivery.FAILED),
        ("AbsentSubscriber", Delivery.FAILED),
        ("Expired", Delivery.EXPIRED),
    ],
)
def test_delivery_reports(status: str, expected: Delivery) -> None:
    (receipt,) = webhook.receipts(call(id="ATXid_1", status=status, phoneNumber="+221771234567"))
    assert (receipt.reference, receipt.delivery) == ("ATXid_1", expected)


def test_a_person_who_wants_none_is_named_as_such() -> None:
    (receipt,) = webhook.receipts(call(id="A", status="Rejected", failureReason="UserInBlacklist"))
    assert (receipt.code, receipt.is_recipient) == ("UserInBlacklist", True)
    assert webhook.receipts(call(id="A", status="Gone")) == []
    with pytest.raises(BadCallback):
        webhook.receipts(call(status="Success"))


def test_a_step_of_ussd_and_its_answer() -> None:
    step = webhook.ussd(
        call(
            sessionId="ATUid_1",
            serviceCode="*245#",
            phoneNumber="+221771234567",
            networkCode="60801",
            text="1*12",
        )
    )
    assert step == UssdStep("ATUid_1", "+221771234567", "*245#", "1*12")
    assert webhook.said_to_ussd(UssdAnswer("1. Rejoindre", ends=False)).body == "CON 1. Rejoindre"
    ended = webhook.said_to_ussd(UssdAnswer("é" * 300, ends=True))
    assert (ended.body[:5], len(ended.body)) == ("END é", 4 + webhook.USSD_MAX)
    for wrong in ({"text": "1"}, {"sessionId": "\0", "phoneNumber": "+221771234567"}):
        with pytest.raises(BadCallback):
            webhook.ussd(call(**wrong))


def test_a_call_rings_and_is_over() -> None:
    form = {"sessionId": "ATVId_1", "callerNumber": "+221771234567", "isActive": "1"}
    form["destinationNumber"] = "+221338000000"
    ringing = webhook.ringing(call(**form))
    assert (ringing.event_id, ringing.caller) == ("ATVId_1", "+221771234567")
    assert (ringing.called, ringing.is_over) == ("+221338000000", False)
    assert webhook.ringing(call(**form | {"isActive": "0"})).is_over
    with pytest.raises(BadCallback):
        webhook.ringing(call(isActive="1"))
    assert webhook.REJECTED.endswith("<Response><Reject/></Response>")

"""What providers call: kept first, understood once, answered where somebody wrote."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.common.clock import now
from smartqueue.notifications import operations, ports, queries, tasks
from smartqueue.notifications.models import InboundMessage, OutgoingMessage, ProviderCallback
from smartqueue.notifications.ports import UssdAnswer, UssdStep
from smartqueue.notifications.providers import base
from smartqueue.notifications.providers.base import (
    Callback,
    InboundText,
    Ringing,
    Said,
    Terms,
    Webhook,
)
from smartqueue.notifications.tests.carrier import SECRET, WEBHOOK, Line, lines
from smartqueue.notifications.tests.test_engine import ORANGE, queued, work

pytestmark = pytest.mark.django_db


class Conversations:
    """Repeats what people say; raises as often as it is told to."""

    def __init__(self) -> None:
        self.failing = 0
        self.heard: list[str] = []

    def answer_text(self, message: InboundText, now: Any) -> str | None:
        if self.failing:
            self.failing -= 1
            raise RuntimeError("not foreseen")
        self.heard.append(message.text)
        return f"You said {message.text}"

    def answer_ussd(self, step: UssdStep, now: Any) -> UssdAnswer:
        return UssdAnswer(f"Step {step.text}", ends=step.text == "0")

    def answer_missed_call(self, *, phone: str, called: str, event_id: str, now: Any) -> None:
        self.heard.append(f"{phone} rang {called}")


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Conversations:
    found = Conversations()
    monkeypatch.setattr(ports, "_conversations", found)
    return found


@pytest.fixture
def line() -> Iterator[Line]:
    def ussd(callback: Callback) -> UssdStep:
        return UssdStep(**json.loads(callback.body))

    def ringing(callback: Callback) -> Ringing:
        return Ringing(**json.loads(callback.body))

    with lines(("carrier_one", Terms(price_minor=10))) as found:
        base._webhooks["carrier_one"] = Webhook(
            receipts=WEBHOOK.receipts,
            inbound=WEBHOOK.inbound,
            ussd=ussd,
            ringing=ringing,
            said_to_text=Said("thanks"),
            said_to_ussd=lambda a: Said(f"{'END' if a.ends else 'CON'} {a.text}"),
            said_to_ringing=Said("<Response/>", "application/xml"),
        )
        yield found[0]


def call(kind: str, told: Any, *, secret: str = SECRET, name: str = "carrier-one") -> Any:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    address = f"/api/notifications/webhooks/{name}/{kind}/{secret}/"
    return Client(enforce_csrf_checks=True).post(address, body, content_type="text/plain")


def receipt(message: OutgoingMessage, delivery: str = "delivered") -> dict[str, str]:
    return {"delivery": delivery, "reference": message.deliveries.get().provider_reference}


def test_a_receipt_is_kept_and_taken_once(line: Line) -> None:
    message = work(queued())
    told = [receipt(message)]
    for _ in range(2):
        answer = call("receipts", told)
        assert (answer.status_code, answer.content) == (200, b"")
    message.refresh_from_db()
    assert message.state == "delivered"
    assert message.deliveries.get().receipts.count() == 1
    assert set(ProviderCallback.objects.values_list("state", "sealed")) == {("done", "")}


def test_only_the_address_with_its_secret_is_open(line: Line) -> None:
    message = work(queued())
    told = [receipt(message)]
    for answer in (
        call("receipts", told, secret="other"),
        call("receipts", told, secret="é"),
        call("receipts", told, name="nobody"),
        call("nothing", told),
        call("receipts", told, name="smtp"),
    ):
        assert answer.status_code == 404
    assert call("receipts", b"x" * 70_000).status_code == 413
    assert not ProviderCallback.objects.exists()
    message.refresh_from_db()
    assert message.state == "sent"
    address = queries.callback_address("carrier_one", "receipts")
    assert address.endswith(f"/api/notifications/webhooks/carrier-one/receipts/{SECRET}/")


def test_what_is_not_in_the_providers_form_is_refused_and_kept(line: Line) -> None:
    assert call("receipts", b"<xml>").status_code == 200
    row = ProviderCallback.objects.get()
    assert (row.state, row.error_code) == ("refused", "not_json")
    assert "<xml>" in queries.opened_callback(row.sealed)
    assert "<xml>" not in row.sealed


def test_a_callback_that_fails_unforeseen_is_parked_after_five_tries(line: Line) -> None:
    call("receipts", [{"delivery": "delivered", "nothing": "known"}])
    for _ in range(6):
        ProviderCallback.objects.update(next_try_at=now())
        tasks.process_callbacks_task()
    row = ProviderCallback.objects.get()
    assert (row.state, row.tries, row.error_code) == ("refused", 5, "parked:TypeError")


def test_who_writes_is_answered_once(line: Line, talk: Conversations) -> None:
    told = [{"event_id": "7", "sender": ORANGE, "recipient": "24500", "text": "position"}]
    for _ in range(2):
        assert call("inbound", told).content == b"thanks"
    reply = OutgoingMessage.objects.get()
    assert (reply.recipient, reply.template, reply.importance) == (ORANGE, "reply", "vital")
    work(reply)
    assert line.texts == {"You said position": 1}
    assert talk.heard == ["position"]
    assert InboundMessage.objects.get().sealed == ""


def test_an_answer_that_fails_is_tried_again(line: Line, talk: Conversations) -> None:
    talk.failing = 1
    call("inbound", [{"event_id": "7", "sender": ORANGE, "recipient": "24500", "text": "hi"}])
    assert talk.heard == []
    InboundMessage.objects.update(next_try_at=now())
    tasks.process_callbacks_task()
    assert talk.heard == ["hi"]


def test_stop_and_start_are_the_registers(line: Line, talk: Conversations) -> None:
    for number, word in enumerate((" Stop. ", "ARRÊT", "start")):
        told = {"event_id": str(number), "sender": ORANGE, "recipient": "24500", "text": word}
        call("inbound", [told])
        assert operations.has_opted_out(ORANGE) is (word != "start")
    assert talk.heard == []
    replies = OutgoingMessage.objects.order_by("id").values_list("template", flat=True)
    assert list(replies) == ["texts_stopped", "texts_stopped", "texts_started"]


def test_a_start_that_is_understood_late_does_not_undo_the_stop_after_it(
    line: Line, talk: Conversations
) -> None:
    start, stop = (InboundText(word, ORANGE, "24500", word) for word in ("start", "stop"))
    early = now()
    rows = [
        operations.store_text(
            provider="carrier_one", message=text, now=early + timedelta(seconds=n)
        )
        for n, text in enumerate((start, stop))
    ]
    for row in reversed(rows):
        assert row is not None
        operations.answer_inbound(inbound_id=row, now=early + timedelta(minutes=1))
    assert operations.has_opted_out(ORANGE)
    replies = OutgoingMessage.objects.order_by("id").values_list("template", flat=True)
    assert list(replies) == ["texts_stopped"]


def test_a_ussd_step_is_answered_while_the_phone_waits(line: Line, talk: Conversations) -> None:
    step = {"session_id": "s", "phone": ORANGE, "service_code": "*245#", "text": "1"}
    assert call("ussd", step).content == b"CON Step 1"
    assert call("ussd", step | {"text": "0"}).content == b"END Step 0"


def test_somebody_who_rings_is_heard_once(line: Line, talk: Conversations) -> None:
    ring = {"event_id": "c", "caller": ORANGE, "called": "+221338000000"}
    for is_over in (False, True):
        answer = call("voice", ring | {"is_over": is_over})
        assert answer.headers["Content-Type"] == "application/xml"
    assert talk.heard == [f"{ORANGE} rang +221338000000"]


def test_what_comes_over_a_bind_is_taken(line: Line, talk: Conversations) -> None:
    message = work(queued())
    sinks = base.sinks()
    assert sinks is not None
    sinks.receipt(
        "carrier_one",
        base.Receipt(base.Delivery.DELIVERED, reference=receipt(message)["reference"]),
    )
    message.refresh_from_db()
    assert message.state == "delivered"
    sinks.text("carrier_one", InboundText("9", ORANGE, "24500", "by bind"))
    tasks.process_callbacks_task()
    assert talk.heard == ["by bind"]

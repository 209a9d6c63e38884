"""What every adapter of text messages does, whoever carries them: the same questions to each of them."""

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import (
    Delivery,
    InboundText,
    OutcomeUnknown,
    Outgoing,
    Provider,
    ProviderError,
    Receipt,
    Sinks,
    forget_providers,
    provider_named,
    providers_of,
    terms_of,
    webhook_of,
)
from smartqueue.notifications.providers.smpp import client as smpp_client
from smartqueue.notifications.providers.smpp.webhook import Receiver
from smartqueue.notifications.tests.sms.conftest import Control

PHONE = "+221771234567"
SECRET_WORDS = ("771234567", "Sira Ndiaye", "sandbox-", "Bearer")
pytestmark = pytest.mark.usefixtures("accounts")


@dataclass(frozen=True)
class Words:
    """How one provider says things. "" where it has no such answer."""

    refused: str
    bad_number: str
    no_credit: str = ""
    delivered: str = ""
    failed: str = ""
    brings_ours: bool = False


ADAPTERS = {
    "orange_sms": Words(
        "POL0001",
        "SVC0004",
        no_credit="POL0001",
        delivered="DeliveredToTerminal",
        failed="DeliveryImpossible",
    ),
    "smpp.yas": Words(
        "ESME_RSUBMITFAIL",
        "ESME_RINVDSTADR",
        no_credit="ESME_RSUBMITFAIL",
        delivered="DELIVRD_000",
        failed="UNDELIV_003",
    ),
    "lafricamobile": Words(
        "500", "ERROR_NPAI", delivered="RECEIVED", failed="ERROR_NETWORK", brings_ours=True
    ),
    "africas_talking": Words(
        "407",
        "403",
        no_credit="InsufficientBalance",
        delivered="Success",
        failed="DeliveryFailure",
    ),
    "twilio": Words("21408", "21211", delivered="delivered", failed="30003", brings_ours=True),
}
everyone = pytest.mark.parametrize("name", ADAPTERS)


def provider(name: str) -> Provider:
    found = provider_named(name)
    assert found is not None
    return found


def outgoing(control: Control, name: str, **given: Any) -> Outgoing:
    fields: dict[str, Any] = {
        "reference": uuid.uuid4(),
        "recipient": PHONE,
        "body": "Sira Ndiaye, c'est à vous : guichet 3.",
        "receipt_url": f"{control.calls.url}/{name}/receipts/secret/",
    }
    return Outgoing(**fields | given)


@contextmanager
def told(control: Control, name: str) -> Iterator[Callable[[int], list[Receipt]]]:
    """Give what waits for so many receipts, by the provider's own way to bring them."""
    if not name.startswith("smpp"):
        webhook = webhook_of(name)
        assert webhook is not None
        read = webhook.receipts
        assert read is not None
        yield lambda count: [
            receipt for call in control.calls.wait_for(count) for receipt in read(call)
        ]
        return
    found: list[Receipt] = []
    came = threading.Condition()

    def note(who: str, receipt: Receipt) -> None:
        assert who == name
        with came:
            found.append(receipt)
            came.notify_all()

    def wait(count: int) -> list[Receipt]:
        with came:
            assert came.wait_for(lambda: len(found) >= count, 5), found
            return list(found)

    with receiving(name, Sinks(receipt=note, text=lambda who, text: None)):
        yield wait


@contextmanager
def receiving(name: str, sinks: Sinks) -> Iterator[Receiver]:
    from django.conf import settings  # noqa: PLC0415  # as the fixture has set them

    over = threading.Event()
    account = settings.SMPP_ACCOUNTS[name.removeprefix("smpp.")]
    receiver = Receiver(name, account, sinks, over)
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        assert receiver.is_bound.wait(5)
        yield receiver
    finally:
        over.set()
        thread.join()


@everyone
def test_a_message_arrives_whole_and_its_receipts_name_it(control: Control, name: str) -> None:
    message = outgoing(control, name, sender="MairieDakar")
    with told(control, name) as receipts:
        handed = provider(name).send(message)
        (arrived,) = control.taken(name)
        assert (arrived["phone"], arrived["text"]) == (PHONE, message.body)
        assert arrived["provider_id"] == handed.reference
        if name != "twilio":
            assert arrived["peer"] == "MairieDakar"
        said = receipts(1 if name.startswith("smpp") else 2)
    assert said[-1].delivery == Delivery.DELIVERED
    assert said[-1].code == ADAPTERS[name].delivered
    assert {receipt.reference for receipt in said} == {handed.reference}
    ours = str(message.reference) if ADAPTERS[name].brings_ours else ""
    assert {receipt.own_reference for receipt in said} == {ours}
    assert len({receipt.event_id for receipt in said}) == len(said)


@everyone
def test_a_failure_is_told_and_a_repeated_receipt_is_known(control: Control, name: str) -> None:
    final = {"smpp.yas": "UNDELIV", "twilio": "undelivered", "africas_talking": "Failed"}
    status = final.get(name, ADAPTERS[name].failed)
    control.rule(provider=name, receipts={"statuses": [status], "copies": 2})
    with told(control, name) as receipts:
        provider(name).send(outgoing(control, name))
        first, second = receipts(2)
    assert first.delivery == Delivery.FAILED
    assert first.code == ADAPTERS[name].failed
    assert not first.is_recipient
    assert first.event_id == second.event_id


@everyone
def test_a_refusal_and_a_bad_number_are_told_apart(control: Control, name: str) -> None:
    words = ADAPTERS[name]
    if name == "lafricamobile":
        # It takes everything, and the receipt tells.
        control.rule(provider=name, answer="refuse", error=words.bad_number)
        with told(control, name) as receipts:
            provider(name).send(outgoing(control, name))
            (receipt,) = receipts(1)
        assert (receipt.delivery, receipt.is_recipient) == (Delivery.FAILED, True)
        return
    control.rule(provider=name, to="+22176*", answer="refuse", error=words.refused)
    control.rule(provider=name, to="+22177*", answer="refuse", error=words.bad_number)
    with pytest.raises(ProviderError) as refused:
        provider(name).send(outgoing(control, name, recipient="+221761234567"))
    assert not isinstance(refused.value, OutcomeUnknown)
    assert (refused.value.retryable, refused.value.is_recipient) == (True, False)
    with pytest.raises(ProviderError) as bad:
        provider(name).send(outgoing(control, name))
    assert (bad.value.retryable, bad.value.is_recipient) == (False, True)
    assert control.taken(name) == []


@everyone
def test_an_empty_account_is_no_fault_of_the_number(control: Control, name: str) -> None:
    control.call("PUT", "balances", **{name: 0})
    if name == "lafricamobile":
        with told(control, name) as receipts:
            provider(name).send(outgoing(control, name))
            (receipt,) = receipts(1)
        assert receipt.code == "ERROR_CREDIT"
        assert not receipt.is_recipient
        return
    if name == "twilio":
        assert provider(name).send(outgoing(control, name)).reference
        return
    with pytest.raises(ProviderError) as empty:
        provider(name).send(outgoing(control, name))
    assert empty.value.code == ADAPTERS[name].no_credit
    assert empty.value.retryable
    assert not empty.value.is_recipient


@everyone
def test_too_many_a_second_may_come_again(control: Control, name: str) -> None:
    control.call("PUT", "limits", **{name: 1})
    provider(name).send(outgoing(control, name))
    with pytest.raises(ProviderError) as throttled:
        provider(name).send(outgoing(control, name))
    assert not isinstance(throttled.value, OutcomeUnknown)
    assert throttled.value.retryable
    assert not throttled.value.is_recipient
    if not name.startswith("smpp"):
        control.rule(provider=name, answer="server_error", error="503", retry_after=7)
        control.call("PUT", "limits", **{name: 0})
        with pytest.raises(ProviderError) as busy:
            provider(name).send(outgoing(control, name))
        assert (busy.value.retryable, busy.value.retry_after) == (True, 7.0)


@everyone
@pytest.mark.parametrize("answer", ["hang_after", "cut_after", "cut_before", "garbage"])
def test_what_may_have_been_taken_is_unknown(
    control: Control, name: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SECONDS", 0.3)
    monkeypatch.setattr(smpp_client, "RESPONSE_SECONDS", 0.3)
    if name == "orange_sms":
        provider(name).balance()
    # The wire cannot tell a provider that fell silent before it took the message from one after.
    control.rule(provider=name, answer=answer, times=1)
    with pytest.raises(OutcomeUnknown) as unknown:
        provider(name).send(outgoing(control, name))
    assert not unknown.value.retryable
    assert all(word not in str(unknown.value) for word in SECRET_WORDS)
    assert len(control.taken(name)) == (answer != "cut_before")
    assert provider(name).send(outgoing(control, name)).reference


@everyone
def test_a_failing_server_may_have_taken_it(control: Control, name: str) -> None:
    control.rule(provider=name, answer="server_error", error="500")
    with pytest.raises(ProviderError) as failing:
        provider(name).send(outgoing(control, name))
    # A status of SMPP always means that the message was not taken.
    assert isinstance(failing.value, OutcomeUnknown) == (name != "smpp.yas")


@everyone
def test_what_never_left_may_be_sent_again(control: Control, name: str, settings: Any) -> None:
    with socket.socket() as taken:
        # Bound and not listened on: nobody answers here, and nobody else takes it.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for account in settings.SMS_ACCOUNTS.values():
            account["url"] = f"http://127.0.0.1:{port}"
        for account in settings.SMPP_ACCOUNTS.values():
            account["port"] = port
        forget_providers()
        with pytest.raises(ProviderError) as closed:
            provider(name).send(outgoing(control, name))
    assert not isinstance(closed.value, OutcomeUnknown)
    assert (closed.value.code, closed.value.retryable) == ("unreachable", True)


@everyone
def test_wrong_credentials_refuse_nobody_for_good(
    control: Control, name: str, settings: Any
) -> None:
    for account in (*settings.SMS_ACCOUNTS.values(), *settings.SMPP_ACCOUNTS.values()):
        for field in {"client_secret", "password", "token", "key"} & account.keys():
            account[field] = "wrong"
    forget_providers()
    with pytest.raises(ProviderError) as refused:
        provider(name).send(outgoing(control, name))
    assert not isinstance(refused.value, OutcomeUnknown)
    assert (refused.value.retryable, refused.value.is_recipient) == (True, False)


@everyone
def test_what_the_account_still_has(control: Control, name: str) -> None:
    control.call("PUT", "balances", **{name: 250})
    balance = provider(name).balance()
    if name == "orange_sms":
        assert balance is not None
        assert balance.units == 250
        assert balance.expires_at is not None
    elif name == "africas_talking":
        assert balance is not None
        assert (balance.amount_minor, balance.currency) == (5000, "XOF")
    elif name == "twilio":
        assert balance is not None
        assert (balance.amount_minor, balance.currency) == (10_000, "USD")
    else:
        assert balance is None


@everyone
def test_what_became_of_it_can_be_asked_where_the_provider_answers(
    control: Control, name: str
) -> None:
    control.rule(provider=name, receipts={"send": False})
    handed = provider(name).send(outgoing(control, name))
    found = provider(name).look_up(handed.reference, "")
    if name in {"twilio", "smpp.yas"}:
        assert found is not None
        assert (found.delivery, found.reference) == (Delivery.ON_THE_WAY, handed.reference)
        assert provider(name).look_up("SM0000", "") is None
        assert provider(name).look_up("", "") is None
    else:
        assert found is None


def test_nothing_said_aloud_names_a_person(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    said = []
    for name in ADAPTERS:
        for answer in ("accept", "refuse", "garbage", "cut_after"):
            control.rule(provider=name, answer=answer, times=1)
            said.append(outcome(provider(name), outgoing(control, name)))
    # The sandbox, which logs as it likes, runs in threads of its own.
    said += [str(vars(record)) for record in caplog.records if record.threadName == "MainThread"]
    assert len(said) > len(ADAPTERS)
    assert [line for line in said for word in SECRET_WORDS if word in line] == []


def outcome(carrier: Provider, message: Outgoing) -> str:
    try:
        carrier.send(message)
    except ProviderError as error:
        return f"{error!r} {error.code}"
    return "sent"


def test_every_account_is_a_provider_of_its_own() -> None:
    names = {found.name for found in providers_of(Channel.SMS)}
    assert names >= {*ADAPTERS, "smpp.expresso"}
    assert all(terms_of(found).countries == ("SN",) for found in providers_of(Channel.SMS))


def test_texts_of_phones_come_in(control: Control) -> None:
    found: list[tuple[str, InboundText]] = []
    came = threading.Event()

    def note(who: str, text: InboundText) -> None:
        found.append((who, text))
        came.set()

    over_http = [name for name in ADAPTERS if not name.startswith("smpp")]
    for number, name in enumerate(over_http, start=1):
        control.call("POST", "phones/%2B221771234567/sms", text="JOIN DAK é", provider=name)
        webhook = webhook_of(name)
        assert webhook is not None
        assert webhook.inbound is not None
        (text,) = webhook.inbound(control.calls.wait_for(number)[-1])
        assert (text.sender, text.text) == (PHONE, "JOIN DAK é")
        assert text.event_id
        assert text.recipient
    with receiving("smpp.yas", Sinks(receipt=lambda who, receipt: None, text=note)):
        control.call("POST", "phones/%2B221771234567/sms", text="السلام", provider="smpp.yas")
        assert came.wait(5)
    ((who, text),) = found
    assert (who, text.sender, text.text) == ("smpp.yas", PHONE, "السلام")
    assert text.recipient == "24500"


def test_an_expired_token_is_renewed_and_the_message_sent_once(control: Control) -> None:
    orange = provider("orange_sms")
    orange.send(outgoing(control, "orange_sms"))
    control.call("POST", "tokens/expire", provider="orange_sms")
    orange.send(outgoing(control, "orange_sms", body="after"))
    assert orange.balance() is not None
    counts = control.call("GET", "counts?provider=orange_sms&of=received")
    assert (counts["total"], counts["repeated"]) == (2, {})
    control.call("POST", "tokens/expire", provider="orange_sms")
    control.rule(provider="orange_sms_token", answer="refuse", error="503", times=1)
    with pytest.raises(ProviderError) as refused:
        orange.send(outgoing(control, "orange_sms"))
    assert not isinstance(refused.value, OutcomeUnknown)
    assert (refused.value.code, refused.value.retryable) == ("http_503", True)


def test_orange_may_name_our_reference(control: Control) -> None:
    control.call("PUT", "options", orange_callback_data="correlator")
    message = outgoing(control, "orange_sms")
    with told(control, "orange_sms") as receipts:
        provider("orange_sms").send(message)
        first, last = receipts(2)
    assert (first.delivery, last.delivery) == (Delivery.ON_THE_WAY, Delivery.DELIVERED)
    assert (last.reference, last.own_reference) == ("", str(message.reference))


def test_who_dials_and_who_rings(control: Control) -> None:
    webhook = webhook_of("africas_talking")
    assert webhook is not None
    assert webhook.ussd is not None
    control.call("POST", "phones/%2B221771234567/ussd", code="*245*1*12#")
    step = webhook.ussd(control.calls.wait_for(1)[0])
    assert (step.phone, step.service_code, step.text) == (PHONE, "*245#", "1*12")
    for name, place in (("africas_talking", "africas-talking"), ("twilio", "twilio")):
        control.call("POST", "phones/%2B221771234567/call", provider=name)
        of_name = webhook_of(name)
        assert of_name is not None
        assert of_name.ringing is not None
        heard = [call for call in control.calls.seen if f"/{place}/voice/" in call.url]
        ringing = of_name.ringing(heard[0])
        assert (ringing.caller, ringing.is_over) == (PHONE, False)
        assert "<Reject" in of_name.said_to_ringing.body

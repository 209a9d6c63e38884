"""What only a bind can do: parts, a busy centre, broken connections, and texts that come in parts."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from smpplib import smpp

from smartqueue.notifications.providers import base
from smartqueue.notifications.providers.base import (
    InboundText,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
    Sinks,
    provider_named,
)
from smartqueue.notifications.providers.smpp import client
from smartqueue.notifications.providers.smpp.client import Smpp
from smartqueue.notifications.providers.smpp.link import Link
from smartqueue.notifications.providers.smpp.webhook import Receiver
from smartqueue.notifications.tests.sms.conftest import Control
from smartqueue.notifications.tests.sms.test_contract import receiving

pytestmark = pytest.mark.usefixtures("accounts")
PHONE = "+221761234567"


def yas() -> Smpp:
    found = provider_named("smpp.yas")
    assert isinstance(found, Smpp)
    return found


def text(body: str, **given: Any) -> Outgoing:
    return Outgoing(reference=uuid.uuid4(), recipient=PHONE, body=body, **given)


@pytest.mark.parametrize(
    ("body", "parts", "coding"),
    [
        ("a" * 160, 1, 0),
        ("a" * 161, 2, 0),
        ("a" * 152 + "€" + "b" * 152, 3, 0),
        ("é" * 70 + "û", 2, 8),
        ("ج" * 66 + "😀" + "د" * 66, 3, 8),
        ("{" * 80, 1, 0),
    ],
    ids=["full", "two", "escape at the border", "one letter", "pair at the border", "escapes"],
)
def test_long_texts_arrive_as_they_were(
    control: Control, body: str, parts: int, coding: int
) -> None:
    handed = yas().send(text(body, expires_at=datetime(2026, 11, 22, 21, 30, tzinfo=UTC)))
    (arrived,) = control.taken("smpp.yas")
    assert (arrived["text"], arrived["segments"]) == (body, parts)
    assert arrived["provider_id"] == handed.reference
    assert arrived["details"]["data_coding"] == coding
    assert arrived["details"]["validity"] == "261122213000000+"


def test_a_busy_centre_does_not_tear_a_text_apart(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0.01)
    busy = {"provider": "smpp.yas", "answer": "refuse", "error": "ESME_RTHROTTLED"}
    control.rule(**busy, skip=1, times=3)
    yas().send(text("a" * 400))
    (arrived,) = control.taken("smpp.yas")
    assert arrived["text"] == "a" * 400
    # The first part waits for nobody: the whole comes again later, and nothing of it is out.
    control.rule(**busy, times=1)
    with pytest.raises(ProviderError) as throttled:
        yas().send(text("b" * 400))
    assert (throttled.value.retryable, throttled.value.retry_after) == (True, 1.0)


def test_a_text_that_was_torn_is_made_whole_by_sending_it_again(control: Control) -> None:
    control.rule(provider="smpp.yas", answer="refuse", error="ESME_RSYSERR", skip=1, times=1)
    with pytest.raises(ProviderError) as torn:
        yas().send(text("a" * 400))
    assert torn.value.retryable
    yas().send(text("a" * 400))
    (arrived,) = control.taken("smpp.yas")
    assert arrived["text"] == "a" * 400
    assert control.sandbox.providers.smpp.as_json()["yas"]["incomplete"] == 0


def test_a_bind_that_broke_while_idle_costs_no_message(control: Control) -> None:
    yas().send(text("one"))
    control.call("DELETE", "smpp/sessions")
    end = time.monotonic() + 5
    while control.sandbox.providers.smpp.as_json()["yas"]["binds"] and time.monotonic() < end:
        time.sleep(0.005)
    yas().send(text("two"))
    assert [sent["text"] for sent in control.taken("smpp.yas")] == ["two", "one"]


def test_an_idle_bind_is_asked_before_it_is_trusted(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    yas().send(text("one"))
    before = yas()._link
    monkeypatch.setattr(client, "IDLE_SECONDS", 0.0)
    yas().send(text("two"))
    assert yas()._link is before
    assert len(control.taken("smpp.yas")) == 2


def test_threads_share_one_bind(control: Control) -> None:
    threads = [
        threading.Thread(target=yas().send, args=(text(f"number {number}"),)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {sent["text"] for sent in control.taken("smpp.yas")} == {
        f"number {number}" for number in range(8)
    }
    assert control.sandbox.providers.smpp.as_json()["yas"]["binds"] == 1


def test_a_forked_process_takes_a_bind_of_its_own(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    yas().send(text("one"))
    before = yas()._link
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    yas().send(text("two"))
    assert yas()._link is not before


def test_a_bind_that_is_refused_is_no_fault_of_the_message(control: Control) -> None:
    control.rule(provider="smpp_bind.yas", answer="refuse", error="ESME_RBINDFAIL", times=1)
    with pytest.raises(ProviderError) as refused:
        yas().send(text("one"))
    assert not isinstance(refused.value, OutcomeUnknown)
    assert (refused.value.code, refused.value.retryable) == ("bind_ESME_RBINDFAIL", True)
    assert yas().send(text("two")).reference


def test_what_cannot_be_stored_now_comes_again_and_is_known(control: Control) -> None:
    found: list[InboundText] = []
    came = threading.Event()

    def take(who: str, given: InboundText) -> None:
        found.append(given)
        if len(found) == 1:
            raise RuntimeError("the database is away")
        if len(found) == 3:
            came.set()

    with receiving("smpp.yas", Sinks(receipt=lambda who, receipt: None, text=take)):
        for _ in range(3):
            # The sandbox keeps nothing that was refused; sent again, it is the same on the wire.
            control.call("POST", "phones/%2B221761234567/sms", text="JOIN", provider="smpp.yas")
        assert came.wait(5)
    first, again, another = found
    assert first.event_id == again.event_id != another.event_id


def test_a_receiver_comes_back_and_takes_what_has_waited(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartqueue.notifications.providers.smpp.webhook.FIRST_WAIT_SECONDS", 0.01)
    found: list[str] = []
    came = threading.Event()

    def take(who: str, given: InboundText) -> None:
        found.append(given.text)
        came.set()

    with receiving("smpp.yas", Sinks(receipt=lambda who, receipt: None, text=take)) as receiver:
        control.call("DELETE", "smpp/sessions")
        control.call("POST", "phones/%2B221761234567/sms", text="WAIT", provider="smpp.yas")
        assert came.wait(5)
        assert receiver.is_bound.is_set()
    assert found == ["WAIT"]


def deliver(**fields: Any) -> Any:
    """Return a unit as it comes off the wire."""
    addresses = {"source_addr": "221761234567", "destination_addr": "24500"}
    unit = smpp.make_pdu("deliver_sm", client=Link({}), **addresses)
    body = {"sm_length": len(fields["short_message"]), **fields}
    for name, value in body.items():
        setattr(unit, name, value)
    return smpp.parse_pdu(unit.generate(), client=Link({}), allow_unknown_opt_params=True)


def test_a_long_text_of_a_phone_is_put_together() -> None:
    parts = [
        b"\x05\x00\x03\x07\x02" + bytes([number]) + b"ab"[number - 1 : number] for number in (2, 1)
    ]
    found: list[str] = []
    over = threading.Event()
    sinks = Sinks(receipt=lambda who, r: None, text=lambda who, given: found.append(given.text))
    receiver = Receiver("smpp.yas", {}, sinks, over)
    for part in parts:
        receiver._hand_over(deliver(esm_class=0x40, short_message=part))
    for part in reversed(parts):
        receiver._hand_over(deliver(esm_class=0x40, short_message=part))
    receiver._hand_over(deliver(sar_total_segments=2, sar_segment_seqnum=2, short_message=b"d"))
    receiver._hand_over(deliver(sar_total_segments=2, sar_segment_seqnum=1, short_message=b"c"))
    receiver._hand_over(deliver(esm_class=0x40, short_message=b"\x09\x00"))
    receiver._hand_over(deliver(data_coding=4, short_message=b"\x00"))
    assert found == ["ab", "ab", "cd"]


@contextmanager
def told_to_end(once: Callable[[], Any]) -> Iterator[None]:
    """Send SIGTERM to this process, when something has happened and the command listens for it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end() -> None:
        once()
        while signal.getsignal(signal.SIGTERM) == before[signal.SIGTERM]:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_command_receives_until_it_is_told_to_end(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_sinks", None)
    with told_to_end(lambda: None):
        call_command("run_smpp")
    found: list[tuple[str, str]] = []
    came = threading.Event()

    def take(who: str, given: InboundText) -> None:
        found.append((who, given.text))
        came.set()

    monkeypatch.setattr(base, "_sinks", Sinks(receipt=lambda who, receipt: None, text=take))
    control.call("POST", "phones/%2B221761234567/sms", text="JOIN", provider="smpp.yas")
    with told_to_end(lambda: came.wait(5)):
        call_command("run_smpp")
    assert found == [("smpp.yas", "JOIN")]

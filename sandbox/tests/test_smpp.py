import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm
import smpplib.smpp

from sandbox.providers import smpp_codec as codec
from sandbox.providers.smpp_codec import STATUSES, Malformed, Pdu, ShortMessage
from sandbox.server import Sandbox
from sandbox.tests.conftest import Control

PHONE = "+221761234567"


def connect(port: int) -> Any:
    return smpplib.client.Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)


class Bound:
    """A bind by smpplib, with what came over it."""

    def __init__(self, port: int, system_id: str = "yas", kind: str = "transceiver") -> None:
        self.responses: list[Any] = []
        self.delivered: list[Any] = []
        self.client = connect(port)
        self.client.set_message_sent_handler(self._sent)
        self.client.set_message_received_handler(self._received)
        self.client.set_error_pdu_handler(lambda pdu: None)
        self.client.connect()
        getattr(self.client, f"bind_{kind}")(system_id=system_id, password=system_id)

    def _sent(self, pdu: Any) -> None:
        self.responses.append(pdu)

    def _received(self, pdu: Any) -> None:
        self.delivered.append(pdu)

    def send(self, text: str, *, to: str = PHONE[1:], receipt: int = 1, **more: Any) -> int:
        """Send a text in as many parts as it needs and return their number."""
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                **{
                    "source_addr_ton": smpplib.consts.SMPP_TON_ALNUM,
                    "source_addr": "SmartQueue",
                    "dest_addr_ton": smpplib.consts.SMPP_TON_INTL,
                    "dest_addr_npi": smpplib.consts.SMPP_NPI_ISDN,
                    "destination_addr": to,
                    "short_message": part,
                    "data_coding": coding,
                    "esm_class": esm_class,
                    "registered_delivery": receipt,
                    **more,
                }
            )
        return len(parts)

    def read(self, done: Callable[[], bool], seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self.client.read_once()
        assert done()

    def close(self) -> None:
        if self.client.state != smpplib.consts.SMPP_CLIENT_STATE_CLOSED:
            self.client.disconnect()


@pytest.fixture
def bind(sandbox: Sandbox) -> Iterator[Callable[..., Bound]]:
    made: list[Bound] = []

    def make(**more: Any) -> Bound:
        made.append(Bound(sandbox.smpp_port, **more))
        return made[-1]

    yield make
    for bound in made:
        bound.close()


def test_a_message_is_taken_and_its_receipt_delivered(
    bind: Callable[..., Bound], control: Control
) -> None:
    bound = bind()

    bound.send("C'est à vous: [guichet 3]")
    bound.read(lambda: bool(bound.responses and bound.delivered))

    message_id = bound.responses[0].message_id.decode()
    [kept] = control.messages(phone=PHONE)
    assert (kept["provider"], kept["provider_id"]) == ("smpp.yas", message_id)
    assert (kept["text"], kept["peer"]) == ("C'est à vous: [guichet 3]", "SmartQueue")
    receipt = bound.delivered[0]
    assert receipt.esm_class == 0x04
    assert (receipt.source_addr, receipt.destination_addr) == (PHONE[1:].encode(), b"SmartQueue")
    words = receipt.short_message.decode("latin-1")
    assert words.startswith(f"id:{message_id} sub:001 dlvrd:001 submit date:")
    assert " stat:DELIVRD err:000 text:C'est " in words
    assert (receipt.receipted_message_id, receipt.message_state) == (message_id.encode(), 2)


def test_a_long_text_in_another_alphabet_comes_together(
    bind: Callable[..., Bound], control: Control
) -> None:
    bound = bind()
    text = "حان دوركم 😀 " * 20

    parts = bound.send(text, receipt=0)
    bound.read(lambda: len(bound.responses) == parts)

    assert parts == 4
    [kept] = control.messages(phone=PHONE)
    assert (kept["text"], kept["segments"]) == (text, 4)
    assert control.counts(provider="smpp.yas", keys="1")["keys"] == {f"{PHONE}\n{text}": 1}
    assert len({response.message_id for response in bound.responses}) == 4


def test_a_part_that_is_missing_shows(bind: Callable[..., Bound], control: Control) -> None:
    bound = bind()
    parts, coding, esm_class = smpplib.gsm.make_parts("a" * 200)

    for part in (parts[0], parts[0]):
        bound.send("", short_message=part, data_coding=coding, esm_class=esm_class)
    bound.read(lambda: len(bound.responses) == 2)

    counts = control.counts(provider="smpp")
    assert (counts["total"], counts["incomplete"]) == (0, 1)
    assert counts["outcomes"] == {"part_accepted": 1, "part_repeated": 1}


@pytest.mark.parametrize(
    ("outcome", "receipt", "words"),
    [
        ("failed", 1, ["UNDELIV"]),
        ("failed", 2, ["UNDELIV"]),
        ("delivered", 2, []),
        ("expired", 1, ["EXPIRED"]),
        ("rejected", 1, ["REJECTD"]),
        ("delivered", 0, []),
    ],
)
def test_receipts_follow_what_was_registered(
    bind: Callable[..., Bound],
    control: Control,
    outcome: str,
    receipt: int,
    words: list[str],
) -> None:
    bound = bind()
    control.rule(receipts={"outcome": outcome})

    bound.send("Bonjour", receipt=receipt)
    bound.read(lambda: len(bound.responses) == 1 and len(bound.delivered) == len(words))
    control.quiet()

    states = [one.short_message.decode().partition("stat:")[2][:7] for one in bound.delivered]
    assert states == words


@pytest.mark.parametrize(
    ("account", "password", "status"),
    [("nobody", "x", "ESME_RINVSYSID"), ("yas", "wrong", "ESME_RINVPASWD")],
)
def test_a_bind_is_checked(sandbox: Sandbox, account: str, password: str, status: str) -> None:
    client = connect(sandbox.smpp_port)
    client.connect()
    try:
        with pytest.raises(smpplib.exceptions.PDUError) as failure:
            client.bind_transceiver(system_id=account, password=password)
    finally:
        client.disconnect()

    assert failure.value.args[1] == STATUSES[status]


def test_throttling_is_an_error_of_its_own(bind: Callable[..., Bound], control: Control) -> None:
    bound = bind()
    control.rule(provider="smpp", answer="refuse", error="ESME_RTHROTTLED", times=1)

    bound.send("un", receipt=0)
    bound.send("deux", receipt=0)
    bound.read(lambda: len(bound.responses) == 2)

    assert [one.status for one in bound.responses] == [0x58, 0]
    assert [one["text"] for one in control.messages()] == ["deux"]


def test_above_the_rate_of_the_account_is_throttled(
    bind: Callable[..., Bound], control: Control
) -> None:
    bound = bind()
    control.call("PUT", "limits", **{"smpp.yas": 2})

    for number in range(10):
        bound.send(str(number), receipt=0)
    bound.read(lambda: len(bound.responses) == 10)

    statuses = [one.status for one in bound.responses]
    assert statuses[:2] == [0, 0]
    assert 0x58 in statuses
    assert control.counts(provider="smpp.yas")["total"] == statuses.count(0)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"destination_addr": "12"}, "ESME_RINVDSTADR"),
        ({"source_addr": ""}, "ESME_RINVSRCADR"),
        ({"source_addr": "TwelveLetter"}, "ESME_RINVSRCADR"),
        ({"data_coding": 8, "short_message": b"odd"}, "ESME_RINVMSGLEN"),
    ],
)
def test_a_wrong_field_is_refused(
    bind: Callable[..., Bound], control: Control, more: dict[str, Any], status: str
) -> None:
    bound = bind()

    bound.send("Bonjour", **more)
    bound.read(lambda: len(bound.responses) == 1)

    assert bound.responses[0].status == STATUSES[status]
    assert control.messages() == []


def test_a_phone_answers_by_deliver_sm(bind: Callable[..., Bound], control: Control) -> None:
    bound = bind(system_id="expresso")
    bound.send("Bonjour", to="221701234567", receipt=0)
    bound.read(lambda: len(bound.responses) == 1)

    asked: list[Any] = []
    asking = threading.Thread(
        target=lambda: asked.append(
            control.call("POST", "phones/+221701234567/sms", text="é STOP ê")
        )
    )
    asking.start()
    bound.read(lambda: len(bound.delivered) == 1)
    asking.join()

    inbound = bound.delivered[0]
    assert (inbound.source_addr, inbound.destination_addr) == (b"221701234567", b"24500")
    assert inbound.short_message.decode("utf-16-be") == "é STOP ê"
    assert inbound.esm_class == 0
    assert asked[0]["message"]["status"] == "delivered"


def test_what_nobody_takes_waits_for_the_next_bind(
    bind: Callable[..., Bound], control: Control
) -> None:
    waiting = control.call("POST", f"phones/{PHONE}/sms", text="JOIN", provider="smpp.yas")
    assert waiting["message"]["status"] == "not delivered"
    transmitter = bind(kind="transmitter")
    assert transmitter.delivered == []

    receiver = bind(kind="receiver")
    receiver.read(lambda: len(receiver.delivered) == 1)

    assert receiver.delivered[0].short_message == b"JOIN"


def test_a_centre_may_accept_and_cut_or_hang(bind: Callable[..., Bound], control: Control) -> None:
    control.rule(provider="smpp", text="hang", answer="hang_after")
    control.rule(provider="smpp", text="cut", answer="cut_after")
    bound = bind()

    bound.send("hang", receipt=0)
    bound.send("cut", receipt=0)
    with pytest.raises((smpplib.exceptions.ConnectionError, ConnectionError)):
        bound.read(lambda: False)

    assert bound.responses == []
    assert control.counts(provider="smpp.yas", keys="1")["keys"] == {
        f"{PHONE}\nhang": 1,
        f"{PHONE}\ncut": 1,
    }


def test_every_bind_can_be_cut(bind: Callable[..., Bound], control: Control) -> None:
    bound = bind()
    assert control.call("GET", "smpp/sessions")["yas"]["binds"] == 1

    control.call("DELETE", "smpp/sessions")

    with pytest.raises((smpplib.exceptions.ConnectionError, ConnectionError)):
        bound.read(lambda: False)
    assert control.call("GET", "smpp/sessions")["yas"]["binds"] == 0


def test_the_state_of_a_message_can_be_asked_for(
    bind: Callable[..., Bound], control: Control
) -> None:
    bound, states = bind(), []
    bound.client.set_query_resp_handler(lambda pdu: states.append(pdu.message_state))
    bound.send("Bonjour")
    bound.read(lambda: bool(bound.responses and bound.delivered))

    bound.client.query_message(
        message_id=bound.responses[0].message_id.decode(),
        source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
        source_addr="SmartQueue",
    )
    bound.read(lambda: bool(states))

    assert states == [2]


class Raw:
    """A connection without a library, for what no library sends."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def ask(self, data: bytes) -> Pdu:
        self.socket.sendall(data)
        header = self.socket.recv(16, socket.MSG_WAITALL)
        length, command, status, sequence = struct.unpack(">IIII", header)
        body = self.socket.recv(length - 16, socket.MSG_WAITALL) if length > 16 else b""
        return Pdu(command, sequence, status, body)


@pytest.fixture
def raw(sandbox: Sandbox) -> Iterator[Raw]:
    connection = Raw(sandbox.smpp_port)
    yield connection
    connection.socket.close()


def test_nothing_is_sent_before_a_bind(raw: Raw) -> None:
    submit = ShortMessage("SmartQueue", PHONE[1:], b"x", source_ton=5).packed()

    answer = raw.ask(Pdu(codec.SUBMIT_SM, 7, body=submit).packed())

    assert (answer.command, answer.sequence) == (codec.SUBMIT_SM | codec.RESPONSE, 7)
    assert answer.status == STATUSES["ESME_RINVBNDSTS"]


def test_links_are_answered_and_unbinding_ends_them(raw: Raw) -> None:
    assert raw.ask(Pdu(codec.ENQUIRE_LINK, 1).packed()) == Pdu(0x80000015, 1)
    assert raw.ask(Pdu(codec.UNBIND, 2).packed()) == Pdu(0x80000006, 2)
    assert raw.socket.recv(1) == b""


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (Pdu(0x77, 1).packed(), "ESME_RINVCMDID"),
        (struct.pack(">IIII", 8, 1, 0, 1), "ESME_RINVCMDLEN"),
        (struct.pack(">IIII", 0x7FFFFFFF, 1, 0, 1), "ESME_RINVCMDLEN"),
        (Pdu(codec.BIND_TRANSCEIVER, 1, body=b"endless").packed(), "ESME_RINVMSGLEN"),
    ],
)
def test_what_is_no_pdu_is_named(raw: Raw, data: bytes, status: str) -> None:
    assert raw.ask(data).status == STATUSES[status]


def test_messages_survive_packing_and_reading() -> None:
    for message in (b"", b"short", b"x" * 254, b"x" * 255, b"x" * 3000):
        short = ShortMessage("SmartQueue", "221761234567", message, source_ton=5)
        assert ShortMessage.read(short.packed()).message == message


def test_a_header_beyond_the_message_is_malformed() -> None:
    with pytest.raises(Malformed):
        ShortMessage("a", "b", b"\x20\x00", esm_class=codec.UDHI).part()

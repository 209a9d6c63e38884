"""The codes and words of message centres, and ours."""

import re
from typing import Any, Final, NamedTuple

from smpplib import consts

from smartqueue.notifications.providers.base import Delivery, ProviderError, Receipt

THROTTLED_SECONDS: Final = 1.0
_NAMES: Final[dict[int, str]] = {
    value: name.removeprefix("SMPP_")
    for name, value in vars(consts).items()
    if name.startswith("SMPP_ESME_")
}
_THROTTLED: Final = frozenset({"ESME_RTHROTTLED", "ESME_RMSGQFUL"})
_RECIPIENT: Final = frozenset({"ESME_RINVDSTADR", "ESME_RINVDSTTON", "ESME_RINVDSTNPI"})
_TEXT: Final = frozenset({"ESME_RINVMSGLEN"})

DELIVERIES: Final = {
    "ENROUTE": Delivery.ON_THE_WAY,
    "ACCEPTD": Delivery.ON_THE_WAY,
    "UNKNOWN": Delivery.ON_THE_WAY,
    "DELIVRD": Delivery.DELIVERED,
    "EXPIRED": Delivery.EXPIRED,
    "DELETED": Delivery.FAILED,
    "UNDELIV": Delivery.FAILED,
    "REJECTD": Delivery.FAILED,
}
_STATES: Final = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_FIELD: Final = re.compile(rb"\b(id|stat|err|done date):\s*(\S*)", re.IGNORECASE)
UDHI: Final = 0x40
_RECEIPT_KINDS: Final = 0x3C
_IS_RECEIPT: Final = 0x04


def status_name(status: int) -> str:
    """Return the name of a command status, or its number for one that the standard does not have."""
    return _NAMES.get(status, f"smpp_{status:#x}")


def refusal(status: int) -> ProviderError:
    """Return the error that the status of a response stands for: the message was not taken."""
    name = status_name(status)
    is_recipient = name in _RECIPIENT
    return ProviderError(
        name,
        retryable=not is_recipient and name not in _TEXT,
        retry_after=THROTTLED_SECONDS if name in _THROTTLED else None,
        is_recipient=is_recipient,
    )


def is_throttling(status: int) -> bool:
    """Whether a centre asks for a moment of patience."""
    return status_name(status) in _THROTTLED


def receipt(message_id: str, state: str, error: str, done: str) -> Receipt | None:
    """Return what a receipt says; None for a word that the standard does not have."""
    delivery = DELIVERIES.get(state)
    if delivery is None:
        return None
    code = f"{state}_{error}" if error.isalnum() and len(error) <= 8 else state
    return Receipt(
        delivery, reference=message_id, event_id=f"{message_id}:{state}:{done}", code=code
    )


def receipt_of_state(message_id: str, state: int, error: int) -> Receipt | None:
    """Return what a centre answers when it is asked for a message."""
    return receipt(message_id, _STATES.get(state, ""), str(error), "")


# --- deliver_sm ----------------------------------------------------------------------------------


def is_receipt(pdu: Any) -> bool:
    """Whether a deliver_sm tells of a message of ours, and is none of a phone."""
    return (pdu.esm_class or 0) & _RECEIPT_KINDS == _IS_RECEIPT


def receipt_in(pdu: Any) -> Receipt | None:
    """
    Read a receipt: its text as centres write it, and the optional fields, which are surer.

    None when it names no message or no documented state.
    """
    said = {
        name.lower().decode(): value.decode("latin-1")
        for name, value in _FIELD.findall(_content(pdu).partition(b"text:")[0])
    }
    message_id = _text(pdu.receipted_message_id) or said.get("id", "")
    state = _STATES.get(pdu.message_state or 0, "") or said.get("stat", "").upper()
    if not message_id:
        return None
    return receipt(message_id, state, said.get("err", ""), said.get("done date", ""))


class Part(NamedTuple):
    """One of several messages that make a text: `number` counts from 1."""

    reference: int
    total: int
    number: int


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("latin-1")


def _content(pdu: Any) -> bytes:
    found: bytes = pdu.short_message or pdu.message_payload or b""
    return found


def text_in(pdu: Any) -> tuple[bytes, Part | None]:
    """
    Return the octets of a phone's text without its header, and which part of a longer one they are.

    :raises ValueError: the header does not end inside the message
    """
    content = _content(pdu)
    if (pdu.esm_class or 0) & UDHI:
        length = content[0] + 1 if content else 0
        if not 0 < length <= len(content):
            raise ValueError("header")
        return content[length:], _part_in(content[1:length])
    if pdu.sar_total_segments:
        return content, Part(
            pdu.sar_msg_ref_num or 0, pdu.sar_total_segments, pdu.sar_segment_seqnum or 1
        )
    return content, None


def _part_in(header: bytes) -> Part | None:
    while len(header) >= 2:
        kind, length = header[0], header[1]
        data, header = header[2 : 2 + length], header[2 + length :]
        if kind == 0x00 and len(data) == 3:
            return Part(data[0], data[1], data[2])
        if kind == 0x08 and len(data) == 4:
            return Part(int.from_bytes(data[:2], "big"), data[2], data[3])
    return None

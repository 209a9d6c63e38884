"""LAfricaMobile's words, and ours."""

import re
from typing import Final, NamedTuple

from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import Delivery

_ID_FIELDS: Final = ("push_id", "pushid", "pushId", "id", "message_id")
_NUMBER: Final = re.compile(r"(?<![\w+])\d{3,12}(?!\w)", re.ASCII)
SENDER_MAX: Final = 11


class Meaning(NamedTuple):
    delivery: Delivery
    is_recipient: bool = False


# Sent as the word or as its number.
STATUSES: Final = {
    "SENT": Meaning(Delivery.ON_THE_WAY),
    "RECEIVED": Meaning(Delivery.DELIVERED),
    "ERROR": Meaning(Delivery.FAILED),
    "ERROR_NPAI": Meaning(Delivery.FAILED, is_recipient=True),
    "ERROR_EXPIRED": Meaning(Delivery.EXPIRED),
    "ERROR_INVOP": Meaning(Delivery.FAILED, is_recipient=True),
    "ERROR_NETWORK": Meaning(Delivery.FAILED),
    "ERROR_CREDIT": Meaning(Delivery.FAILED),
    "ERROR_UNKNOWN": Meaning(Delivery.FAILED),
}
_NUMBERS: Final = {
    "2": "ERROR",
    "4": "SENT",
    "6": "RECEIVED",
    "11": "ERROR_NPAI",
    "12": "ERROR_EXPIRED",
    "13": "ERROR_INVOP",
    "14": "ERROR_NETWORK",
    "15": "ERROR_CREDIT",
    "16": "ERROR_UNKNOWN",
}


def status_named(given: str) -> str:
    """Return the word of a status, given as the word or its number; "" for one that is not documented."""
    word = _NUMBERS.get(given.strip(), given.strip().upper())
    return word if word in STATUSES else ""


def push_id(body: bytes) -> str:
    """
    Return the push id from an answer: a field of JSON, or the one number in a short text; else "".

    Markup is no answer of theirs. A number with a plus sign is a phone's.
    """
    found = wire.json_of(body)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    for field in _ID_FIELDS:
        text = wire.text_of(found, field)
        if text:
            return text[:64]
    text = body.decode("utf-8", "replace")
    if isinstance(found, dict | list) or "<" in text or len(text) > 200:
        return ""
    numbers = _NUMBER.findall(text)
    return numbers[0] if len(numbers) == 1 else ""


def sender(wanted: str, usual: str) -> str:
    """Return a name that they take: at most 11 characters, the first no digit."""
    name = wanted[:SENDER_MAX].strip()
    return name if name and not name[0].isdigit() else usual[:SENDER_MAX]

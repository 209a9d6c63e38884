"""Calls to Africa's Talking: messages one by one, and the money of the account."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.africas_talking import mapping
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    Receipt,
)
from smartqueue.notifications.providers.terms import terms

NAME: Final = "africas_talking"


class AfricasTalking:
    """One application."""

    name = NAME
    channel = Channel.SMS
    per_second: float | None = None

    def __init__(self, account: Mapping[str, Any]) -> None:
        self.terms = terms(account)
        self._url = str(account["url"]).rstrip("/")
        self._username = str(account["username"])
        self._sender = str(account["sender"])
        self._headers = {"apiKey": str(account["key"]), "Accept": "application/json"}

    def send(self, message: Outgoing) -> Handed:
        sender = message.sender or self._sender
        form = {
            "username": self._username,
            "to": message.recipient,
            "message": message.body,
            "bulkSMSMode": "1",
            **({"from": sender} if sender else {}),
        }
        answer = wire.hand_over(
            f"{self._url}/version1/messaging",
            headers={**self._headers, "Content-Type": wire.FORM},
            body=urlencode(form).encode(),
        )
        if answer.status not in {200, 201}:
            raise wire.refusal(answer)
        recipients = wire.dig(wire.json_of(answer.body), "SMSMessageData", "Recipients")
        if not isinstance(recipients, list):
            raise OutcomeUnknown("unreadable_answer")
        return mapping.handed(recipients)

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        return None

    def balance(self) -> Balance | None:
        url = f"{self._url}/version1/user?{urlencode({'username': self._username})}"
        answer = wire.ask("GET", url, headers=self._headers)
        return mapping.balance(wire.text_of(wire.json_of(answer.body), "UserData", "balance"))

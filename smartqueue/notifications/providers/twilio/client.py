"""Calls to Twilio: messages one by one, what became of one, and the money of the account."""

import base64
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote, urlencode

from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.amounts import minor_units
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
    Receipt,
)
from smartqueue.notifications.providers.terms import terms
from smartqueue.notifications.providers.twilio import mapping

NAME: Final = "twilio"
REFERENCE: Final = "reference"
"""The field of the query that brings our reference back with a status."""


class Twilio:
    """One account."""

    name = NAME
    channel = Channel.SMS
    per_second: float | None = None

    def __init__(self, account: Mapping[str, Any]) -> None:
        self.terms = terms(account)
        base = str(account["url"]).rstrip("/")
        self._url = f"{base}/2010-04-01/Accounts/{account['account']}"
        self._sender = str(account["sender"])
        basic = base64.b64encode(f"{account['account']}:{account['token']}".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}

    def send(self, message: Outgoing) -> Handed:
        answer = wire.hand_over(
            f"{self._url}/Messages.json",
            headers={**self._headers, "Content-Type": wire.FORM},
            body=urlencode(self._form(message)).encode(),
        )
        if answer.status not in {200, 201}:
            raise mapping.refusal(answer)
        reference = wire.text_of(wire.json_of(answer.body), "sid")
        if not reference:
            raise OutcomeUnknown("unreadable_answer")
        return Handed(reference)

    def _form(self, message: Outgoing) -> dict[str, str]:
        # A name of letters is no sender in many countries: it has to be the account's own.
        kind = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        form = {"To": message.recipient, kind: self._sender, "Body": message.body}
        if message.receipt_url:
            mark = "&" if "?" in message.receipt_url else "?"
            query = urlencode({REFERENCE: str(message.reference)})
            form["StatusCallback"] = f"{message.receipt_url}{mark}{query}"
        return form

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        if not reference:
            return None
        url = f"{self._url}/Messages/{quote(reference, safe='')}.json"
        try:
            answer = http.call("GET", url, reach=http.PARTNERS, headers=self._headers)
        except http.CallFailed as failure:
            raise ProviderError(failure.code, retryable=True) from failure
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise mapping.refusal(answer)
        found = wire.json_of(answer.body)
        return mapping.receipt(
            reference,
            own_reference,
            wire.text_of(found, "status"),
            wire.text_of(found, "error_code"),
        )

    def balance(self) -> Balance | None:
        answer = wire.ask("GET", f"{self._url}/Balance.json", headers=self._headers)
        found = wire.json_of(answer.body)
        currency = wire.text_of(found, "currency")
        try:
            amount = minor_units(Decimal(wire.text_of(found, "balance")), currency)
        except InvalidOperation:
            amount = None
        if amount is None:
            raise ProviderError("unreadable_answer", retryable=True)
        return Balance(amount_minor=amount, currency=currency)

"""Calls to Orange: a token for an hour, messages one by one, and what the contract still has."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
    Receipt,
)
from smartqueue.notifications.providers.orange_sms import mapping
from smartqueue.notifications.providers.terms import terms
from smartqueue.notifications.providers.tokens import Tokens

NAME: Final = "orange_sms"
SHORTEST_LIFE: Final = 30.0
CONTRACT: Final = "SEN"


class OrangeSms:
    """One application at Orange."""

    name = NAME
    channel = Channel.SMS
    per_second: float | None = 5.0

    def __init__(self, account: Mapping[str, Any]) -> None:
        self.terms = terms(account)
        self._url = str(account["url"]).rstrip("/")
        self._credentials = f"{account['client_id']}:{account['client_secret']}"
        self._sender = f"tel:{account['sender']}"
        self._sender_name = str(account["sender_name"])
        self._tokens = Tokens(self._fetch_token)

    # --- Provider ------------------------------------------------------------

    def send(self, message: Outgoing) -> Handed:
        answer = self._authorized(lambda token: self._post(message, token))
        if answer.status not in {200, 201}:
            raise mapping.refusal(answer)
        resource = wire.text_of(
            wire.json_of(answer.body), "outboundSMSMessageRequest", "resourceURL"
        )
        reference = resource.rstrip("/").rpartition("/")[2]
        if not reference:
            raise OutcomeUnknown("unreadable_answer")
        return Handed(reference)

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        return None

    def balance(self) -> Balance | None:
        url = f"{self._url}/sms/admin/v1/contracts?country={CONTRACT}"
        answer = self._authorized(
            lambda token: http.call("GET", url, reach=http.PARTNERS, headers=_bearer(token))
        )
        if answer.status != 200:
            raise mapping.refusal(answer)
        return mapping.balance(wire.json_of(answer.body))

    # --- Calls -----------------------------------------------------------------

    def _authorized(self, call: Callable[[str], http.Response]) -> http.Response:
        """Make a call with the token; once more with a new one if it is refused, which takes nothing."""
        token = self._tokens.current()
        answer = self._reached(call, token)
        if answer.status == 401:
            self._tokens.drop(token)
            answer = self._reached(call, self._tokens.current())
        return answer

    def _reached(self, call: Callable[[str], http.Response], token: str) -> http.Response:
        try:
            return call(token)
        except http.CallFailed as failure:
            raise ProviderError(failure.code, retryable=True) from failure

    def _post(self, message: Outgoing, token: str) -> http.Response:
        request: dict[str, Any] = {
            "address": f"tel:{message.recipient}",
            "senderAddress": self._sender,
            "outboundSMSTextMessage": {"message": message.body},
            "clientCorrelator": mapping.correlator(message.reference),
        }
        name = message.sender or self._sender_name
        if name:
            request["senderName"] = name[:11]
        url = f"{self._url}/smsmessaging/v1/outbound/{quote(self._sender, safe='')}/requests"
        return wire.hand_over(
            url,
            headers={**_bearer(token), "Content-Type": "application/json"},
            body=json.dumps({"outboundSMSMessageRequest": request}).encode(),
        )

    def _fetch_token(self) -> tuple[str, float]:
        basic = base64.b64encode(self._credentials.encode()).decode()
        answer = wire.ask(
            "POST",
            f"{self._url}/oauth/v3/token",
            headers={
                "Authorization": f"Basic {basic}",
                "Content-Type": wire.FORM,
                "Accept": "application/json",
            },
            body=urlencode({"grant_type": "client_credentials"}).encode(),
        )
        found = wire.json_of(answer.body)
        token = wire.text_of(found, "access_token")
        seconds = wire.text_of(found, "expires_in")
        if not token:
            raise ProviderError("token_unreadable", retryable=True)
        return token, max(float(seconds) if seconds.isdecimal() else 0.0, SHORTEST_LIFE)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}

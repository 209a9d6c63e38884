"""Calls to LAfricaMobile: messages one by one; it can be asked neither for one nor for the balance."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    Receipt,
)
from smartqueue.notifications.providers.lafricamobile import mapping
from smartqueue.notifications.providers.terms import terms

NAME: Final = "lafricamobile"
log = logging.getLogger(__name__)


class LAfricaMobile:
    """One account, which is bound to the addresses of our servers."""

    name = NAME
    channel = Channel.SMS
    per_second: float | None = None

    def __init__(self, account: Mapping[str, Any]) -> None:
        self.terms = terms(account)
        self._url = str(account["url"])
        self._credentials = {"accountid": account["account"], "password": account["password"]}
        self._sender = str(account["sender"])

    def send(self, message: Outgoing) -> Handed:
        request = {
            **self._credentials,
            "sender": mapping.sender(message.sender, self._sender),
            "text": message.body,
            "to": message.recipient,
            "ret_id": str(message.reference),
            **({"ret_url": message.receipt_url} if message.receipt_url else {}),
        }
        answer = wire.hand_over(
            self._url,
            headers={"Content-Type": "application/json"},
            body=json.dumps(request).encode(),
        )
        if answer.status not in {200, 201, 202}:
            raise wire.refusal(answer)
        return Handed(self._push_id(message, answer))

    def _push_id(self, message: Outgoing, answer: http.Response) -> str:
        """
        Read the id out of an answer whose form is documented nowhere.

        :raises OutcomeUnknown: there is none in it; the receipt, which brings our reference, will tell
        """
        found = mapping.push_id(answer.body)
        if not found:
            # The words of the answer may repeat number and text.
            log.warning(
                "lafricamobile_answer_without_id",
                extra={"attempt": str(message.reference), "bytes": len(answer.body)},
            )
            raise OutcomeUnknown("unreadable_answer")
        return found

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        return None

    def balance(self) -> Balance | None:
        return None

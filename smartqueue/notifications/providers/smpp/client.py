"""Sending over one bind that a process keeps, and asking for what was sent."""

import os
import threading
import time
import zlib
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from smpplib import consts

from smartqueue.notifications import gsm
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
    Receipt,
)
from smartqueue.notifications.providers.smpp import mapping
from smartqueue.notifications.providers.smpp.link import BindRefused, Link, LinkDown, NoUnit
from smartqueue.notifications.providers.terms import terms

RESPONSE_SECONDS: Final = 15.0
IDLE_SECONDS: Final = 30.0
PATIENCE_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.25
INTERNATIONAL, ALPHANUMERIC, NETWORK = 1, 5, 3
ISDN: Final = 1
UCS2: Final = 8


class Smpp:
    """
    One account at one centre. Threads send one after the other over one bind, made when it is first
    needed and again when it broke; a process that was forked makes its own.
    """

    channel = Channel.SMS

    def __init__(self, name: str, account: Mapping[str, Any]) -> None:
        self.name = name
        self.terms = terms(account)
        self.per_second: float | None = account["per_second"]
        self._account = account
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._pid = os.getpid()

    # --- Provider ------------------------------------------------------------

    def send(self, message: Outgoing) -> Handed:
        pieces = gsm.pieces(message.body)
        if len(pieces) > 255:
            raise ProviderError("too_long", retryable=False)
        common = {
            **_source(message.sender or self._account["sender"]),
            "dest_addr_ton": INTERNATIONAL,
            "dest_addr_npi": ISDN,
            "destination_addr": message.recipient.removeprefix("+"),
            "data_coding": consts.SMPP_ENCODING_DEFAULT if gsm.fits(message.body) else UCS2,
            "validity_period": _validity(message),
        }
        mark = zlib.crc32(f"{message.recipient}\x1f{message.body}".encode()) & 0xFF
        with self._lock:
            reference = ""
            for number, piece in enumerate(pieces, start=1):
                is_last = number == len(pieces)
                fields = {**common, "registered_delivery": int(is_last), "short_message": piece}
                if len(pieces) > 1:
                    header = bytes((5, 0, 3, mark, len(pieces), number))
                    fields |= {"esm_class": mapping.UDHI, "short_message": header + piece}
                fields["sm_length"] = len(fields["short_message"])
                reference = self._submit(fields, is_begun=number > 1)
            return Handed(reference)

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        if not reference:
            return None
        with self._lock:
            link = self._bound()
            try:
                number = link.write(
                    "query_sm", message_id=reference, **_source(self._account["sender"])
                )
                answer = link.response_to(number, RESPONSE_SECONDS)
            except (LinkDown, NoUnit) as error:
                self._drop()
                raise ProviderError("link_down", retryable=True) from error
            # Centres that do not know the request or the message answer with an error.
            if answer.status or answer.command != "query_sm_resp":
                return None
            return mapping.receipt_of_state(
                reference, answer.message_state or 0, answer.error_code or 0
            )

    def balance(self) -> Balance | None:
        return None

    # --- The bind --------------------------------------------------------------

    def close(self) -> None:
        """End the bind; the next message makes another."""
        with self._lock:
            if self._link is not None:
                self._link.close(says_goodbye=self._pid == os.getpid())
            self._link = None

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _bound(self) -> Link:
        """
        Return a bind that is alive.

        :raises ProviderError: the centre cannot be reached or does not let us in
        """
        if self._link is not None and self._pid != os.getpid():
            # The connection is the parent's: close our end of it without a word.
            self._drop()
        if self._link is not None and self._link.is_alive(idle_seconds=IDLE_SECONDS):
            return self._link
        self._drop()
        link = Link(self._account)
        try:
            link.open("bind_transmitter")
        except BindRefused as refused:
            code = f"bind_{mapping.status_name(refused.status)}"
            raise ProviderError(code, retryable=True) from refused
        except LinkDown as error:
            raise ProviderError("unreachable", retryable=True) from error
        self._link, self._pid = link, os.getpid()
        return link

    def _submit(self, fields: Mapping[str, Any], *, is_begun: bool) -> str:
        """
        Hand over one message and return the centre's id of it.

        The later ones of a text wait a moment when the centre is busy, so that it is not torn apart.
        Should it be all the same, the whole is sent again with the same mark, by which a phone
        knows the parts that it has.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._answer_to(fields)
            if not answer.status:
                message_id: bytes | str = answer.message_id or b""
                if isinstance(message_id, bytes):
                    message_id = message_id.decode("latin-1")
                if message_id:
                    return message_id
                raise OutcomeUnknown("unreadable_answer")
            is_patient = is_begun and time.monotonic() < end
            if not (is_patient and mapping.is_throttling(int(answer.status))):
                raise mapping.refusal(int(answer.status))
            time.sleep(PAUSE_SECONDS)

    def _answer_to(self, fields: Mapping[str, Any]) -> Any:
        link = self._bound()
        try:
            number = link.write("submit_sm", **fields)
        except LinkDown as error:
            # A unit that was not written as a whole is none to the centre.
            self._drop()
            raise ProviderError("link_down", retryable=True) from error
        try:
            answer = link.response_to(number, RESPONSE_SECONDS)
        except NoUnit as error:
            self._drop()
            raise OutcomeUnknown("timed_out") from error
        except LinkDown as error:
            self._drop()
            raise OutcomeUnknown("link_down") from error
        if answer.status == consts.SMPP_ESME_RINVBNDSTS:
            self._drop()
        return answer


def _source(sender: str) -> dict[str, Any]:
    """Return the fields of a sender: a name, a number, or a short code of the network."""
    if not sender.lstrip("+").isdecimal():
        ton, npi, address = ALPHANUMERIC, 0, sender[:11]
    elif sender.startswith("+"):
        ton, npi, address = INTERNATIONAL, ISDN, sender[1:]
    else:
        ton, npi, address = NETWORK, 0, sender
    return {"source_addr_ton": ton, "source_addr_npi": npi, "source_addr": address}


def _validity(message: Outgoing) -> str:
    """Return until when the centre may try: UTC, in the absolute form of the protocol."""
    until = message.expires_at
    return f"{until.astimezone(UTC):%y%m%d%H%M%S}000+" if until else ""

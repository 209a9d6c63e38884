"""What centres deliver over a receiving bind: receipts, and texts of phones. `run_smpp` runs it."""

import hashlib
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from smpplib import consts

from smartqueue.notifications import gsm
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import InboundText, Sinks
from smartqueue.notifications.providers.smpp import mapping
from smartqueue.notifications.providers.smpp.client import IDLE_SECONDS, UCS2
from smartqueue.notifications.providers.smpp.link import (
    SECONDS,
    BindRefused,
    Link,
    LinkDown,
    NoUnit,
)

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 0.5
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
TEXTS_KEPT: Final = 500


class Receiver:
    """Keeps one receiving bind, for as long as it is let, and hands over what comes on it."""

    def __init__(
        self, name: str, account: Mapping[str, Any], sinks: Sinks, over: threading.Event
    ) -> None:
        self._name, self._account, self._sinks, self._over = name, account, sinks, over
        self._parts: OrderedDict[tuple[Any, ...], dict[int, bytes]] = OrderedDict()
        self._unsettled: OrderedDict[str, str] = OrderedDict()
        self.is_bound = threading.Event()

    def run(self) -> None:
        """Receive until it is over; a bind that breaks is made again, later after each failure."""
        wait = FIRST_WAIT_SECONDS
        while not self._over.is_set():
            link = Link(self._account)
            try:
                link.open("bind_receiver")
                log.info("smpp_bound", extra={"provider": self._name})
                self.is_bound.set()
                wait = FIRST_WAIT_SECONDS
                self._receive(link)
            except BindRefused as refused:
                self._report("smpp_bind_refused", mapping.status_name(refused.status))
            except LinkDown as down:
                self._report("smpp_link_down", str(down))
            finally:
                self.is_bound.clear()
                link.close(says_goodbye=self._over.is_set())
            self._over.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _report(self, event: str, reason: str) -> None:
        log.warning(event, extra={"provider": self._name, "reason": reason})

    def _receive(self, link: Link) -> None:
        silent, enquired = 0.0, False
        while not self._over.is_set():
            try:
                unit = link.read(LOOK_SECONDS)
            except NoUnit:
                silent += LOOK_SECONDS
                if silent >= IDLE_SECONDS and not enquired:
                    link.write("enquire_link")
                    enquired = True
                elif silent >= IDLE_SECONDS + SECONDS:
                    raise LinkDown("no answer to an enquiry") from None
                continue
            silent, enquired = 0.0, False
            if unit.command == "deliver_sm":
                self._take(link, unit)
            elif not unit.is_response():
                link.serve(unit)

    # --- Messages ----------------------------------------------------------------

    def _take(self, link: Link, unit: Any) -> None:
        """Hand over a message and say so to the centre, which otherwise delivers it again."""
        try:
            self._hand_over(unit)
        except Exception:
            # Whatever it was that could not be stored now: the centre keeps the message.
            log.exception("smpp_message_not_taken", extra={"provider": self._name})
            link.answer(unit, consts.SMPP_ESME_RX_T_APPN)
        else:
            link.answer(unit)
            self._unsettled.pop(_fingerprint(unit), None)

    def _hand_over(self, unit: Any) -> None:
        if mapping.is_receipt(unit):
            receipt = mapping.receipt_in(unit)
            if receipt is None:
                self._report("smpp_receipt_not_understood", "")
            else:
                self._sinks.receipt(self._name, receipt)
            return
        try:
            key, text = self._whole(unit)
        except ValueError:
            self._report("smpp_text_not_understood", f"data_coding {unit.data_coding}")
            return
        if text is not None:
            self._sinks.text(self._name, self._inbound(unit, text))
            self._parts.pop(key, None)

    def _inbound(self, unit: Any, text: str) -> InboundText:
        # A centre gives texts of phones no id. Only one that was not acknowledged comes again.
        mark = _fingerprint(unit)
        event_id = self._unsettled.setdefault(mark, uuid.uuid4().hex)
        while len(self._unsettled) > TEXTS_KEPT:
            self._unsettled.popitem(last=False)
        return InboundText(
            event_id=event_id,
            sender=wire.number_of(_address(unit.source_addr)),
            recipient=wire.number_of(_address(unit.destination_addr)),
            text=text,
        )

    def _whole(self, unit: Any) -> tuple[tuple[Any, ...], str | None]:
        """
        Return under what its parts are kept, and the text once all have come; None before.

        :raises ValueError: it cannot be read
        """
        content, part = mapping.text_in(unit)
        if part is None or part.total < 2:
            return (), _decoded(content, unit.data_coding or 0)
        key = (unit.source_addr, unit.destination_addr, part.reference, part.total)
        parts = self._parts.setdefault(key, {})
        parts[part.number] = content
        while len(self._parts) > TEXTS_KEPT:
            self._parts.popitem(last=False)
        if len(parts) < part.total:
            return key, None
        whole = b"".join(parts[number] for number in sorted(parts))
        return key, _decoded(whole, unit.data_coding or 0)


def _decoded(content: bytes, coding: int) -> str:
    if coding == UCS2:
        return content.decode("utf-16-be")
    if coding == consts.SMPP_ENCODING_ISO88591:
        return content.decode("latin-1")
    if coding not in {0, 1}:
        raise ValueError("data_coding")
    return gsm.decoded(content)


def _address(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("latin-1")


def _fingerprint(unit: Any) -> str:
    told = (unit.source_addr, unit.destination_addr, unit.short_message, unit.message_payload)
    return hashlib.sha256(repr(told).encode()).hexdigest()

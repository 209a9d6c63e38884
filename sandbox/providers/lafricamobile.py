"""
LAfricaMobile, section 2.3: sending by JSON, query or XML, and the status callback by GET. The body of
a success and the errors of credentials are not documented there; inbound texts are not at all.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import gsm, http, phones, store
from sandbox.callbacks import Sent
from sandbox.rules import Answer, Outcome, ReceiptPlan
from sandbox.store import Message
from sandbox.world import World

STATUS_NUMBERS: Final[Mapping[str, int]] = {
    "ERROR": 2,
    "SENT": 4,
    "RECEIVED": 6,
    "ERROR_NPAI": 11,
    "ERROR_EXPIRED": 12,
    "ERROR_INVOP": 13,
    "ERROR_NETWORK": 14,
    "ERROR_CREDIT": 15,
    "ERROR_UNKNOWN": 16,
}
_STATUSES: Final[Mapping[Outcome, tuple[str, ...]]] = {
    Outcome.DELIVERED: ("SENT", "RECEIVED"),
    Outcome.FAILED: ("SENT", "ERROR_NETWORK"),
    Outcome.EXPIRED: ("SENT", "ERROR_EXPIRED"),
    Outcome.REJECTED: ("ERROR_NPAI",),
    Outcome.UNKNOWN: ("ERROR_UNKNOWN",),
    Outcome.SENT: ("SENT",),
}
_FIELDS: Final = ("accountid", "password", "sender", "text", "to", "ret_id", "ret_url")


@dataclass(frozen=True, slots=True)
class Push:
    """One text to one number."""

    sender: str
    phone: str
    text: str
    ret_id: str
    ret_url: str


class LAfricaMobile:
    """The pretend aggregator."""

    name = "lafricamobile"
    label = "LAfricaMobile"

    def __init__(self, world: World) -> None:
        self._world = world
        self.number = world.settings.short_code
        self._ids = itertools.count(710_000_001)

    def routes(self) -> list[BaseRoute]:
        return [Route("/api", self._send, methods=["GET", "POST"])]

    def statuses(self, outcome: Outcome) -> tuple[str, ...]:
        return _STATUSES[outcome]

    async def _send(self, request: Request) -> Response:
        try:
            fields = await self._fields(request)
            pushes = _pushes(fields)
        except http.BadBody as wrong:
            return PlainTextResponse(str(wrong), 400)
        settings = self._world.settings
        if (fields["accountid"], fields["password"]) != (
            settings.lam_account,
            settings.lam_password,
        ):
            return PlainTextResponse("Access denied", 403)
        # One answer for the whole request: that of its last number.
        answers = [await self._one(push) for push in pushes]
        return answers[-1]

    async def _fields(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            query = dict(request.query_params)
            return _xml(query["xml"]) if "xml" in query else _filled(query)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            return _filled(await http.read_json(request))
        if kind == "application/x-www-form-urlencoded":
            return _xml((await http.read_form(request)).get("xml", ""))
        return _xml((await http.body(request)).decode("utf-8", "replace"))

    async def _one(self, push: Push) -> Response:
        rule = self._world.rules.decide(self.name, to=push.phone, text=push.text)
        if rule.answer is Answer.REFUSE and rule.error in STATUS_NUMBERS:
            # Most failures come with a push id and HTTP 200, and only the receipt tells.
            return self._taken(push, rule.error)
        return await http.exchange(
            self._world,
            rule,
            provider=self.name,
            to=push.phone,
            text=push.text,
            reference=push.ret_id,
            accept=lambda rule: self._accept(push, rule.receipts),
            refuse=lambda code, rule: self._refuse(push, code),
            busy="429",
            units=gsm.segments(push.text),
            broke="ERROR_CREDIT",
        )

    def _taken(self, push: Push, status: str) -> Response:
        self._world.store.counts.note(
            self.name, to=push.phone, text=push.text, reference=push.ret_id, outcome="refused"
        )
        return self._failed(push, status)

    def _failed(self, push: Push, status: str) -> Response:
        return self._accept(push, ReceiptPlan(statuses=(status,)), arrives=False)

    def _refuse(self, push: Push, code: str) -> Response:
        if code in STATUS_NUMBERS:
            return self._failed(push, code)
        return PlainTextResponse("Error", int(code) if code.isdecimal() else 400)

    def _accept(self, push: Push, plan: ReceiptPlan, *, arrives: bool = True) -> Response:
        message = Message(
            provider=self.name,
            channel="sms",
            to_phone=True,
            phone=push.phone,
            peer=push.sender,
            text=push.text,
            provider_id=str(next(self._ids)),
            reference=push.ret_id,
            segments=gsm.segments(push.text),
            status="accepted",
            details={"ret_url": push.ret_url},
        )
        if arrives:
            self._world.store.add(message)
        if push.ret_url:
            self._world.plan_receipts(message, plan)
        if self._world.options["lam_answer"] == "json":
            return JSONResponse({"push_id": message.provider_id})
        return PlainTextResponse(message.provider_id)

    async def send_receipt(self, message: Message, status: str) -> None:
        number = STATUS_NUMBERS.get(status, 16)
        query = {
            "push_id": message.provider_id,
            "ret_id": message.reference,
            "to": message.phone.removeprefix("+"),
            "status": str(number) if self._world.options["lam_status"] == "number" else status,
            "text": message.text,
        }
        url = http.with_query(str(message.details["ret_url"]), query)
        await self._world.callbacks.send("lafricamobile.receipt", url, method="GET")

    async def send_inbound(self, *, phone: str, to: str, text: str) -> Sent:
        """Hand over a text by GET with from, to, text and date: this form is a guess, no source has one."""
        query = {
            "from": phone.removeprefix("+"),
            "to": to,
            "text": text,
            "date": store.now().strftime("%Y-%m-%d %H:%M:%S"),
        }
        url = self._world.urls["lafricamobile.inbound"]
        return await self._world.callbacks.send(
            "lafricamobile.inbound", http.with_query(url, query) if url else "", method="GET"
        )


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given.get(name, "") for name in _FIELDS}


def _xml(text: str) -> dict[str, Any]:
    """
    Read `<push accountid password sender ret_id ret_url><message><text/><to/>…</message></push>`.

    :raises http.BadBody: it is no such document
    """
    try:
        # Expat bounds the growth of entities and ElementTree loads none from outside.
        push = ET.fromstring(text)  # noqa: S314  # see above; and only the product under test sends it
    except ET.ParseError as error:
        raise http.BadBody("not well-formed XML") from error
    message = push.find("message")
    if push.tag != "push" or message is None:
        raise http.BadBody("push and message are needed")
    fields = _filled(push.attrib)
    fields["text"] = message.findtext("text") or ""
    numbers = [to.text or "" for to in message.findall("to")]
    fields["to"] = (
        numbers[0] if len(numbers) == 1 else [{f"{n}": to} for n, to in enumerate(numbers)]
    )
    return fields


def _pushes(fields: Mapping[str, Any]) -> list[Push]:
    """
    Return one push for each number.

    :raises http.BadBody: a field is missing or has the wrong form
    """
    to = fields["to"]
    if isinstance(to, str):
        pairs = [(str(fields["ret_id"] or ""), to)]
    elif isinstance(to, list) and to and all(isinstance(item, dict) for item in to):
        pairs = [(str(ret_id), str(number)) for item in to for ret_id, number in item.items()]
    else:
        raise http.BadBody(f"to: {json.dumps(to)[:80]}")
    sender, text = fields["sender"], fields["text"]
    if not isinstance(sender, str) or not 1 <= len(sender) <= 11 or sender[0].isdigit():
        raise http.BadBody("sender: 1 to 11 characters, the first no digit")
    if not isinstance(text, str) or not text:
        raise http.BadBody("text is empty")
    pushes = []
    for ret_id, number in pairs:
        phone = phones.normalised(number)
        if not phones.is_e164(phone):
            raise http.BadBody(f"to: {number}")
        pushes.append(Push(sender, phone, text, ret_id, str(fields["ret_url"] or "")))
    return pushes

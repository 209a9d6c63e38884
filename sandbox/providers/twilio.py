"""Twilio, section 2.4: messages, status callbacks and inbound requests signed with X-Twilio-Signature."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import gsm, http, phones
from sandbox.callbacks import Sent
from sandbox.rules import Outcome, Rule
from sandbox.store import Message
from sandbox.world import World

API: Final = "2010-04-01"
BODY_MAX: Final = 1600

# HTTP status and text of each code.
ERRORS: Final[Mapping[str, tuple[int, str]]] = {
    "20003": (401, "Authenticate"),
    "20404": (404, "The requested resource was not found"),
    "20429": (429, "Too Many Requests"),
    "21211": (400, "The 'To' number is not a valid phone number."),
    "21408": (400, "Permission to send an SMS has not been enabled for the region indicated."),
    "21602": (400, "Message body is required."),
    "21603": (400, "A 'From' phone number is required."),
    "21604": (400, "A 'To' phone number is required."),
    "21610": (400, "Attempt to send to unsubscribed recipient"),
    "21617": (400, "The concatenated message body exceeds the 1600 character limit."),
}
_STATUSES: Final[Mapping[Outcome, tuple[str, ...]]] = {
    Outcome.DELIVERED: ("sent", "delivered"),
    Outcome.FAILED: ("sent", "undelivered"),
    Outcome.EXPIRED: ("failed",),
    Outcome.REJECTED: ("failed",),
    Outcome.UNKNOWN: ("sent",),
    Outcome.SENT: ("sent",),
}
_ERROR_CODES: Final = {"undelivered": "30003", "failed": "30008"}
_STOP: Final = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_START: Final = frozenset({"START", "YES", "UNSTOP"})


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """Return base64(HMAC-SHA1(token, url and the sorted fields, name and value without separator))."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def error(code: str) -> Response:
    known = ERRORS.get(code)
    status, text = known or (400, "Bad request")
    body = {
        "code": int(code),
        "message": text,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return JSONResponse(body, status)


class Wrong(Exception):
    """A request that is refused, with the code."""


def _sid(kind: str) -> str:
    return kind + secrets.token_hex(16)


def _date(at: datetime) -> str:
    return format_datetime(at.replace(microsecond=0))


class Twilio:
    """The pretend Twilio with one account and one number."""

    name = "twilio"
    label = "Twilio"

    def __init__(self, world: World) -> None:
        self._world = world
        self._account = world.settings.twilio_account
        self.number = self.called_number = world.settings.twilio_number
        self.opted_out: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        base = f"/{API}/Accounts/{{account}}"
        return [
            Route(f"{base}/Messages.json", self._send, methods=["POST"]),
            Route(f"{base}/Messages.json", self._list, methods=["GET"]),
            Route(f"{base}/Messages/{{sid}}.json", self._fetch, methods=["GET"]),
            Route(f"{base}/Balance.json", self._balance, methods=["GET"]),
        ]

    def statuses(self, outcome: Outcome) -> tuple[str, ...]:
        return _STATUSES[outcome]

    def _is_ours(self, request: Request) -> bool:
        mine = (self._account, self._world.settings.twilio_token)
        return http.basic_credentials(request) == mine == (request.path_params["account"], mine[1])

    # --- Sending ---------------------------------------------------------------

    async def _send(self, request: Request) -> Response:
        if not self._is_ours(request):
            return error("20003")
        try:
            form = await http.read_form(request)
            self._check(form)
        except http.BadBody:
            return error("21604")
        except Wrong as wrong:
            return error(str(wrong))
        phone, text = form["To"], form["Body"]
        return await http.exchange(
            self._world,
            self._world.rules.decide(self.name, to=phone, text=text),
            provider=self.name,
            to=phone,
            text=text,
            reference=form.get("StatusCallback", ""),
            accept=lambda rule: self._accept(form, rule),
            refuse=_refuse,
            busy="20429",
        )

    def _check(self, form: Mapping[str, str]) -> None:
        if not form.get("To"):
            raise Wrong("21604")
        if not phones.is_e164(form["To"]):
            raise Wrong("21211")
        if not form.get("From") and not form.get("MessagingServiceSid", "").startswith("MG"):
            raise Wrong("21603")
        if not form.get("Body"):
            raise Wrong("21602")
        if len(form["Body"]) > BODY_MAX:
            raise Wrong("21617")
        if form["To"] in self.opted_out:
            raise Wrong("21610")

    def _accept(self, form: Mapping[str, str], rule: Rule) -> Response:
        message = self._world.store.add(
            Message(
                provider=self.name,
                channel="sms",
                to_phone=True,
                phone=form["To"],
                peer=form.get("From") or self.number,
                text=form["Body"],
                provider_id=_sid("SM"),
                reference=form.get("StatusCallback", ""),
                segments=gsm.segments(form["Body"]),
                status="queued",
                details={
                    "status_callback": form.get("StatusCallback", ""),
                    "messaging_service_sid": form.get("MessagingServiceSid"),
                },
            )
        )
        self._world.plan_receipts(message, rule.receipts)
        return JSONResponse(self._resource(message), 201)

    def _resource(self, message: Message) -> dict[str, Any]:
        code = _ERROR_CODES.get(message.status)
        return {
            "account_sid": self._account,
            "api_version": API,
            "body": message.text,
            "date_created": _date(message.at),
            "date_sent": _date(message.at) if message.receipts else None,
            "date_updated": _date(message.at),
            "direction": "outbound-api",
            "error_code": int(code) if code else None,
            "error_message": None,
            "from": message.peer,
            "messaging_service_sid": message.details.get("messaging_service_sid"),
            "num_media": "0",
            "num_segments": str(message.segments),
            "price": None,
            "price_unit": "USD",
            "sid": message.provider_id,
            "status": message.status,
            "to": message.phone,
            "uri": f"/{API}/Accounts/{self._account}/Messages/{message.provider_id}.json",
        }

    # --- Asking ----------------------------------------------------------------

    async def _fetch(self, request: Request) -> Response:
        if not self._is_ours(request):
            return error("20003")
        message = self._world.store.by_provider_id(self.name, request.path_params["sid"])
        return error("20404") if message is None else JSONResponse(self._resource(message))

    async def _list(self, request: Request) -> Response:
        if not self._is_ours(request):
            return error("20003")
        given = request.query_params.get("PageSize", "")
        size = min(int(given), 1000) if given.isdecimal() else 50
        to = request.query_params.get("To", "")
        found = self._world.store.newest(size, provider=self.name, phone=to)
        return JSONResponse(
            {
                "messages": [self._resource(message) for message in found if message.to_phone],
                "page": 0,
                "page_size": size,
                "next_page_uri": None,
            }
        )

    async def _balance(self, request: Request) -> Response:
        if not self._is_ours(request):
            return error("20003")
        body = {"account_sid": self._account, "balance": "100.00", "currency": "USD"}
        return JSONResponse(body)

    # --- To the product --------------------------------------------------------

    async def _post(self, name: str, url: str, form: Mapping[str, str]) -> Sent:
        signed = signature(self._world.settings.twilio_token, url, form)
        headers = {"X-Twilio-Signature": signed, "User-Agent": "TwilioProxy/1.1"}
        return await self._world.callbacks.send(name, url, form=form, headers=headers)

    async def send_receipt(self, message: Message, status: str) -> None:
        url = message.details["status_callback"]
        if not url:
            return
        form = {
            "AccountSid": self._account,
            "ApiVersion": API,
            "From": message.peer,
            "MessageSid": message.provider_id,
            "MessageStatus": status,
            "SmsSid": message.provider_id,
            "SmsStatus": status,
            "To": message.phone,
        }
        if status in _ERROR_CODES:
            form["ErrorCode"] = _ERROR_CODES[status]
        await self._post("twilio.receipt", url, form)

    async def send_inbound(self, *, phone: str, to: str, text: str) -> Sent:
        """Post a text that a phone has sent; a TwiML answer with a message goes back to the phone."""
        sid = _sid("SM")
        form = {
            "AccountSid": self._account,
            "ApiVersion": API,
            "Body": text,
            "From": phone,
            "FromCountry": "SN" if phone.startswith("+221") else "",
            "MessageSid": sid,
            "NumMedia": "0",
            "NumSegments": str(gsm.segments(text)),
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": to,
        }
        word = text.strip().upper()
        if word in _STOP:
            self.opted_out.add(phone)
            form["OptOutType"] = "STOP"
        elif word in _START:
            self.opted_out.discard(phone)
            form["OptOutType"] = "START"
        sent = await self._post("twilio.inbound", self._world.urls["twilio.inbound"], form)
        if sent.is_ok:
            for reply in _twiml_messages(sent.answer):
                self._answer(phone, to, reply)
        return sent

    def _answer(self, phone: str, number: str, text: str) -> None:
        self._world.store.counts.note(
            self.name, to=phone, text=text, reference="", outcome="accepted"
        )
        self._world.store.add(
            Message(
                provider=self.name,
                channel="sms",
                to_phone=True,
                phone=phone,
                peer=number,
                text=text,
                provider_id=_sid("SM"),
                segments=gsm.segments(text),
                status="delivered",
            )
        )

    async def send_call(self, *, phone: str, to: str) -> Sent:
        """Let a phone call; the answer is TwiML, `<Reject/>` for a missed call."""
        form = {
            "AccountSid": self._account,
            "ApiVersion": API,
            "CallSid": _sid("CA"),
            "CallStatus": "ringing",
            "Called": to,
            "Caller": phone,
            "Direction": "inbound",
            "From": phone,
            "To": to,
        }
        return await self._post("twilio.voice", self._world.urls["twilio.voice"], form)


def _refuse(code: str, rule: Rule) -> Response:
    return error(code if code.isdecimal() else "21211")


def _twiml_messages(answer: str) -> list[str]:
    """Return the texts of `<Response><Message>…</Message></Response>`; of anything else none."""
    try:
        response = ET.fromstring(answer)  # noqa: S314  # the answer of the product under test
    except ET.ParseError:
        return []
    found = []
    for message in response.findall("Message"):
        body = message.find("Body")
        text = (message.text if body is None else body.text) or ""
        if text.strip():
            found.append(text.strip())
    return found


def is_rejected(answer: str) -> bool:
    """Whether the product has answered a call with `<Response><Reject/></Response>`."""
    try:
        response = ET.fromstring(answer)  # noqa: S314  # the answer of the product under test
    except ET.ParseError:
        return False
    return response.tag == "Response" and len(response) > 0 and response[0].tag == "Reject"

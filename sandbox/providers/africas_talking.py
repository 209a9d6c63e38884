"""Africa's Talking, section 2.5: messages, delivery reports, inbound texts, USSD sessions, calls."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import gsm, http, phones, store
from sandbox.callbacks import Sent
from sandbox.rules import Outcome, Rule
from sandbox.store import Message, UssdSession
from sandbox.world import World

XOF_A_SEGMENT: Final = 20
USSD_CHARACTERS: Final = 182
USSD_SECONDS: Final = 10.0
RECIPIENTS_MAX: Final = 1_000

RECIPIENT_STATUSES: Final[Mapping[int, str]] = {
    100: "Processed",
    101: "Success",
    102: "Queued",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
_STATUSES: Final[Mapping[Outcome, tuple[str, ...]]] = {
    Outcome.DELIVERED: ("Submitted", "Success"),
    Outcome.FAILED: ("Submitted", "Failed"),
    Outcome.EXPIRED: ("Buffered", "Expired"),
    Outcome.REJECTED: ("Rejected",),
    Outcome.UNKNOWN: ("Submitted",),
    Outcome.SENT: ("Sent",),
}
_FAILURES: Final = {
    "Failed": "DeliveryFailure",
    "Rejected": "UserInBlacklist",
    "Expired": "UserInactive",
    "AbsentSubscriber": "UserInactive",
}


class AfricasTalking:
    """The pretend aggregator with one account."""

    name = "africas_talking"
    label = "Africa's Talking"

    def __init__(self, world: World) -> None:
        self._world = world
        self.number = world.settings.short_code
        self.called_number = world.settings.africas_talking_number

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/version1/messaging", self._send, methods=["POST"]),
            Route("/version1/user", self._user, methods=["GET"]),
        ]

    def statuses(self, outcome: Outcome) -> tuple[str, ...]:
        return _STATUSES[outcome]

    def _is_ours(self, request: Request, username: str | None) -> bool:
        settings = self._world.settings
        key = request.headers.get("apikey", "")
        return (key, username) == (
            settings.africas_talking_key,
            settings.africas_talking_username,
        )

    async def _user(self, request: Request) -> Response:
        if not self._is_ours(request, request.query_params.get("username")):
            return PlainTextResponse("The supplied authentication is invalid", 401)
        units = self._world.balances.units.get(self.name, 999_999)
        return JSONResponse({"UserData": {"balance": f"XOF {units * XOF_A_SEGMENT}.00"}})

    # --- Sending ---------------------------------------------------------------

    async def _send(self, request: Request) -> Response:
        try:
            form = await http.read_form(request)
        except http.BadBody as wrong:
            return PlainTextResponse(str(wrong), 400)
        if not self._is_ours(request, form.get("username")):
            return PlainTextResponse("The supplied authentication is invalid", 401)
        text = form.get("message", "")
        numbers = [number.strip() for number in form.get("to", "").split(",") if number.strip()]
        if not numbers or len(numbers) > RECIPIENTS_MAX or not text:
            return PlainTextResponse("Request is missing required form field", 400)
        recipients = []
        for number in numbers:
            answer = await self._one(form, number, text)
            if not isinstance(answer, _Recipient):
                # What fails, fails for the whole request; those before it have been taken on.
                return answer
            recipients.append(answer.fields)
        return _answer(request, recipients)

    async def _one(self, form: Mapping[str, str], number: str, text: str) -> Response:
        phone = phones.normalised(number)
        if not number.startswith("+") or not phones.is_e164(phone):
            return _Recipient(number, 403, 0, "None")
        return await http.exchange(
            self._world,
            self._world.rules.decide(self.name, to=phone, text=text),
            provider=self.name,
            to=phone,
            text=text,
            reference="",
            accept=lambda rule: self._accept(form, phone, text, rule),
            refuse=lambda code, rule: self._refuse(phone, code),
            busy="429",
            units=gsm.segments(text),
            broke="405",
        )

    def _refuse(self, phone: str, code: str) -> Response:
        if code == "429":
            return PlainTextResponse("Too many requests", 429)
        number = int(code) if code.isdecimal() and int(code) in RECIPIENT_STATUSES else 407
        return _Recipient(phone, number, 0, "None")

    def _accept(self, form: Mapping[str, str], phone: str, text: str, rule: Rule) -> Response:
        message = self._world.store.add(
            Message(
                provider=self.name,
                channel="sms",
                to_phone=True,
                phone=phone,
                peer=form.get("from") or "AFRICASTKNG",
                text=text,
                provider_id=f"ATXid_{secrets.token_hex(16)}",
                segments=gsm.segments(text),
                status="accepted",
            )
        )
        self._world.plan_receipts(message, rule.receipts)
        code = 102 if form.get("enqueue") == "1" else 101
        return _Recipient(phone, code, message.segments, message.provider_id)

    # --- To the product --------------------------------------------------------

    async def _post(self, kind: str, form: Mapping[str, str], *, attempts: int = 3) -> Sent:
        name = f"africas_talking.{kind}"
        url = self._world.urls[name]
        return await self._world.callbacks.send(
            name, url, form=form, attempts=attempts, timeout=USSD_SECONDS
        )

    async def send_receipt(self, message: Message, status: str) -> None:
        form = {
            "id": message.provider_id,
            "status": status,
            "phoneNumber": message.phone,
            "networkCode": phones.network_code(message.phone),
        }
        if status in _FAILURES:
            form["failureReason"] = _FAILURES[status]
        await self._post("receipt", form)

    async def send_inbound(self, *, phone: str, to: str, text: str) -> Sent:
        form = {
            "date": store.now().strftime("%Y-%m-%d %H:%M:%S"),
            "from": phone,
            "id": str(uuid.uuid4()),
            "linkId": str(uuid.uuid4()),
            "text": text,
            "to": to,
            "networkCode": phones.network_code(phone),
        }
        return await self._post("inbound", form)

    async def send_call(self, *, phone: str, to: str) -> Sent:
        """Let a phone call and ring off: the answer is XML, `<Reject/>`; then comes the end of the call."""
        session = f"ATVId_{secrets.token_hex(16)}"
        form = {
            "isActive": "1",
            "sessionId": session,
            "direction": "Inbound",
            "callerNumber": phone,
            "callerCountryCode": "221" if phone.startswith("+221") else "",
            "destinationNumber": to,
            "callSessionState": "Ringing",
            "callStartTime": store.now().strftime("%Y-%m-%d %H:%M:%S"),
        }
        sent = await self._post("voice", form)
        end = {
            **form,
            "isActive": "0",
            "status": "Aborted",
            "durationInSeconds": "0",
            "currencyCode": "XOF",
            "amount": "0.0",
            "hangupCause": "CALL_REJECTED",
            "callSessionState": "Completed",
        }
        self._world.callbacks.start(self._end_call(end))
        return sent

    async def _end_call(self, form: Mapping[str, str]) -> None:
        await self._post("voice", form)

    # --- USSD ------------------------------------------------------------------

    async def dial(self, *, phone: str, code: str) -> UssdSession:
        """
        Open a menu. `*245*1*12#` is the code `*245#` with 1 and 12 keyed in already; any other code is
        one that the network does not know.
        """
        mine = self._world.settings.ussd_code.removesuffix("#")
        session = UssdSession(id=f"ATUid_{secrets.token_hex(16)}", code=f"{mine}#", phone=phone)
        dialled = code.strip().removesuffix("#")
        if dialled != mine and not dialled.startswith(f"{mine}*"):
            session.code = code.strip()
            session.is_open, session.problem = False, "Connection problem or invalid MMI code."
        else:
            session.inputs = [part for part in dialled[len(mine) :].split("*") if part]
            await self._step(session)
        self._world.store.phone(phone).ussd = session
        return session

    async def key_in(self, session: UssdSession, text: str) -> None:
        """Answer the menu on the screen."""
        session.inputs.append(text.strip())
        await self._step(session)

    async def drop(self, session: UssdSession) -> None:
        """Let the network lose the session, as happens in the middle of a menu."""
        session.is_open, session.problem = False, "The connection was lost."
        await self._ended(session, "Failed")

    async def _step(self, session: UssdSession) -> None:
        session.hops += 1
        # One attempt: the network waits on the line and repeats nothing.
        sent = await self._post("ussd", _ussd_form(session), attempts=1)
        problem = _ussd_problem(sent)
        if problem:
            session.is_open, session.screen = False, ""
            session.problem = f"Network error: {problem}"
            await self._ended(session, "Failed")
            return
        session.screen = sent.answer[4:]
        if sent.answer.startswith("END"):
            session.is_open = False
            await self._ended(session, "Success")

    async def _ended(self, session: UssdSession, status: str) -> None:
        if not self._world.urls["africas_talking.ussd_events"]:
            return
        took = store.now() - session.started_at
        await self._post(
            "ussd_events",
            {
                "date": store.now().strftime("%Y-%m-%d %H:%M:%S"),
                "sessionId": session.id,
                "serviceCode": session.code,
                "networkCode": phones.network_code(session.phone),
                "phoneNumber": session.phone,
                "status": status,
                "cost": "XOF 0",
                "durationInMillis": str(int(took.total_seconds() * 1000)),
                "hopsCount": str(session.hops),
                "input": "*".join(session.inputs),
                "lastAppResponse": session.screen,
                "errorMessage": session.problem,
            },
        )


class _Recipient(Response):
    """The part of the answer about one number."""

    def __init__(self, number: str, code: int, units: int, message_id: str) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {
            "statusCode": code,
            "number": number,
            "status": RECIPIENT_STATUSES[code],
            "cost": f"XOF {units * XOF_A_SEGMENT}" if units else "0",
            "messageId": message_id,
        }


def _answer(request: Request, recipients: list[dict[str, Any]]) -> Response:
    """Return the whole answer: JSON if it was asked for, else the XML that is the provider's default."""
    sent = [item for item in recipients if item["statusCode"] < 400]
    cost = sum(int(item["cost"].removeprefix("XOF ")) for item in sent)
    summary = f"Sent to {len(sent)}/{len(recipients)} Total Cost: XOF {cost}"
    if "json" in request.headers.get("accept", ""):
        data = {"SMSMessageData": {"Message": summary, "Recipients": recipients}}
        return JSONResponse(data, 201)
    rows = "".join(
        "<Recipient>"
        + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in item.items())
        + "</Recipient>"
        for item in recipients
    )
    text = (
        f"<AfricasTalkingResponse><SMSMessageData><Message>{summary}</Message>"
        f"<Recipients>{rows}</Recipients></SMSMessageData></AfricasTalkingResponse>"
    )
    return Response(text, 201, media_type="application/xml")


def _ussd_form(session: UssdSession) -> dict[str, str]:
    return {
        "sessionId": session.id,
        "serviceCode": session.code,
        "phoneNumber": session.phone,
        "networkCode": phones.network_code(session.phone),
        "text": "*".join(session.inputs),
    }


def _ussd_problem(sent: Sent) -> str:
    """Return why the network ends the session with an error, or ""."""
    if sent.status is None:
        return sent.problem
    if not sent.is_ok:
        return f"HTTP {sent.status}"
    if sent.answer[:4].rstrip("\n ") not in {"CON", "END"}:
        return "the answer begins neither with CON nor with END"
    if len(sent.answer) - 4 > USSD_CHARACTERS:
        return f"{len(sent.answer) - 4} characters are more than {USSD_CHARACTERS}"
    return ""

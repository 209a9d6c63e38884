"""Orange SMS API, section 2.1: token, sending, receipts, inbound texts, contracts."""

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import gsm, http, phones, store
from sandbox.callbacks import Sent
from sandbox.rules import Outcome, Rule
from sandbox.store import Message
from sandbox.world import World

TOKEN_SECONDS: Final = 3600

# HTTP status and text of each code. Codes of the SMS layer have letters, those of the gateway are numbers.
ERRORS: Final[Mapping[str, tuple[int, str]]] = {
    "SVC0001": (400, "A service error occurred. Error code is %1"),
    "SVC0002": (400, "Invalid input value for message part %1"),
    "SVC0004": (400, "No valid addresses provided in message part %1"),
    "POL0001": (403, "A policy error occurred. Error code is %1"),
    "40": (401, "Missing credentials"),
    "41": (401, "Invalid credentials"),
    "42": (401, "Expired credentials"),
    "50": (403, "Access forbidden"),
    "53": (429, "Too many requests"),
    "60": (404, "Resource not found"),
}
_DESCRIPTIONS: Final = {
    "42": "The requested service needs credentials, and the ones provided were out-of-date.",
    "53": "The application has made too many calls and has exceeded the rate limit.",
}
_STATUSES: Final[Mapping[Outcome, tuple[str, ...]]] = {
    Outcome.DELIVERED: ("DeliveredToNetwork", "DeliveredToTerminal"),
    Outcome.FAILED: ("DeliveryImpossible",),
    Outcome.EXPIRED: ("MessageWaiting", "DeliveryImpossible"),
    Outcome.REJECTED: ("DeliveryImpossible",),
    Outcome.UNKNOWN: ("DeliveryUncertain",),
    Outcome.SENT: ("DeliveredToNetwork",),
}


def error(code: str, variable: str = "") -> Response:
    """Return an error of the SMS layer or of the gateway; a code that is not known is a policy error."""
    status, text = ERRORS.get(code, (403, ERRORS["POL0001"][1]))
    if code.isdecimal():
        body: dict[str, Any] = {
            "code": int(code),
            "message": text,
            "description": _DESCRIPTIONS.get(code, text),
        }
        return JSONResponse(body, status)
    kind = "serviceException" if code.startswith("SVC") else "policyException"
    inner = {"messageId": code, "text": text, "variables": [variable or code]}
    return JSONResponse({"requestError": {kind: inner}}, status)


class Wrong(Exception):
    """A request that the SMS layer refuses, with the code and the part that is wrong."""

    def __init__(self, code: str, variable: str) -> None:
        super().__init__(code, variable)
        self.code, self.variable = code, variable


class OrangeSms:
    """The pretend Orange gateway."""

    name = "orange_sms"
    label = "Orange SMS API"

    def __init__(self, world: World) -> None:
        self._world = world
        self.number = world.settings.orange_sender.removeprefix("tel:")

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth/v3/token", self._token, methods=["POST"]),
            Route("/oauth/v2/token", self._token, methods=["POST"]),
            Route("/smsmessaging/v1/outbound/{sender}/requests", self._send, methods=["POST"]),
            Route("/sms/admin/v1/contracts", self._contracts, methods=["GET"]),
            Route("/sms/admin/v1/statistics", self._statistics, methods=["GET"]),
            Route("/sms/admin/v1/purchaseorders", self._purchases, methods=["GET"]),
        ]

    def statuses(self, outcome: Outcome) -> tuple[str, ...]:
        return _STATUSES[outcome]

    # --- Token -----------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        failing = http.entry_failing(self._world, "orange_sms_token")
        return failing or await self._issue(request)

    async def _issue(self, request: Request) -> Response:
        settings = self._world.settings
        if http.basic_credentials(request) != (settings.orange_client, settings.orange_secret):
            return JSONResponse(
                {"error": "invalid_client", "error_description": "The client is not known."}, 401
            )
        try:
            form = await http.read_form(request)
        except http.BadBody as wrong:
            return JSONResponse({"error": "invalid_request", "error_description": str(wrong)}, 400)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        token = self._world.orange_tokens.issue(TOKEN_SECONDS)
        return JSONResponse(
            {"token_type": "Bearer", "access_token": token, "expires_in": str(TOKEN_SECONDS)}
        )

    def _refused(self, request: Request) -> Response | None:
        token = http.bearer(request)
        if not token:
            return error("40")
        if not self._world.orange_tokens.is_valid(token):
            return error("42" if self._world.orange_tokens.knows(token) else "41")
        return None

    # --- Sending ---------------------------------------------------------------

    async def _send(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            part = self._read(request, await http.read_json(request))
        except http.BadBody as wrong:
            return error("SVC0002", str(wrong))
        except Wrong as wrong:
            return error(wrong.code, wrong.variable)
        text = part["outboundSMSTextMessage"]["message"]
        phone = phones.normalised(part["address"])
        rule = self._world.rules.decide(self.name, to=phone, text=text)
        return await http.exchange(
            self._world,
            rule,
            provider=self.name,
            to=phone,
            text=text,
            reference=part.get("clientCorrelator", ""),
            accept=lambda rule: self._accept(part, phone, text, rule),
            refuse=lambda code, rule: error(code or "SVC0001"),
            busy="53",
            units=gsm.segments(text),
            broke="POL0001",
        )

    def _read(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        part = body.get("outboundSMSMessageRequest")
        if not isinstance(part, dict):
            raise Wrong("SVC0002", "outboundSMSMessageRequest")
        address = part.get("address")
        if isinstance(address, list) and len(address) == 1:
            address = address[0]
        if not isinstance(address, str) or not phones.E164.fullmatch(address.removeprefix("tel:")):
            raise Wrong("SVC0004", "address")
        if not address.startswith("tel:+"):
            raise Wrong("SVC0004", "address")
        self._check_sender(request, part)
        message = part.get("outboundSMSTextMessage")
        text = message.get("message") if isinstance(message, dict) else None
        if not isinstance(text, str) or not text:
            raise Wrong("SVC0002", "outboundSMSTextMessage")
        if not isinstance(part.get("clientCorrelator", ""), str):
            raise Wrong("SVC0002", "clientCorrelator")
        return {**part, "address": address}

    def _check_sender(self, request: Request, part: Mapping[str, Any]) -> None:
        # ":" and "+" have to be encoded in the path; what arrives is the path as it was sent.
        written = request.scope["raw_path"].decode("ascii", "replace").split("/")[-2]
        if ":" in written or "+" in written:
            raise Wrong("SVC0002", "senderAddress")
        sender = part.get("senderAddress")
        if sender != request.path_params["sender"]:
            raise Wrong("SVC0002", "senderAddress")
        if sender != self._world.settings.orange_sender:
            raise Wrong("POL0001", "senderAddress")
        name = part.get("senderName", "")
        if not isinstance(name, str) or len(name) > 11:
            raise Wrong("SVC0002", "senderName")

    def _accept(self, part: dict[str, Any], phone: str, text: str, rule: Rule) -> Response:
        resource = str(uuid.uuid4())
        message = self._world.store.add(
            Message(
                provider=self.name,
                channel="sms",
                to_phone=True,
                phone=phone,
                peer=part.get("senderName") or self.number,
                text=text,
                provider_id=resource,
                reference=part.get("clientCorrelator", ""),
                segments=gsm.segments(text),
                status="accepted",
            )
        )
        self._world.plan_receipts(message, rule.receipts)
        sender = part["senderAddress"]
        answer = {
            "address": [part["address"]],
            "senderAddress": sender,
            **({"senderName": part["senderName"]} if "senderName" in part else {}),
            "outboundSMSTextMessage": {"message": text},
            **({"clientCorrelator": message.reference} if message.reference else {}),
            "resourceURL": f"{self._world.public_url}/orange/smsmessaging/v1/outbound/{sender}"
            f"/requests/{resource}",
        }
        return JSONResponse({"outboundSMSMessageRequest": answer}, 201)

    # --- To the product --------------------------------------------------------

    async def send_receipt(self, message: Message, status: str) -> None:
        data = message.provider_id
        if self._world.options["orange_callback_data"] == "correlator" and message.reference:
            data = message.reference
        info = {"address": f"tel:{message.phone}", "deliveryStatus": status}
        await self._world.callbacks.send(
            "orange_sms.receipt",
            self._world.urls["orange_sms.receipt"],
            json={"deliveryInfoNotification": {"callbackData": data, "deliveryInfo": info}},
        )

    async def send_inbound(self, *, phone: str, to: str, text: str) -> Sent:
        """Post a text that a phone has sent, in the form of OneAPI that Orange took over."""
        message = {
            "dateTime": store.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "destinationAddress": f"tel:{to}",
            "messageId": str(uuid.uuid4()),
            "message": text,
            "senderAddress": f"tel:{phone}",
        }
        return await self._world.callbacks.send(
            "orange_sms.inbound",
            self._world.urls["orange_sms.inbound"],
            json={
                "inboundSMSMessageNotification": {"callbackData": "", "inboundSMSMessage": message}
            },
        )

    # --- Account ---------------------------------------------------------------

    async def _contracts(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        country = request.query_params.get("country", "SEN")
        units = self._world.balances.units.get(self.name, 999_999)
        contract = {
            "id": "sandbox-contract",
            "type": "SELFCARE",
            "developerId": "sandbox-developer",
            "applicationId": "sandbox-application",
            "country": country,
            "offerName": "SMS_OCB",
            "availableUnits": units,
            "requestedUnits": max(units, self._world.balances.START),
            "status": "ACTIVE" if units else "EXPIRED",
            "expirationDate": (store.now() + timedelta(days=30)).isoformat(timespec="milliseconds"),
            "creationDate": (store.now() - timedelta(days=1)).isoformat(timespec="milliseconds"),
        }
        if country != "SEN":
            return JSONResponse([])
        if self._world.options["orange_contracts"] == "nested":
            inner = {"country": country, "availableUnits": units}
            contracts = [{"service": "SMS_OCB", "serviceContracts": [inner]}]
            return JSONResponse({"partnerContracts": {"contracts": contracts}})
        return JSONResponse([contract])

    async def _statistics(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        usage = self._world.store.counts.outcomes.get(self.name, Counter())["accepted"]
        country = {
            "country": "SEN",
            "countryStatistics": [{"applicationId": "sandbox-application", "usage": usage}],
        }
        statistics = [{"service": "SMS_OCB", "serviceStatistics": [country]}]
        return JSONResponse({"partnerStatistics": {"statistics": statistics}})

    async def _purchases(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse([])

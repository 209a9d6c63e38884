"""Firebase Cloud Messaging HTTP v1, section 3.1: the token exchange and messages:send."""

import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import http
from sandbox.store import Message
from sandbox.world import World

NAME: Final = "fcm"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS: Final = 3599
# Whatever the file of the account says, google-auth names Google as the audience.
GOOGLE_AUDIENCE: Final = "https://oauth2.googleapis.com/token"
PAYLOAD_MAX: Final = 4096
TOPIC_PAYLOAD_MAX: Final = 2048
DEVICES_KEPT: Final = 5_000

_TYPES: Final = "type.googleapis.com/"
# HTTP status, status name and text of each errorCode.
ERRORS: Final[Mapping[str, tuple[int, str, str]]] = {
    "INVALID_ARGUMENT": (
        400,
        "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
    ),
    "UNREGISTERED": (404, "NOT_FOUND", "Requested entity was not found."),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED", "SenderId mismatch"),
    "QUOTA_EXCEEDED": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute'.",
    ),
    "UNAVAILABLE": (503, "UNAVAILABLE", "The service is currently unavailable."),
    "INTERNAL": (500, "INTERNAL", "Internal error encountered."),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service"),
}

Check = Callable[[object], bool]


def _text(value: object) -> bool:
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _map(value: object) -> bool:
    """A map of texts to texts: what every `data` and every set of headers has to be."""
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _duration(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d{1,9})?s", value) is not None


def _one_of(*words: str) -> Check:
    return lambda value: isinstance(value, str) and value.upper() in words


_ANDROID_NOTIFICATION: Final[dict[str, Any]] = {
    **dict.fromkeys(
        ("title", "body", "icon", "color", "sound", "tag", "click_action", "body_loc_key"), _text
    ),
    **dict.fromkeys(("title_loc_key", "channel_id", "ticker", "event_time", "image"), _text),
    **dict.fromkeys(("body_loc_args", "title_loc_args", "vibrate_timings"), _texts),
    **dict.fromkeys(("sticky", "local_only", "default_sound", "default_vibrate_timings"), _flag),
    **dict.fromkeys(("default_light_settings", "bypass_proxy_notification"), _flag),
    "notification_priority": _one_of(
        *(f"PRIORITY_{level}" for level in ("UNSPECIFIED", "MIN", "LOW", "DEFAULT", "HIGH", "MAX"))
    ),
    "visibility": _one_of("VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"),
    "notification_count": _count,
    "light_settings": _object,
    "proxy": _one_of("PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
}
_MESSAGE: Final[dict[str, Any]] = {
    **dict.fromkeys(("name", "token", "topic", "condition", "fid"), _text),
    "data": _map,
    "notification": dict.fromkeys(("title", "body", "image"), _text),
    "android": {
        **dict.fromkeys(("collapse_key", "restricted_package_name"), _text),
        "priority": _one_of("NORMAL", "HIGH"),
        "ttl": _duration,
        "data": _map,
        "notification": _ANDROID_NOTIFICATION,
        "fcm_options": {"analytics_label": _text},
        "direct_boot_ok": _flag,
        "bandwidth_constrained_ok": _flag,
        "restricted_satellite_ok": _flag,
    },
    "webpush": {
        "headers": _map,
        "data": _map,
        "notification": _object,
        "fcm_options": {"link": _text, "analytics_label": _text},
    },
    "apns": {
        "headers": _map,
        "payload": _object,
        "fcm_options": {"analytics_label": _text, "image": _text},
        "live_activity_token": _text,
    },
    "fcm_options": {"analytics_label": _text},
}
_BODY: Final[dict[str, Any]] = {"validate_only": _flag, "message": _MESSAGE}
_TARGETS: Final = ("token", "topic", "condition", "fid")
_RESERVED: Final = re.compile(r"from|message_type|gcm.*|google.*")


def _plain(name: str) -> str:
    """Return a field's name as the schema writes it; the API takes the camel case of it as well."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def violations(
    given: Mapping[str, Any], schema: Mapping[str, Any] = _BODY, path: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield field and description of everything in a body that the documented schema does not know."""
    for name, value in given.items():
        field = f"{path}.{_plain(name)}" if path else _plain(name)
        wanted = schema.get(_plain(name))
        if wanted is None:
            place = f" at '{path}'" if path else ""
            yield path, f'Unknown name "{name}"{place}: Cannot find field.'
        elif isinstance(wanted, dict):
            if isinstance(value, dict):
                yield from violations(value, wanted, field)
            else:
                yield field, f"Invalid value at '{field}': an object is needed."
        elif not wanted(value):
            yield field, f"Invalid value at '{field}': {json.dumps(value)[:80]}"


def _semantic(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    targets = [name for name in _TARGETS if message.get(name)]
    if len(targets) != 1:
        yield "message", "Exactly one of token, topic or condition is needed."
    for key in message.get("data", {}):
        if _RESERVED.fullmatch(key):
            yield "message.data", f"Invalid data payload key: {key}"
    if _size(message) > (PAYLOAD_MAX if message.get("token") else TOPIC_PAYLOAD_MAX):
        yield "message", "Message is too big"


def error(
    code: str, *, fields: list[tuple[str, str]] | None = None, retry_after: int | None = None
) -> Response:
    """Return an error as googleapis words it; `fields` makes it one about the body."""
    status, name, text = ERRORS.get(code, ERRORS["INTERNAL"])
    details: list[dict[str, Any]] = [
        {"@type": f"{_TYPES}google.firebase.fcm.v1.FcmError", "errorCode": code}
    ]
    if fields:
        text = "; ".join(description for _, description in fields)
        pairs = [{"field": field, "description": words} for field, words in fields]
        details = [{"@type": f"{_TYPES}google.rpc.BadRequest", "fieldViolations": pairs}]
    if code == "QUOTA_EXCEEDED":
        quota = {"subject": "project", "description": text}
        details.append({"@type": f"{_TYPES}google.rpc.QuotaFailure", "violations": [quota]})
    body = {"code": status, "message": text, "status": name, "details": details}
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return JSONResponse({"error": body}, status, headers)


@dataclass(slots=True)
class Device:
    """An app on a pretend phone; a removed one answers UNREGISTERED."""

    token: str
    phone: str
    is_registered: bool = True

    def as_json(self) -> dict[str, Any]:
        return {"token": self.token, "phone": self.phone, "registered": self.is_registered}


class Fcm:
    """The pretend Google: one project, one service account, any number of devices."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key: rsa.RSAPrivateKey | None = None
        self.devices: OrderedDict[str, Device] = OrderedDict()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/v1/projects/{project}/messages:send", self._send, methods=["POST"]),
        ]

    # --- Devices and the account -----------------------------------------------

    def register(self, phone: str) -> Device:
        """Return a new app on a phone."""
        token = f"{secrets.token_urlsafe(16)}:APA91b{secrets.token_urlsafe(100)}"
        device = self.devices[token] = Device(token, phone)
        if len(self.devices) > DEVICES_KEPT:
            self.devices.popitem(last=False)
        return device

    def _private_key(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            file = self._world.settings.fcm_account_file
            if file is not None and file.is_file():
                kept = json.loads(file.read_text())["private_key"]
                key = serialization.load_pem_private_key(kept.encode(), None)
                assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  # nothing else was written
                self._key = key
            else:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key

    def keep_account(self) -> None:
        """Write the account's file, if one is wanted: the key of before with the address of now."""
        file = self._world.settings.fcm_account_file
        if file is not None:
            account = json.dumps(self.account(), indent=2)
            file.touch(mode=0o600)
            file.write_text(account)

    def account(self) -> dict[str, str]:
        """Return the service account in the form of Google's file; `token_uri` points here."""
        pem = self._private_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        project = self._world.settings.fcm_project
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "sandbox",
            "private_key": pem.decode(),
            "client_email": f"firebase@{project}.iam.gserviceaccount.com",
            "client_id": "100000000000000000000",
            "token_uri": f"{self._world.public_url}/fcm/token",
        }

    # --- Token -----------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        failing = http.entry_failing(self._world, "fcm_token")
        return failing or await self._issue(request)

    async def _issue(self, request: Request) -> Response:
        try:
            form = await http.read_form(request)
        except http.BadBody as wrong:
            return _oauth_error("invalid_request", str(wrong))
        if form.get("grant_type") != GRANT:
            return _oauth_error("unsupported_grant_type", "Invalid grant_type")
        problem = self._problem_of(form.get("assertion", ""))
        if problem:
            return _oauth_error("invalid_grant", problem)
        token = self._world.google_tokens.issue(TOKEN_SECONDS)
        return JSONResponse(
            {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}
        )

    def _problem_of(self, assertion: str) -> str:
        account = self.account()
        try:
            claims = jwt.decode(
                assertion,
                self._private_key().public_key(),
                algorithms=["RS256"],
                audience=(account["token_uri"], GOOGLE_AUDIENCE),
                issuer=account["client_email"],
                leeway=60,
                options={"require": ["iss", "aud", "iat", "exp", "scope"]},
            )
        except jwt.InvalidSignatureError:
            return "Invalid JWT Signature."
        except jwt.InvalidTokenError as wrong:
            return f"Invalid JWT: {wrong}"
        if claims["exp"] - claims["iat"] > 3600:
            return "Invalid JWT: Token must be a short-lived token (60 minutes)."
        if SCOPE not in str(claims["scope"]).split():
            return f"Invalid JWT: scope {SCOPE} is needed."
        return ""

    # --- Sending ---------------------------------------------------------------

    async def _send(self, request: Request) -> Response:
        if not self._world.google_tokens.is_valid(http.bearer(request)):
            return _unauthenticated()
        if request.path_params["project"] != self._world.settings.fcm_project:
            return _not_permitted(request.path_params["project"])
        try:
            body = await http.read_json(request)
        except http.BadBody as wrong:
            return error("INVALID_ARGUMENT", fields=[("", f"Invalid JSON payload: {wrong}")])
        wrong_fields = list(violations(body)) or list(_semantic(body.get("message", {})))
        if wrong_fields:
            return error("INVALID_ARGUMENT", fields=wrong_fields)
        return await self._deliver(body["message"], dry=bool(body.get("validate_only")))

    async def _deliver(self, message: dict[str, Any], *, dry: bool) -> Response:
        token = message.get("token")
        device = self.devices.get(token) if token else None
        to = device.phone if device else str(token or message.get("topic") or "")
        text = _words(message)
        rule = self._world.rules.decide(NAME, to=to, text=text)
        if token and not device and not rule.error:
            return error("INVALID_ARGUMENT")
        if device and not device.is_registered:
            return error("UNREGISTERED")
        name = f"projects/{self._world.settings.fcm_project}/messages/{secrets.token_hex(8)}"
        if dry:
            return JSONResponse({"name": name})
        return await http.exchange(
            self._world,
            rule,
            provider=NAME,
            to=to,
            text=text,
            reference=message.get("data", {}).get("id", ""),
            accept=lambda rule: self._accept(message, device, name, text),
            refuse=lambda code, rule: error(code or "UNREGISTERED", retry_after=rule.retry_after),
            busy="QUOTA_EXCEEDED",
        )

    def _accept(
        self, message: dict[str, Any], device: Device | None, name: str, text: str
    ) -> Response:
        self._world.store.add(
            Message(
                provider=NAME,
                channel="push",
                to_phone=True,
                phone=device.phone if device else "",
                peer=str(_title(message)) or "Push",
                text=text,
                provider_id=name,
                reference=message.get("data", {}).get("id", ""),
                status="accepted",
                details={"message": message},
            )
        )
        return JSONResponse({"name": name})


def _title(message: Mapping[str, Any]) -> str:
    found = message.get("notification", {}).get("title", "")
    return str(found or message.get("android", {}).get("notification", {}).get("title", ""))


def _words(message: Mapping[str, Any]) -> str:
    """Return what a person reads; of a message that has only data, the data."""
    body = message.get("notification", {}).get("body", "")
    body = body or message.get("android", {}).get("notification", {}).get("body", "")
    return str(body) or json.dumps(message.get("data", {}), ensure_ascii=False, sort_keys=True)


def _size(message: Mapping[str, Any]) -> int:
    parts = {name: value for name, value in message.items() if name not in _TARGETS}
    return len(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode())


def _oauth_error(code: str, description: str) -> Response:
    return JSONResponse({"error": code, "error_description": description}, 400)


def _unauthenticated() -> Response:
    text = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
        "or other valid authentication credential."
    )
    body = {"code": 401, "message": text, "status": "UNAUTHENTICATED"}
    return JSONResponse({"error": body}, 401)


def _not_permitted(project: str) -> Response:
    text = (
        "Permission 'cloudmessaging.messages.create' denied on resource "
        f"'//cloudresourcemanager.googleapis.com/projects/{project}' (or it may not exist)."
    )
    body = {"code": 403, "message": text, "status": "PERMISSION_DENIED"}
    return JSONResponse({"error": body}, 403)

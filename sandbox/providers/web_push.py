"""A push service for Web Push, section 3.2: VAPID is checked, the message decrypted and shown."""

import base64
import binascii
import json
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import http
from sandbox.rules import Rule
from sandbox.store import Message
from sandbox.world import World

NAME: Final = "web_push"
BODY_MAX: Final = 4096
VAPID_SECONDS: Final = 24 * 3600
SUBSCRIPTIONS_KEPT: Final = 5_000
URGENCIES: Final = frozenset({"very-low", "low", "normal", "high"})
TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VAPID: Final = re.compile(r"vapid\s+(.*)", re.IGNORECASE | re.DOTALL)


class Undecryptable(ValueError):
    """A body that the subscription's keys do not open; the text says at which step."""


class Refused(Exception):
    """A request that the push service does not take, with status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """
    Read base64url without padding.

    :raises ValueError: it is none
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def decrypt(body: bytes, *, private_key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """
    Open a body of content-encoding aes128gcm for a subscription (RFC 8291 over RFC 8188).

    :raises Undecryptable: it is malformed or meant for other keys
    """
    if len(body) < 21 + 65 + 17:
        raise Undecryptable("the body is too short")
    salt, record_size, id_length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    if id_length != 65 or record_size < 18:
        raise Undecryptable("the header does not carry a P-256 key")
    sender, record = body[21:86], body[86:]
    if len(record) > record_size:
        raise Undecryptable("more than one record")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    except ValueError as error:
        raise Undecryptable("the key in the header is no point of P-256") from error
    shared = private_key.exchange(ec.ECDH(), key)
    info = b"WebPush: info\0" + _point(private_key.public_key()) + sender
    secret = _derive(auth, shared, info, 32)
    content_key = _derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    try:
        padded = AESGCM(content_key).decrypt(nonce, record, None)
    except InvalidTag as error:
        raise Undecryptable("the tag does not fit the keys of the subscription") from error
    text = padded.rstrip(b"\0")
    if not text.endswith(b"\2"):
        raise Undecryptable("the last record is not marked as the last")
    return text[:-1]


@dataclass(slots=True)
class Subscription:
    """What a browser on a pretend phone has subscribed with; one that has gone answers 410."""

    id: str
    phone: str
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes
    application_server_key: str
    is_gone: bool = False

    def as_json(self, public_url: str) -> dict[str, Any]:
        """Return what `PushSubscription.toJSON()` gives, with `phone` and `gone` beside it."""
        return {
            "id": self.id,
            "phone": self.phone,
            "gone": self.is_gone,
            "endpoint": f"{public_url}/web-push/{self.id}",
            "expirationTime": None,
            "keys": {
                "p256dh": encoded(_point(self.private_key.public_key())),
                "auth": encoded(self.auth),
            },
        }


class WebPush:
    """The pretend push service."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.subscriptions: OrderedDict[str, Subscription] = OrderedDict()

    def routes(self) -> list[BaseRoute]:
        return [Route("/{id}", self._push, methods=["POST"])]

    def subscribe(self, phone: str, application_server_key: str = "") -> Subscription:
        """Return a new subscription; with a key of the application only that one may push to it."""
        subscription = Subscription(
            id=secrets.token_urlsafe(24),
            phone=phone,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            auth=secrets.token_bytes(16),
            application_server_key=application_server_key.rstrip("="),
        )
        self.subscriptions[subscription.id] = subscription
        if len(self.subscriptions) > SUBSCRIPTIONS_KEPT:
            self.subscriptions.popitem(last=False)
        return subscription

    async def _push(self, request: Request) -> Response:
        subscription = self.subscriptions.get(request.path_params["id"])
        if subscription is None:
            return PlainTextResponse("No such subscription", 404)
        if subscription.is_gone:
            return PlainTextResponse("Subscription has expired or is unsubscribed", 410)
        try:
            self._check_sender(request, subscription)
            ttl = _ttl(request)
            body = await _encrypted(request)
        except Refused as wrong:
            return PlainTextResponse(str(wrong), wrong.status)
        text, problem = _opened(body, subscription)
        topic = request.headers.get("topic", "")
        return await http.exchange(
            self._world,
            self._world.rules.decide(NAME, to=subscription.phone, text=text),
            provider=NAME,
            to=subscription.phone,
            text=text,
            reference=topic,
            accept=lambda rule: self._accept(request, subscription, text, problem, ttl),
            refuse=_refuse,
            busy="429",
        )

    def _check_sender(self, request: Request, subscription: Subscription) -> None:
        found = _VAPID.fullmatch(request.headers.get("authorization", ""))
        if not found:
            raise Refused(401, "Authorization: vapid t=…, k=… is needed")
        given = dict(part.strip().partition("=")[::2] for part in found[1].split(","))
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), decoded(given.get("k", "").rstrip("="))
            )
        except ValueError as error:
            raise Refused(401, "k is no public key of P-256 in base64url") from error
        mine = subscription.application_server_key
        if mine and mine != given["k"].rstrip("="):
            raise Refused(403, "k is not the key that the subscription was made with")
        parts = urlsplit(self._world.public_url)
        try:
            claims = jwt.decode(
                given.get("t", ""),
                key,
                algorithms=["ES256"],
                audience=f"{parts.scheme}://{parts.netloc}",
                leeway=10,
                options={"require": ["aud", "exp"]},
            )
        except jwt.InvalidTokenError as error:
            raise Refused(403, f"t: {error}") from error
        if claims["exp"] > time.time() + VAPID_SECONDS + 60:
            raise Refused(403, "t: exp is more than 24 hours ahead")
        if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
            raise Refused(403, "t: sub has to be a mailto: or https: address")

    def _accept(
        self,
        request: Request,
        subscription: Subscription,
        text: str,
        problem: str,
        ttl: int,
    ) -> Response:
        message = Message(
            provider=NAME,
            channel="push",
            to_phone=True,
            phone=subscription.phone,
            peer=_field(text, "title") or "Web push",
            text=text,
            provider_id=secrets.token_urlsafe(16),
            reference=request.headers.get("topic", ""),
            status="accepted",
            problem=problem,
            details={
                "subscription": subscription.id,
                "ttl": ttl,
                "urgency": request.headers.get("urgency", "normal"),
                "body": _field(text, "body"),
            },
        )
        self._world.store.add(message)
        place = f"{self._world.public_url}/web-push/messages/{message.provider_id}"
        return Response(status_code=201, headers={"location": place, "ttl": str(ttl)})


def _refuse(code: str, rule: Rule) -> Response:
    headers = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
    return PlainTextResponse("Refused", int(code) if code.isdecimal() else 410, headers)


def _ttl(request: Request) -> int:
    ttl = request.headers.get("ttl", "")
    if not ttl.isdecimal() or int(ttl) >= 2**31:
        raise Refused(400, "TTL: seconds are needed")
    if request.headers.get("urgency", "normal") not in URGENCIES:
        raise Refused(400, f"Urgency: one of {', '.join(sorted(URGENCIES))}")
    topic = request.headers.get("topic")
    if topic is not None and not TOPIC.fullmatch(topic):
        raise Refused(400, "Topic: 1 to 32 characters of base64url")
    return int(ttl)


async def _encrypted(request: Request) -> bytes:
    try:
        body = await http.body(request)
    except http.BadBody as error:
        raise Refused(413, str(error)) from error
    if len(body) > BODY_MAX:
        raise Refused(413, f"{len(body)} bytes are more than {BODY_MAX}")
    if body and request.headers.get("content-encoding", "") != "aes128gcm":
        raise Refused(400, "Content-Encoding: aes128gcm is needed")
    return body


def _opened(body: bytes, subscription: Subscription) -> tuple[str, str]:
    """Return text and problem; a real push service cannot look inside, and the browser drops silently."""
    if not body:
        return "", ""
    try:
        plain = decrypt(body, private_key=subscription.private_key, auth=subscription.auth)
        return plain.decode(), ""
    except (Undecryptable, UnicodeDecodeError) as error:
        return "", f"Not decrypted: {error}"


def _field(text: str, name: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""

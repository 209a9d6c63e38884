"""What a browser gives to be sent messages, read carefully: anybody may have written it."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from smartqueue.common import http

MOST_LENGTH: Final = 1000
AUTH_BYTES: Final = 16
_HERE: Final = frozenset({"127.0.0.1", "localhost"})
_SECURE: Final = http.Reach(schemes=frozenset({"https"}))


@dataclass(frozen=True, slots=True)
class Subscription:
    endpoint: str
    p256dh: str
    auth: str

    def as_json(self) -> dict[str, Any]:
        """Return it as `PushSubscription.toJSON()` does."""
        return {"endpoint": self.endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}}


def read(given: Mapping[str, Any] | str) -> Subscription:
    """
    Return a subscription, from a browser's object or its JSON.

    :raises ValueError: it is none, or its keys are not what browsers make
    """
    found = json.loads(given) if isinstance(given, str) else given
    try:
        endpoint, keys = found["endpoint"], found["keys"]
        p256dh, auth = keys["p256dh"], keys["auth"]
    except (KeyError, TypeError) as error:
        raise ValueError("a part is missing") from error
    if not all(isinstance(part, str) for part in (endpoint, p256dh, auth)):
        raise ValueError("a part is no text")
    if not endpoint or len(endpoint) > MOST_LENGTH:
        raise ValueError("no endpoint")
    # A point that is not on the curve would tell who sends it something about our key.
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(p256dh))
    if len(_decoded(auth)) != AUTH_BYTES:
        raise ValueError("the secret has another length")
    return Subscription(endpoint, p256dh.rstrip("="), auth.rstrip("="))


def _decoded(text: str) -> bytes:
    bare = text.rstrip("=")
    try:
        padded = bare + "=" * (-len(bare) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url") from error


def check_endpoint(endpoint: str) -> http.Reach:
    """
    Return where a message to an endpoint may go: to the known push services over HTTPS, and in
    development to this machine.

    Only those are asked, so that nobody has the server call whom they like.

    :raises AddressRefused: any other
    """
    try:
        host = (urlsplit(endpoint).hostname or "").rstrip(".")
    except ValueError as error:
        raise http.AddressRefused("unreadable") from error
    if settings.ALLOW_LOCAL_PROVIDERS and host in _HERE:
        http.check_address(endpoint, http.PARTNERS)
        return http.PARTNERS
    http.check_address(endpoint, _SECURE)
    if not any(_is_at(host, name) for name in settings.WEB_PUSH_ACCOUNT["hosts"]):
        raise http.AddressRefused("not a push service")
    return _SECURE


def _is_at(host: str, name: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name

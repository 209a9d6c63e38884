"""Handing an encrypted message to the push service of a browser."""

import time
from typing import Final
from urllib.parse import urlsplit

from py_vapid import Vapid02
from pywebpush import WebPusher

from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    Provider,
    ProviderError,
    Receipt,
)
from smartqueue.notifications.providers.web_push import keys, mapping, subscriptions

NAME: Final = "web_push"
SIGNED_SECONDS: Final = 12 * 3600
TAKEN: Final = frozenset({200, 201, 202})


def made() -> Provider | None:
    """Return the adapter for the key of the settings; None without one."""
    key = keys.vapid()
    return WebPush(key, keys.subject()) if key else None


class WebPush:
    """The push services of all browsers; each browser names its own."""

    name = NAME
    channel = Channel.WEB_PUSH
    per_second: float | None = None
    has_one_server = False

    def __init__(self, key: Vapid02, subject: str) -> None:
        self._key, self._subject = key, subject

    def send(self, message: Outgoing) -> Handed:
        try:
            to = subscriptions.read(message.recipient)
            reach = subscriptions.check_endpoint(to.endpoint)
        except (ValueError, http.AddressRefused) as error:
            raise ProviderError("bad_subscription", retryable=False, is_recipient=True) from error
        encrypted = WebPusher(to.as_json()).encode(mapping.payload(message), "aes128gcm")
        headers = {
            **mapping.headers(message, time.time()),
            **self._signed(to.endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
        }
        answer = self._post(to.endpoint, reach, headers, bytes(encrypted["body"]))
        if answer.status not in TAKEN:
            raise mapping.refusal(answer)
        return Handed(answer.headers.get("location", "").rstrip("/").rpartition("/")[2][:200])

    def _post(
        self, endpoint: str, reach: http.Reach, headers: dict[str, str], body: bytes
    ) -> http.Response:
        try:
            return http.call(
                "POST", endpoint, reach=reach, headers=headers, body=body, seconds=wire.SECONDS
            )
        except http.AddressRefused as failure:
            raise ProviderError(failure.code, retryable=False, is_recipient=True) from failure
        except http.CallFailed as failure:
            if failure.has_left:
                raise OutcomeUnknown(failure.code) from failure
            raise ProviderError(failure.code, retryable=True) from failure

    def _signed(self, endpoint: str) -> dict[str, str]:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + SIGNED_SECONDS,
            "sub": self._subject,
        }
        signed: dict[str, str] = self._key.sign(claims)
        return signed

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        return None

    def balance(self) -> Balance | None:
        return None

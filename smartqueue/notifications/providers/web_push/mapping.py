"""A message as our own service worker reads it, and the answers of push services as ours."""

import base64
import hashlib
import json
from typing import Any, Final
from urllib.parse import urlsplit

from smartqueue.common import http
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import Outgoing, ProviderError

MOST_BYTES: Final = 3900
LONGEST_LIFE: Final = 28 * 24 * 3600
ELLIPSIS: Final = "…"
RIGHT_TO_LEFT: Final = frozenset({"ar"})


def payload(message: Outgoing) -> bytes:
    """Return what the browser's worker shows, as JSON; a text that is too long is cut."""
    text = message.body
    while True:
        found = json.dumps(_payload(message, text), ensure_ascii=False).encode()
        excess = len(found) - MOST_BYTES
        if excess <= 0 or not text:
            return found
        text = text[: max(len(text) - max(excess // 12, 2), 0)].rstrip(ELLIPSIS).rstrip()
        text = f"{text}{ELLIPSIS}" if text else ""


def _payload(message: Outgoing, text: str) -> dict[str, Any]:
    language = message.data.get("language", "")
    found = {
        "title": message.subject or "SmartQueue",
        "body": text,
        "tag": message.topic or message.data.get("id", str(message.reference)),
        "link": _path(message.link),
        "lang": language,
        "dir": "rtl" if language in RIGHT_TO_LEFT else "ltr",
        "urgent": message.is_urgent,
    }
    return {name: value for name, value in found.items() if value}


def _path(link: str) -> str:
    """Return the part of an address below its server: the worker opens nothing but its own site."""
    if not link:
        return ""
    parts = urlsplit(link)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def headers(message: Outgoing, now: float) -> dict[str, str]:
    """Return how long and how urgently a push service keeps a message. `now` is Unix time."""
    left = LONGEST_LIFE
    if message.expires_at is not None:
        left = min(max(int(message.expires_at.timestamp() - now), 0), LONGEST_LIFE)
    return {
        "TTL": str(left),
        "Urgency": "high" if message.is_urgent else "normal",
        "Topic": topic(message),
    }


def topic(message: Outgoing) -> str:
    """Return 32 characters under which a waiting message is replaced: by the next try of it at least."""
    named = message.topic or message.data.get("id", str(message.reference))
    digest = hashlib.sha256(named.encode()).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()


def refusal(answer: http.Response) -> ProviderError:
    """Return what an answer of a push service that is no success means for the message."""
    code, wait = f"http_{answer.status}", wire.retry_after(answer)
    if answer.status in {404, 410}:
        return ProviderError("subscription_gone", retryable=False, is_recipient=True)
    if answer.status == 429:
        return ProviderError(code, retryable=True, retry_after=wait)
    # 401 and 403: the key is not the one that the browser subscribed with; its next visit repairs it.
    if 300 <= answer.status < 500:
        return ProviderError(code, retryable=False)
    return wire.refusal(answer)

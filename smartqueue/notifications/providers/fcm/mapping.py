"""A message as Firebase takes it, and its errors as ours."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from smartqueue.common import http
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import Outgoing, ProviderError

MOST_BYTES: Final = 4096
LONGEST_LIFE: Final = 28 * 24 * 3600
QUOTA_SECONDS: Final = 60.0
ELLIPSIS: Final = "…"
COLLAPSE_BYTES: Final = 64
"""What Apple takes as `apns-collapse-id`."""
URGENT_CHANNEL: Final = "turn"
USUAL_CHANNEL: Final = "news"
_RESERVED: Final = re.compile(r"from|message_type|gcm.*|google.*")
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def body(message: Outgoing, now: float) -> dict[str, Any]:
    """
    Return the body of a message. `now` is Unix time. A text that is too long is cut.

    :raises ProviderError: it is too large even without its text, or its data have a reserved name
    """
    data = _data(message)
    whole = _body(message, data, message.body, now)
    excess = _size(whole) - MOST_BYTES
    if excess <= 0:
        return whole
    kept = message.body
    while excess > 0 and kept:
        # A character may take twelve bytes where it is escaped.
        kept = kept[: max(len(kept) - max(excess // 12, 1), 0)]
        whole = _body(message, data, kept.rstrip() + ELLIPSIS, now)
        excess = _size(whole) - MOST_BYTES
    if excess > 0:
        raise ProviderError("too_large", retryable=False)
    return whole


def _data(message: Outgoing) -> dict[str, str]:
    data = {name: str(value) for name, value in message.data.items()}
    if message.link:
        data["link"] = message.link
    if any(_RESERVED.fullmatch(name) for name in data):
        raise ProviderError("reserved_name", retryable=False)
    return data


def _body(message: Outgoing, data: dict[str, str], text: str, now: float) -> dict[str, Any]:
    notification = {"body": text}
    if message.subject:
        notification["title"] = message.subject
    return {
        "message": {
            "token": message.recipient,
            "notification": notification,
            "data": data,
            "android": _android(message, now),
            "apns": _apns(message, now),
        }
    }


def _seconds_left(message: Outgoing, now: float) -> int:
    if message.expires_at is None:
        return LONGEST_LIFE
    return min(max(int(message.expires_at.timestamp() - now), 0), LONGEST_LIFE)


def _topic(message: Outgoing) -> str:
    return message.topic.encode()[:COLLAPSE_BYTES].decode(errors="ignore")


def _android(message: Outgoing, now: float) -> dict[str, Any]:
    shown = {"channel_id": URGENT_CHANNEL if message.is_urgent else USUAL_CHANNEL}
    android: dict[str, Any] = {
        "priority": "high" if message.is_urgent else "normal",
        "ttl": f"{_seconds_left(message, now)}s",
        "notification": shown,
    }
    if message.topic:
        android["collapse_key"] = shown["tag"] = _topic(message)
    return android


def _apns(message: Outgoing, now: float) -> dict[str, Any]:
    headers = {
        "apns-push-type": "alert",
        "apns-priority": "10" if message.is_urgent else "5",
        "apns-expiration": str(int(now) + _seconds_left(message, now)),
    }
    aps: dict[str, Any] = {
        "sound": "default",
        "interruption-level": "time-sensitive" if message.is_urgent else "active",
    }
    if message.topic:
        headers["apns-collapse-id"] = aps["thread-id"] = _topic(message)
    return {"headers": headers, "payload": {"aps": aps}}


def _size(whole: dict[str, Any]) -> int:
    """Return how many bytes count: all but the address."""
    counted = {name: value for name, value in whole["message"].items() if name != "token"}
    return len(json.dumps(counted, ensure_ascii=False).encode())


# --- Errors -------------------------------------------------------------------------------------


def _details(answer: http.Response) -> Iterator[dict[str, Any]]:
    details = wire.dig(wire.json_of(answer.body), "error", "details")
    if isinstance(details, list):
        yield from (detail for detail in details if isinstance(detail, dict))


def error_code(answer: http.Response) -> str:
    """Return the `errorCode` of Firebase; "" where the answer holds none."""
    for detail in _details(answer):
        if detail.get("@type") == _FCM_ERROR:
            return wire.text_of(detail, "errorCode")
    return ""


# What is lost for this message, and what may go later; of INTERNAL the engine's first pause is longer
# than the 10 seconds that are asked for.
_GONE: Final = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
_LATER: Final = frozenset({"QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL"})
_NEVER: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"})


def refusal(answer: http.Response) -> ProviderError:
    """Return what an answer that is not 200 means for the message; its errorCode decides."""
    code, wait = error_code(answer), wire.retry_after(answer)
    if code in _LATER:
        usual = QUOTA_SECONDS if code == "QUOTA_EXCEEDED" else None
        return ProviderError(code, retryable=True, retry_after=usual if wait is None else wait)
    if code in _GONE | _NEVER:
        return ProviderError(code, retryable=False, is_recipient=code in _GONE)
    if code == "INVALID_ARGUMENT" or (answer.status == 400 and not code):
        is_token = _is_about_token(answer)
        return ProviderError("INVALID_ARGUMENT", retryable=False, is_recipient=is_token)
    return wire.refusal(answer)


def _is_about_token(answer: http.Response) -> bool:
    """Whether the token is what is wrong, and not the rest of the body."""
    fields = [
        wire.text_of(violation, "field")
        for detail in _details(answer)
        for violation in detail.get("fieldViolations") or []
    ]
    if fields:
        return set(fields) == {"message.token"}
    said = wire.text_of(wire.json_of(answer.body), "error", "message")
    return "registration token" in said.lower()

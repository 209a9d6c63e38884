"""
Bounces, posted to us: a JSON form of our own that any mail service can be made to send, or a delivery
status notification as it came (RFC 3464); docs/patterns/mail.md.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final

from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import BadCallback, Callback, Delivery, Receipt
from smartqueue.notifications.providers.email import mapping

MOST_EVENTS: Final = 500
_OURS: Final = re.compile(
    r"<?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})@[^\s>]+>?", re.IGNORECASE
)
_DELIVERIES: Final = {
    "delivered": Delivery.DELIVERED,
    "hard_bounce": Delivery.FAILED,
    "soft_bounce": Delivery.FAILED,
    "complaint": Delivery.FAILED,
}
_ACTIONS: Final = {"failed": Delivery.FAILED, "delivered": Delivery.DELIVERED}


def receipts(callback: Callback) -> list[Receipt]:
    """
    Return what a post tells of our mails; what is about others' is passed over.

    :raises BadCallback: neither the JSON form nor a notification
    """
    kind = callback.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return list(_of_json(wire.json_of(callback.body)))
    if kind in {"message/rfc822", "multipart/report", "message/delivery-status"}:
        return list(_of_notification(callback, kind))
    raise BadCallback("not_understood")


def _reference(text: str) -> str:
    """Return our reference in a Message-ID; "" in another's."""
    found = _OURS.fullmatch(text.strip())
    return found.group(1).lower() if found else ""


def _of_json(found: Any) -> Iterator[Receipt]:
    events = found.get("events") if isinstance(found, dict) else None
    if not isinstance(events, list) or len(events) > MOST_EVENTS:
        raise BadCallback("not_our_form")
    for event in events:
        reference = _reference(wire.text_of(event, "message_id"))
        word = wire.text_of(event, "event")
        if not reference or word not in _DELIVERIES:
            continue
        status = mapping.status_of(wire.text_of(event, "status"))
        yield Receipt(
            _DELIVERIES[word],
            own_reference=reference,
            event_id=wire.text_of(event, "id") or f"{reference}:{word}",
            code=f"{word}_{status}" if status else word,
            is_recipient=word in {"hard_bounce", "complaint"},
        )


def _of_notification(callback: Callback, kind: str) -> Iterator[Receipt]:
    raw = callback.body
    if kind != "message/rfc822":
        head = f"Content-Type: {callback.headers['content-type']}\r\nMIME-Version: 1.0\r\n\r\n"
        raw = head.encode() + raw
    message = message_from_bytes(raw, EmailMessage, policy=policy.default)
    reports = [p for p in message.walk() if p.get_content_type() == "message/delivery-status"]
    if not reports:
        raise BadCallback("no_report")
    reference = _reference_in(message)
    if not reference:
        return
    for report in reports:
        for fields in report.get_payload():
            receipt = _of_fields(fields, reference)
            if receipt is not None:
                yield receipt


def _reference_in(message: Any) -> str:
    """Return our reference from the message that came back, whole or only its head."""
    for part in message.walk():
        kind, head = part.get_content_type(), None
        if kind == "text/rfc822-headers":
            head = message_from_bytes(part.get_payload(decode=True) or b"", policy=policy.default)
        elif kind == "message/rfc822" and part.is_multipart():
            head = part.get_payload(0)
        reference = _reference(str(head.get("Message-ID", ""))) if head is not None else ""
        if reference:
            return reference
    return ""


def _of_fields(fields: Any, reference: str) -> Receipt | None:
    """Return what the fields of one recipient say; None for those of the report, and for delays."""
    action = str(fields.get("Action", "")).strip().lower()
    if action not in _ACTIONS:
        return None
    status = mapping.status_of(str(fields.get("Status", "")))
    return Receipt(
        _ACTIONS[action],
        own_reference=reference,
        event_id=f"{reference}:{action}:{status}",
        code=f"bounced_{status}" if action == "failed" else action,
        is_recipient=action == "failed" and mapping.is_gone(status),
    )

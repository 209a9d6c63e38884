"""Reading notifications, and the development mailbox."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from smartqueue.common.crypto import decrypt
from smartqueue.notifications import texts
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.notifications.providers.base import callback_secret_of

BODY_PURPOSE = "outgoing message"
SNAPSHOT_SIZE = 20

_CODE = re.compile(r"\b\d{6}\b")


def callback_address(provider: str, kind: str) -> str:
    """Return the address by which a provider calls the product; empty where it has no secret here."""
    secret = callback_secret_of(provider)
    if not secret:
        return ""
    path = f"/api/notifications/webhooks/{provider.replace('_', '-')}/{kind}/{secret}/"
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def topic_of(user_id: UUID) -> str:
    """Return the name of a person's topic."""
    return f"user:{user_id}"


def list_notifications(user_id: UUID, *, unread: bool | None = None) -> "QuerySet[Notification]":
    """Return a person's notifications, newest first; only read or unread ones where asked."""
    rows = Notification.objects.filter(user_id=user_id, channel=Channel.IN_APP).order_by("-id")
    return rows if unread is None else rows.filter(read_at__isnull=unread)


def as_wire(notification: Notification, language: str) -> dict[str, Any]:
    """Return a notification as clients read it, with its words in a language."""
    title, body = texts.render(notification.code, notification.data, language)
    return {
        "id": str(notification.pk),
        "code": notification.code,
        "title": title,
        "body": body,
        "data": notification.data,
        "organization": str(notification.organization_id) if notification.organization_id else None,
        "created_at": notification.created_at.isoformat(),
        "read_at": notification.read_at.isoformat() if notification.read_at else None,
    }


_SNAPSHOT = """
    SELECT COALESCE(i.version, 0), u.language,
           (SELECT count(*) FROM notifications_notification AS c
            WHERE c.user_id = u.id AND c.channel = 'in_app' AND c.read_at IS NULL),
           n.id, n.organization_id, n.code, n.data, n.created_at, n.read_at
    FROM accounts_user AS u
    LEFT JOIN notifications_inbox AS i ON i.user_id = u.id
    LEFT JOIN LATERAL (
        SELECT * FROM notifications_notification AS l
        WHERE l.user_id = u.id AND l.channel = 'in_app' ORDER BY l.id DESC LIMIT %s
    ) AS n ON true
    WHERE u.id = %s
    ORDER BY n.id DESC
"""


def snapshot(user_id: UUID) -> tuple[int, dict[str, Any]] | None:
    """
    Return the version of a person's topic and what it shows then: how many are unread, and the
    newest twenty in the person's language. None without such a person. One statement, one moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOT, [SNAPSHOT_SIZE, user_id])
        rows = cursor.fetchall()
    if not rows:
        return None
    version, language, unread = rows[0][:3]
    newest = [as_wire(_of_row(row[3:]), language) for row in rows if row[3] is not None]
    return version, {"unread_count": unread, "notifications": newest}


def _of_row(row: tuple[Any, ...]) -> Notification:
    pk, organization_id, code, data, created_at, read_at = row
    return Notification(
        id=pk,
        organization_id=organization_id,
        code=code,
        data=json.loads(data) if isinstance(data, str) else data,
        created_at=created_at,
        read_at=read_at,
    )


@dataclass(frozen=True, slots=True)
class MailboxMessage:
    """A message as the development mailbox shows it; `code` is empty where there is none."""

    id: UUID
    channel: str
    recipient: str
    subject: str
    body: str
    code: str
    created_at: datetime


def list_mailbox(recipient: str | None = None, limit: int = 50) -> list[MailboxMessage]:
    """
    Return the newest messages, all or one recipient's; nothing where there is no such mailbox.

    `recipient` is matched as a part, so that a half-typed address finds its messages.
    """
    if not settings.DEVELOPMENT_MAILBOX:
        return []
    rows = OutgoingMessage.objects.exclude(sealed_body="").order_by("-id")
    if recipient:
        rows = rows.filter(recipient__icontains=recipient.strip())
    return [_mailbox_message(row) for row in rows[:limit]]


def _mailbox_message(row: OutgoingMessage) -> MailboxMessage:
    body = decrypt(row.sealed_body, BODY_PURPOSE)
    code = _CODE.search(body) if row.template.endswith("_code") else None
    return MailboxMessage(
        id=row.pk,
        channel=row.channel,
        recipient=row.recipient,
        subject=row.subject,
        body=body,
        code=code.group() if code else "",
        created_at=row.created_at,
    )

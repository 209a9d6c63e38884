"""Telling people in the application."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.accounts.models import User
from smartqueue.common.db import operation
from smartqueue.notifications import policies, queries
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.events import NotificationCreated
from smartqueue.notifications.models import Inbox, Notification
from smartqueue.outbox import operations as outbox
from smartqueue.realtime import operations as realtime_operations

_LOCK_INBOX = """
    INSERT INTO notifications_inbox AS i (user_id, version) VALUES (%s, 0)
    ON CONFLICT (user_id) DO UPDATE SET version = i.version
    RETURNING version
"""


@operation
def notify(
    *,
    user_id: UUID,
    code: str,
    data: Mapping[str, Any],
    dedupe_key: str,
    now: datetime,
    organization_id: UUID | None = None,
) -> Notification | None:
    """
    Tell a person something once: the same `dedupe_key` again changes nothing and returns None, as for
    somebody who was erased since it happened.

    `data` holds ids and facts that the words of `code` need; see `texts.register_text`.

    :raises UnknownText: no words under this code
    """
    person = User.objects.filter(pk=user_id, erased_at=None)
    language = person.values_list("language", flat=True).first()
    if language is None:
        return None
    version = _lock_inbox(user_id)
    is_known = Notification.objects.filter(
        dedupe_key=dedupe_key, user_id=user_id, channel=Channel.IN_APP
    ).exists()
    if is_known:
        return None
    notification = Notification(
        user_id=user_id,
        organization_id=organization_id,
        code=code,
        data=dict(data),
        dedupe_key=dedupe_key,
        created_at=now,
    )
    shown = queries.as_wire(notification, language)
    notification.save(force_insert=True)
    _tell(user_id, version + 1, "notification.created", shown, now)
    outbox.publish(
        NotificationCreated(
            notification_id=notification.pk,
            user_id=user_id,
            code=code,
            organization_id=organization_id,
            subject_version=version + 1,
            occurred_at=now,
            actor=SYSTEM.label,
        )
    )
    return notification


def _lock_inbox(user_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_INBOX, [user_id])
        version: int = cursor.fetchone()[0]
    return version


def _tell(user_id: UUID, version: int, kind: str, data: dict[str, Any], now: datetime) -> None:
    """Give the change its place in the person's topic, whose lock is held."""
    Inbox.objects.filter(pk=user_id).update(version=version)
    data["unread_count"] = queries.list_notifications(user_id, unread=True).count()
    realtime_operations.broadcast(
        realtime_operations.Message(
            topic=queries.topic_of(user_id), version=version, type=kind, data=data, at=now
        )
    )


@operation
def read_notification(*, actor: Actor, notification_id: UUID, now: datetime) -> Notification:
    """
    Mark a notification as read; one that was read stays as it is.

    :raises NotFound: unknown, or somebody else's
    """
    notification = policies.access_notification(actor, notification_id)
    version = _lock_inbox(notification.user_id)
    is_first = Notification.objects.filter(pk=notification.pk, read_at=None).update(read_at=now)
    notification.refresh_from_db(fields=["read_at"])
    if is_first:
        shown = {"id": str(notification.pk), "read_at": now.isoformat()}
        _tell(notification.user_id, version + 1, "notification.read", shown, now)
    return notification


@operation
def read_notifications(*, actor: Actor, until: UUID, now: datetime) -> int:
    """
    Mark a person's notifications as read up to the newest that they have seen, and return how many
    were not. What came after `until`, one of theirs, stays unread.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or somebody else's
    """
    user_id = policies.access_notification(actor, until).user_id
    version = _lock_inbox(user_id)
    unread = queries.list_notifications(user_id, unread=True).filter(pk__lte=until)
    count = unread.update(read_at=now)
    if count:
        shown = {"until": str(until), "read_at": now.isoformat()}
        _tell(user_id, version + 1, "notification.all_read", shown, now)
    return count

"""Forgetting a person."""

from uuid import UUID

from smartqueue.common.db import operation
from smartqueue.notifications import queries
from smartqueue.notifications.models import (
    Inbox,
    Notification,
    OutgoingMessage,
    Preference,
    QuietHours,
)
from smartqueue.notifications.operations.devices import remove_devices_of
from smartqueue.realtime.models import TopicEvent


@operation
def erase_person(*, user_id: UUID) -> None:
    """Delete what was told to a person."""
    remove_devices_of(user_id=user_id)
    OutgoingMessage.objects.filter(user_id=user_id).delete()
    Notification.objects.filter(user_id=user_id).delete()
    Preference.objects.filter(user_id=user_id).delete()
    QuietHours.objects.filter(user_id=user_id).delete()
    Inbox.objects.filter(user_id=user_id).delete()
    TopicEvent.objects.filter(topic=queries.topic_of(user_id)).delete()

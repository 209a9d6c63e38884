"""Who may read a notification: the person it was made for."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import NotFound
from smartqueue.notifications.models import Notification


def access_notification(actor: Actor, notification_id: UUID) -> Notification:
    """
    Return a notification of the actor's own.

    :raises NotFound: unknown, or somebody else's
    """
    notification = Notification.objects.filter(
        pk=notification_id, user_id=actor.require_user()
    ).first()
    if notification is None:
        raise NotFound
    return notification

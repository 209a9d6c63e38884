from smartqueue.notifications.models.messages import Inbox, Notification, OutgoingMessage

__all__ = ["Inbox", "Notification", "OutgoingMessage"]

"""Facts about messages, without their contents or recipients."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class MessageQueued(Event):
    """A message waits to be sent."""

    name: ClassVar[str] = "notifications.message.queued"
    subject: ClassVar[str] = "message"

    organization_id: UUID | None = None
    subject_version: int = 0
    message_id: UUID
    channel: str


@dataclass(frozen=True, kw_only=True)
class NotificationCreated(Event):
    """A person has something new to read; `subject_version` is the version of their topic."""

    name: ClassVar[str] = "notifications.notification.created"
    subject: ClassVar[str] = "notification"

    notification_id: UUID
    user_id: UUID
    code: str

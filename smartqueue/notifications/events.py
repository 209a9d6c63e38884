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
    importance: str = "normal"


@dataclass(frozen=True, kw_only=True)
class NotificationCreated(Event):
    """A person has something new to read; `subject_version` is the version of their topic."""

    name: ClassVar[str] = "notifications.notification.created"
    subject: ClassVar[str] = "notification"

    notification_id: UUID
    user_id: UUID
    code: str


@dataclass(frozen=True, kw_only=True)
class MessageNotDelivered(Event):
    """A message ended without reaching its person, or nobody knows; `code` says why."""

    name: ClassVar[str] = "notifications.message.not_delivered"
    subject: ClassVar[str] = "message"

    organization_id: UUID | None = None
    subject_version: int = 0
    message_id: UUID
    channel: str
    code: str


@dataclass(frozen=True, kw_only=True)
class SmsAccountChanged(Event):
    """Somebody changed under which name an organization texts, or what it may spend."""

    name: ClassVar[str] = "notifications.sms_account.changed"
    subject: ClassVar[str] = "organization"

    organization_id: UUID
    subject_version: int = 0


@dataclass(frozen=True, kw_only=True)
class SmsBudgetAlert(Event):
    """The month's text messages cost nearly what they may, or as much; `level` says which."""

    name: ClassVar[str] = "notifications.sms_budget.alert"
    subject: ClassVar[str] = "organization"

    organization_id: UUID
    subject_version: int = 0
    month: str
    level: str


@dataclass(frozen=True, kw_only=True)
class ProviderBalanceLow(Event):
    """What a provider's prepaid account still has will not last long."""

    name: ClassVar[str] = "notifications.provider.balance_low"
    subject: ClassVar[str] = "alert"

    organization_id: UUID | None = None
    subject_version: int = 0
    alert_id: UUID
    provider: str
    units: int | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class BatchCreated(Event):
    """Somebody had one text sent to many people."""

    name: ClassVar[str] = "notifications.batch.created"
    subject: ClassVar[str] = "batch"

    organization_id: UUID
    subject_version: int = 0
    batch_id: UUID
    total: int


@dataclass(frozen=True, kw_only=True)
class BatchCancelled(Event):
    """What had not left of a batch stays; `stopped` is how many messages that were."""

    name: ClassVar[str] = "notifications.batch.cancelled"
    subject: ClassVar[str] = "batch"

    organization_id: UUID
    subject_version: int = 0
    batch_id: UUID
    stopped: int


@dataclass(frozen=True, kw_only=True)
class TemplateChanged(Event):
    """An organization has other words of its own for a message, or the product's again."""

    name: ClassVar[str] = "notifications.template.changed"
    subject: ClassVar[str] = "template"

    organization_id: UUID
    subject_version: int
    template_id: UUID
    code: str
    channel: str
    language: str
    is_default: bool

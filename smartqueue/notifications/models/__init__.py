from smartqueue.notifications.models.batches import Batch, BatchChunk
from smartqueue.notifications.models.budgets import SmsAccount, SmsSpend
from smartqueue.notifications.models.content import Preference, QuietHours, TemplateVersion
from smartqueue.notifications.models.devices import BrowserSubscription, PushToken
from smartqueue.notifications.models.messages import (
    DeliveryAttempt,
    Inbox,
    Notification,
    OutgoingMessage,
)
from smartqueue.notifications.models.providers import (
    DeadAddress,
    InboundMessage,
    OptOut,
    ProviderCallback,
    ProviderHealth,
    ProviderReceipt,
)

__all__ = [
    "Batch",
    "BatchChunk",
    "BrowserSubscription",
    "DeadAddress",
    "DeliveryAttempt",
    "InboundMessage",
    "Inbox",
    "Notification",
    "OptOut",
    "OutgoingMessage",
    "Preference",
    "ProviderCallback",
    "ProviderHealth",
    "ProviderReceipt",
    "PushToken",
    "QuietHours",
    "SmsAccount",
    "SmsSpend",
    "TemplateVersion",
]

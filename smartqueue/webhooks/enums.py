from datetime import timedelta
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class EndpointState(models.TextChoices):
    """`disabled` is what failures did; `paused` is what people did."""

    ACTIVE = "active", pgettext_lazy("webhook", "Active")
    PAUSED = "paused", pgettext_lazy("webhook", "Paused")
    DISABLED = "disabled", pgettext_lazy("webhook", "Disabled after failures")


class MessageState(models.TextChoices):
    PENDING = "pending", pgettext_lazy("webhook", "To be sent")
    SENDING = "sending", pgettext_lazy("webhook", "Being sent")
    DELIVERED = "delivered", pgettext_lazy("webhook", "Delivered")
    FAILED = "failed", pgettext_lazy("webhook", "Failed")


class DisabledReason(models.TextChoices):
    GONE = "gone", _("The receiver answered 410: it wants no more.")
    FAILURES = "failures", _("Nothing was accepted for five days.")


TRANSITIONS: Final[dict[MessageState, frozenset[MessageState]]] = {
    MessageState.PENDING: frozenset({MessageState.SENDING, MessageState.FAILED}),
    MessageState.SENDING: frozenset(
        {MessageState.PENDING, MessageState.DELIVERED, MessageState.FAILED}
    ),
    MessageState.DELIVERED: frozenset({MessageState.PENDING}),
    MessageState.FAILED: frozenset({MessageState.PENDING}),
}

# The schedule of Standard Webhooks: the first try is at once.
RETRY_AFTER: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES: Final = len(RETRY_AFTER) + 1
DISABLED_AFTER: Final = timedelta(days=5)
OLD_SECRET_LIFE: Final = timedelta(hours=24)
MESSAGE_LIFE: Final = timedelta(days=30)

MOST_ENDPOINTS: Final = 20
# Of one endpoint at the same time; of one that failed last time, a single one.
MOST_AT_ONCE: Final = 2
CALL_SECONDS: Final = 10.0
LEASE: Final = timedelta(seconds=60)
ADDRESS_LENGTH: Final = 1000
DESCRIPTION_LENGTH: Final = 200
ANSWER_BYTES: Final = 1024

from collections.abc import Mapping
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """How a message reaches a person."""

    IN_APP = "in_app", _("In the application")
    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    PUSH = "push", _("Push message")
    WEB_PUSH = "web_push", _("Push message of a browser")


class Platform(models.TextChoices):
    """What a phone runs; messages reach both through Firebase."""

    ANDROID = "android", _("Android")
    IOS = "ios", _("iOS")


class Importance(models.TextChoices):
    """
    What a message may cost and override. A vital one (a turn called, a code, a security notice) goes
    out over the budget, to people who opted out of the rest, and a second time where the first may
    have been lost.
    """

    VITAL = "vital", _("Vital")
    NORMAL = "normal", _("Normal")
    LOW = "low", _("Low")


class Group(models.TextChoices):
    """What a message is about; people choose by these what they are told, and how."""

    QUEUE = "queue", _("My place in line")
    APPOINTMENT = "appointment", _("My appointments")
    ORGANIZATION = "organization", _("My work")
    DIGEST = "digest", _("A summary of the day before, each morning")
    ACCOUNT = "account", _("My account")
    SECURITY = "security", _("The safety of my account")


class MessageState(models.TextChoices):
    """
    Where an outgoing message is. `sending` is claimed by a worker; `unknown` may have arrived and is
    not sent again blindly. `sent` and `unknown` are the last state where nobody reports more.
    """

    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")
    EXPIRED = "expired", _("Too late")
    CANCELLED = "cancelled", _("Cancelled")


_Q, _S, _SENT = MessageState.QUEUED, MessageState.SENDING, MessageState.SENT
_OK, _KO, _UNKNOWN = MessageState.DELIVERED, MessageState.FAILED, MessageState.UNKNOWN
_LATE, _STOPPED = MessageState.EXPIRED, MessageState.CANCELLED

TRANSITIONS: Final[Mapping[MessageState, frozenset[MessageState]]] = {
    _Q: frozenset({_S, _OK, _KO, _LATE, _STOPPED}),
    _S: frozenset({_Q, _SENT, _OK, _KO, _UNKNOWN, _LATE}),
    _SENT: frozenset({_Q, _OK, _KO, _LATE}),
    _UNKNOWN: frozenset({_Q, _SENT, _OK, _KO, _LATE}),
    # A provider that reports late is believed when it says that the message has arrived.
    _KO: frozenset({_OK}),
    _LATE: frozenset({_OK}),
    _OK: frozenset(),
    _STOPPED: frozenset(),
}
UNDELIVERED: Final = frozenset({MessageState.FAILED, MessageState.UNKNOWN, MessageState.EXPIRED})


class AttemptState(models.TextChoices):
    """What became of one message at one provider."""

    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")
    EXPIRED = "expired", _("Too late")


ATTEMPT_TRANSITIONS: Final[Mapping[AttemptState, frozenset[AttemptState]]] = {
    AttemptState.SENDING: frozenset(AttemptState) - {AttemptState.SENDING},
    AttemptState.UNKNOWN: frozenset(
        {AttemptState.SENT, AttemptState.DELIVERED, AttemptState.FAILED, AttemptState.EXPIRED}
    ),
    AttemptState.SENT: frozenset(
        {AttemptState.DELIVERED, AttemptState.FAILED, AttemptState.EXPIRED}
    ),
    AttemptState.FAILED: frozenset({AttemptState.DELIVERED}),
    AttemptState.EXPIRED: frozenset({AttemptState.DELIVERED}),
    AttemptState.DELIVERED: frozenset(),
}


class BatchState(models.TextChoices):
    """Where a batch is: its messages are being made, all made, or those that had not left stopped."""

    PREPARING = "preparing", _("Being prepared")
    UNDER_WAY = "under_way", _("Under way")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")


class CircuitState(models.TextChoices):
    """Whether a provider is used: open is left alone until a single message tries it again."""

    CLOSED = "closed", _("In use")
    OPEN = "open", _("Left alone")


class CallbackKind(models.TextChoices):
    """What a provider calls the product for."""

    RECEIPTS = "receipts", _("Receipt")
    INBOUND = "inbound", _("Incoming message")


class CallbackState(models.TextChoices):
    """Where a provider's call is: kept as it came, understood, or of no use."""

    STORED = "stored", _("Stored")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")

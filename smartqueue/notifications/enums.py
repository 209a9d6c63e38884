from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """How a message reaches a person."""

    IN_APP = "in_app", _("In the application")
    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    PUSH = "push", _("Push message")
    WEB_PUSH = "web_push", _("Push message of a browser")


class MessageState(models.TextChoices):
    """
    Where an outgoing message is. `sending` is claimed by a worker; one that died while sending
    leaves `unknown`, which is not sent again, because it may have arrived.
    """

    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")

from django.conf import settings
from django.db import models
from django.db.models import Q

from smartqueue.common.models import IdModel
from smartqueue.notifications.enums import Channel, MessageState


class Inbox(models.Model):
    """A person's topic `user:<id>`: its row is the lock under which the version grows without gaps."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    version = models.BigIntegerField()


class Notification(IdModel):
    """
    Something to read, made once per event, person and channel. The words follow from `code` and
    `data` in the reader's language.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    organization_id = models.UUIDField(null=True)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.IN_APP)
    code = models.CharField(max_length=40)
    data = models.JSONField()
    dedupe_key = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key", "user", "channel"], name="notification_once"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notification_newest"),
            models.Index(
                fields=["user"], name="notification_unread", condition=Q(read_at__isnull=True)
            ),
        ]


class OutgoingMessage(IdModel):
    """
    An e-mail or text message on its way. The body is sealed, and removed once it was sent; the
    development mailbox keeps it.
    """

    channel = models.CharField(max_length=8, choices=Channel.choices)
    recipient = models.CharField(max_length=254)
    user_id = models.UUIDField(null=True, db_index=True)
    template = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    sealed_body = models.TextField(blank=True)
    state = models.CharField(
        max_length=7, choices=MessageState.choices, default=MessageState.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    dedupe_key = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField()
    stored_at = models.DateTimeField(db_default=models.functions.Now(), db_index=True)
    next_attempt_at = models.DateTimeField(db_default=models.functions.Now())
    claimed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="message_due", condition=Q(state="queued")
            ),
            models.Index(
                fields=["claimed_at"], name="message_claimed", condition=Q(state="sending")
            ),
            models.Index(fields=["recipient", "-id"], name="message_recipient"),
        ]

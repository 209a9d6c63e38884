from django.conf import settings
from django.db import models
from django.db.models import Q

from smartqueue.common.models import IdModel
from smartqueue.notifications.enums import AttemptState, Channel, Importance, MessageState


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
    A message on its way to one person by one channel, and what became of it.

    The words are sealed, and removed once the message is in its last state; the development mailbox
    keeps them. `sealed_rest` is what else is needed to send it or to try another channel.
    `ended_at` says that nothing more is expected. `settle_at` is when a message that was sent, or may
    have been, is asked about or given up. `failures` counts unexpected errors.
    """

    channel = models.CharField(max_length=8, choices=Channel.choices)
    recipient = models.CharField(max_length=2000)
    user_id = models.UUIDField(null=True, db_index=True)
    organization_id = models.UUIDField(null=True)
    batch_id = models.UUIDField(null=True)
    importance = models.CharField(
        max_length=6, choices=Importance.choices, default=Importance.NORMAL
    )
    template = models.CharField(max_length=40)
    language = models.CharField(max_length=2, default="fr")
    subject = models.CharField(max_length=200)
    sealed_body = models.TextField(blank=True)
    sealed_rest = models.TextField(blank=True)
    segments = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(
        max_length=9, choices=MessageState.choices, default=MessageState.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    provider = models.CharField(max_length=40, blank=True)
    cost_minor = models.PositiveIntegerField(default=0)
    dedupe_key = models.CharField(max_length=120)
    fallback_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="fallbacks"
    )
    created_at = models.DateTimeField()
    stored_at = models.DateTimeField(db_default=models.functions.Now(), db_index=True)
    next_attempt_at = models.DateTimeField(db_default=models.functions.Now())
    claimed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settle_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key", "channel", "recipient"], name="message_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="message_due", condition=Q(state="queued")
            ),
            models.Index(
                fields=["claimed_at"], name="message_claimed", condition=Q(state="sending")
            ),
            models.Index(
                fields=["settle_at"], name="message_unsettled", condition=Q(settle_at__isnull=False)
            ),
            models.Index(fields=["recipient", "-id"], name="message_recipient"),
            models.Index(
                fields=["organization_id", "-id"],
                name="message_organization",
                condition=Q(organization_id__isnull=False),
            ),
            models.Index(
                fields=["batch_id", "state"],
                name="message_batch",
                condition=Q(batch_id__isnull=False),
            ),
        ]


class DeliveryAttempt(IdModel):
    """
    One handing over of a message to a provider. Its id is the reference that travels with it, and
    `provider_reference` the provider's own. `cost_minor` is what it was charged, or what the route
    costs. `is_probe` is the one message that tries a provider that was left alone.
    """

    message = models.ForeignKey(
        OutgoingMessage, on_delete=models.CASCADE, related_name="deliveries"
    )
    provider = models.CharField(max_length=40)
    state = models.CharField(
        max_length=9, choices=AttemptState.choices, default=AttemptState.SENDING
    )
    provider_reference = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    is_fault = models.BooleanField(default=False)
    is_probe = models.BooleanField(default=False)
    segments = models.PositiveSmallIntegerField(default=1)
    cost_minor = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    spent_month = models.DateField(null=True)
    started_at = models.DateTimeField(db_default=models.functions.Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["provider", "-started_at"], name="attempt_recent"),
            models.Index(
                fields=["provider", "provider_reference"],
                name="attempt_reference",
                condition=~Q(provider_reference=""),
            ),
        ]

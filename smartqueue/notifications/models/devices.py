from django.conf import settings
from django.db import models
from django.db.models import Q

from smartqueue.common.models import IdModel
from smartqueue.notifications.enums import Platform


class PushToken(IdModel):
    """
    An app on a phone, signed in by one person; messages name the row, never the token.

    `digest` finds the token, which itself is sealed. `key_digest` stands for a secret that the app
    made: with it another person who signs in on the same phone takes the token over. `session_id` is
    the sign-in that registered it; the row counts for as long as that lasts.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_tokens"
    )
    session_id = models.UUIDField(null=True, db_index=True)
    device_id = models.CharField(max_length=64)
    platform = models.CharField(max_length=7, choices=Platform.choices)
    digest = models.BinaryField(max_length=32, unique=True)
    sealed = models.TextField()
    key_digest = models.BinaryField(max_length=32, blank=True)
    app_version = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "device_id"], name="push_token_of_device"),
        ]


class BrowserSubscription(IdModel):
    """
    A browser that shows messages to an account, or to whoever holds a ticket; messages name the row.

    `sealed` is the subscription as the browser gave it. `digest` finds its endpoint, `auth_digest`
    its secret, which only that browser knows.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="browser_subscriptions",
    )
    session_id = models.UUIDField(null=True, db_index=True)
    ticket_id = models.UUIDField(null=True)
    digest = models.BinaryField(max_length=32)
    auth_digest = models.BinaryField(max_length=32)
    sealed = models.TextField()
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, ticket_id__isnull=True)
                | Q(user__isnull=True, ticket_id__isnull=False),
                name="browser_of_account_or_ticket",
            ),
            models.UniqueConstraint(
                fields=["user", "digest"],
                name="browser_of_account_once",
                condition=Q(user__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["ticket_id", "digest"],
                name="browser_of_ticket_once",
                condition=Q(ticket_id__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["digest"], name="browser_digest")]

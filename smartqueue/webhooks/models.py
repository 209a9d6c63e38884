from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from smartqueue.common.models import TenantModel
from smartqueue.webhooks.enums import (
    ADDRESS_LENGTH,
    ANSWER_BYTES,
    DESCRIPTION_LENGTH,
    TRANSITIONS,
    DisabledReason,
    EndpointState,
    MessageState,
)
from smartqueue.webhooks.errors import IllegalMessageTransition


class Endpoint(TenantModel):
    """
    An address of an organization that is told of its events; null `event_types` are all of them.

    `failing_since` is when the first of the present row of failures was. The old secret signs beside
    the new one until `old_secret_until`.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    url = models.CharField(max_length=ADDRESS_LENGTH)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    event_types = ArrayField(models.CharField(max_length=80), null=True)
    state = models.CharField(
        max_length=8, choices=EndpointState.choices, default=EndpointState.ACTIVE
    )
    disabled_reason = models.CharField(max_length=8, choices=DisabledReason.choices, blank=True)
    sealed_secret = models.TextField()
    sealed_old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "url"], name="webhook_address_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="endpoint_newest"),
            models.Index(
                fields=["organization"], condition=Q(state="active"), name="endpoint_listening"
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url


class Message(TenantModel):
    """
    One event for one endpoint, as it is sent. `event_key` stands for the event, so that it is queued
    once; `attempts` counts the tries of this round, which a replay begins anew.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="messages")
    event_key = models.UUIDField()
    type = models.CharField(max_length=80)
    subject_version = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    body = models.TextField()
    state = models.CharField(
        max_length=9, choices=MessageState.choices, default=MessageState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_key"], name="webhook_message_once"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                condition=Q(state="pending"),
                name="webhook_due",
            ),
            models.Index(
                fields=["leased_until"], condition=Q(state="sending"), name="webhook_leased"
            ),
            models.Index(fields=["endpoint", "-created_at", "-id"], name="webhook_newest"),
            models.Index(fields=["created_at"], name="webhook_created_at"),
        ]

    def move_to(self, state: MessageState) -> None:
        """
        Change the state; only `webhooks.operations` calls this.

        :raises IllegalMessageTransition: not allowed from the present state
        """
        present = MessageState(self.state)
        if state not in TRANSITIONS[present]:
            raise IllegalMessageTransition(state=present.value)
        self.state = state


class Attempt(TenantModel):
    """
    One try to deliver a message. `answer` is the beginning of what the receiver said; `error_code`
    is empty where it accepted.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="tried")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    milliseconds = models.PositiveIntegerField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=ANSWER_BYTES, blank=True)
    error_code = models.CharField(max_length=30, blank=True)

    class Meta:
        indexes = [models.Index(fields=["message", "started_at"], name="webhook_tries")]

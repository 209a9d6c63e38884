"""What clients may send, field by field; and, for the schema, what they get."""

from typing import Any

from rest_framework import serializers

from smartqueue.webhooks.enums import (
    ADDRESS_LENGTH,
    DESCRIPTION_LENGTH,
    DisabledReason,
    EndpointState,
    MessageState,
)
from smartqueue.webhooks.models import Attempt, Endpoint, Message

Data = dict[str, Any]


class WebhookOrganizationQuery(serializers.Serializer[Data]):
    """Without an organization, all that the caller manages."""

    organization = serializers.UUIDField(required=False)


class EndpointInput(serializers.Serializer[Data]):
    """`event_types` null: all of them, also those to come."""

    organization = serializers.UUIDField()
    url = serializers.CharField(max_length=ADDRESS_LENGTH)
    description = serializers.CharField(max_length=DESCRIPTION_LENGTH, allow_blank=True, default="")
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=80), allow_null=True, max_length=200, default=None
    )


class EndpointChanges(serializers.Serializer[Data]):
    url = serializers.CharField(max_length=ADDRESS_LENGTH, required=False)
    description = serializers.CharField(
        max_length=DESCRIPTION_LENGTH, allow_blank=True, required=False
    )
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=80), allow_null=True, max_length=200, required=False
    )


class ReplayInput(serializers.Serializer[Data]):
    since = serializers.DateTimeField(help_text="Of what was queued since then and failed.")


class ReplayedOutput(serializers.Serializer[Data]):
    replayed = serializers.IntegerField()


class WebhookSerializer(serializers.ModelSerializer[Endpoint]):
    """An endpoint without its secret."""

    organization = serializers.UUIDField(source="organization_id")
    state = serializers.ChoiceField(choices=EndpointState.choices)
    disabled_reason = serializers.ChoiceField(choices=DisabledReason.choices, allow_blank=True)
    old_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the secret before the present one signs too."
    )

    class Meta:
        model = Endpoint
        fields: Any = (
            "id",
            "organization",
            "url",
            "description",
            "event_types",
            "state",
            "disabled_reason",
            "failing_since",
            "old_secret_until",
            "created_at",
            "changed_at",
        )
        read_only_fields = fields


class WebhookWithSecretSerializer(WebhookSerializer):
    """`secret` is shown this once."""

    secret = serializers.CharField()

    class Meta(WebhookSerializer.Meta):
        fields: Any = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class WebhookMessageQuery(serializers.Serializer[Data]):
    state = serializers.ChoiceField(choices=MessageState.choices, required=False)
    type = serializers.CharField(max_length=80, required=False)


class WebhookMessageSerializer(serializers.ModelSerializer[Message]):
    endpoint = serializers.UUIDField(source="endpoint_id")
    state = serializers.ChoiceField(choices=MessageState.choices)

    class Meta:
        model = Message
        fields: Any = (
            "id",
            "endpoint",
            "type",
            "subject_version",
            "occurred_at",
            "state",
            "attempts",
            "next_attempt_at",
            "created_at",
            "ended_at",
        )
        read_only_fields = fields


class WebhookAttemptSerializer(serializers.ModelSerializer[Attempt]):
    class Meta:
        model = Attempt
        fields = ("id", "started_at", "ended_at", "milliseconds", "status", "answer", "error_code")
        read_only_fields = fields


class WholeWebhookMessageSerializer(WebhookMessageSerializer):
    """A message as it is sent, with every try."""

    body = serializers.CharField(help_text="The JSON that is signed and sent.")
    tried = WebhookAttemptSerializer(many=True)

    class Meta(WebhookMessageSerializer.Meta):
        fields: Any = (*WebhookMessageSerializer.Meta.fields, "body", "tried")
        read_only_fields = fields


class EventTypeSerializer(serializers.Serializer[Data]):
    type = serializers.CharField()
    description = serializers.CharField()

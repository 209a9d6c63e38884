"""The shapes of requests and answers."""

from typing import Any

from rest_framework import serializers

from smartqueue.privacy.enums import Purpose, Right
from smartqueue.privacy.models import Consent, Export, RegisterEntry
from smartqueue.support.enums import BODY_LENGTH
from smartqueue.support.models import SupportCase


class ExportSerializer(serializers.ModelSerializer[Export]):
    class Meta:
        model = Export
        fields = (
            "id",
            "state",
            "requested_at",
            "ready_at",
            "expires_at",
            "downloaded_at",
            "size",
        )
        read_only_fields = fields


class RightsRequestInput(serializers.Serializer[Any]):
    """`branch` is the place that is asked; without one it is whoever runs the platform."""

    right = serializers.ChoiceField(choices=Right.choices)
    branch = serializers.UUIDField(required=False, allow_null=True, default=None)
    body = serializers.CharField(max_length=BODY_LENGTH)


class RightsRequestSerializer(serializers.ModelSerializer[SupportCase]):
    """The case in which the answer comes, and until when the law wants it."""

    answer_by = serializers.DateTimeField()

    class Meta:
        model = SupportCase
        fields = ("id", "title", "state", "opened_at", "answer_by")
        read_only_fields = fields


class ConsentInput(serializers.Serializer[Any]):
    """A yes names the version of the text that was read."""

    purpose = serializers.ChoiceField(choices=Purpose.choices)
    is_given = serializers.BooleanField()
    version = serializers.IntegerField(min_value=1, max_value=32767)


class ConsentStateSerializer(serializers.Serializer[Any]):
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    title = serializers.CharField()
    version = serializers.IntegerField()
    text = serializers.CharField()
    is_given = serializers.BooleanField()
    said_at = serializers.DateTimeField(allow_null=True)


class ConsentsSerializer(serializers.Serializer[Any]):
    consents = ConsentStateSerializer(many=True)


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    class Meta:
        model = Consent
        fields = ("id", "purpose", "is_given", "text_version", "source", "language", "at")
        read_only_fields = fields


class PhoneInput(serializers.Serializer[Any]):
    phone = serializers.CharField(max_length=32)


class PhoneCodeInput(PhoneInput):
    code = serializers.CharField(max_length=12)


class CodeSentSerializer(serializers.Serializer[Any]):
    expires_at = serializers.DateTimeField()


class OrganizationQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()


class PeriodSerializer(serializers.Serializer[Any]):
    """One kind of data; `period` is empty for as long as the thing itself exists."""

    code = serializers.CharField(source="kind.code")
    title = serializers.CharField(source="kind.title")
    purpose = serializers.CharField(source="kind.purpose")
    basis = serializers.CharField(source="kind.basis")
    period = serializers.CharField()
    since = serializers.CharField(source="kind.since")
    at_end = serializers.CharField(source="kind.at_end")
    is_shortenable = serializers.BooleanField(source="kind.is_shortenable")
    is_shortened = serializers.BooleanField()


class PeriodsSerializer(serializers.Serializer[Any]):
    kinds = PeriodSerializer(many=True)


class EntryInput(serializers.ModelSerializer[RegisterEntry]):
    class Meta:
        model = RegisterEntry
        fields = (
            "name",
            "purpose",
            "people",
            "data",
            "basis",
            "recipients",
            "transfers",
            "retention",
            "security",
            "declaration",
        )


class NewEntryInput(EntryInput):
    organization = serializers.UUIDField()

    class Meta(EntryInput.Meta):
        fields = ("organization", *EntryInput.Meta.fields)  # type: ignore[assignment]  # one more


class RegisterEntrySerializer(serializers.ModelSerializer[RegisterEntry]):
    organization = serializers.UUIDField(source="organization_id", read_only=True)

    class Meta:
        model = RegisterEntry
        fields = ("id", "organization", *EntryInput.Meta.fields, "created_at", "version")
        read_only_fields = fields

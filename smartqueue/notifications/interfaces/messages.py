"""REST of messages: what staff send, see and stop; and how the providers are doing."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.common.errors import NotFound
from smartqueue.common.ids import new_id
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.notifications import operations, policies, queries
from smartqueue.notifications.enums import Channel, MessageState
from smartqueue.notifications.models import Batch, DeliveryAttempt, OutgoingMessage, SmsAccount
from smartqueue.notifications.operations import budgets

TEXT_LENGTH = 10_000


class NewSmsInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    phone = serializers.CharField(max_length=20, help_text="In international form: +221771234567.")
    text = serializers.CharField(max_length=2000, trim_whitespace=False)


class NewEmailInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    email = serializers.EmailField(max_length=254)
    subject = serializers.CharField(max_length=150)
    text = serializers.CharField(max_length=TEXT_LENGTH, trim_whitespace=False)


class MessageSerializer(serializers.ModelSerializer[OutgoingMessage]):
    """A message without its words: they are removed once it has ended."""

    organization = serializers.UUIDField(source="organization_id", allow_null=True)
    batch = serializers.UUIDField(source="batch_id", allow_null=True)
    fallback_of = serializers.UUIDField(source="fallback_of_id", allow_null=True)
    reason = serializers.CharField(
        source="last_error", help_text="Why it did not go or arrive; empty when nothing was wrong."
    )

    class Meta:
        model = OutgoingMessage
        fields: Any = (
            "id",
            "organization",
            "batch",
            "fallback_of",
            "channel",
            "recipient",
            "template",
            "importance",
            "state",
            "reason",
            "segments",
            "cost_minor",
            "provider",
            "attempts",
            "created_at",
            "sent_at",
            "ended_at",
            "expires_at",
        )
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    class Meta:
        model = DeliveryAttempt
        fields = (
            "id",
            "provider",
            "state",
            "error_code",
            "segments",
            "cost_minor",
            "currency",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class MessageDetailSerializer(MessageSerializer):
    tried = serializers.SerializerMethodField()

    class Meta(MessageSerializer.Meta):
        fields: Any = (*MessageSerializer.Meta.fields, "tried")
        read_only_fields = fields

    @extend_schema_field(AttemptSerializer(many=True))
    def get_tried(self, message: OutgoingMessage) -> Any:
        return AttemptSerializer(queries.attempts_of(message), many=True).data


class SendSmsView(ApiView):
    """A text message of staff to one of their organization's people."""

    @extend_schema(request=NewSmsInput, responses={202: MessageSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Queue a text message to one of the organization's own people.

        Refused before anything is queued: `number_not_textable` and `text_too_long` (422),
        `not_own_person` (403), `opted_out` and `budget_spent` (409), `too_many_requests` (429).
        """
        asked = NewSmsInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        message = operations.send_sms(
            actor=request.actor,
            organization_id=given["organization"],
            phone=given["phone"],
            text=given["text"],
            key=str(new_id()),
            now=request.now,
        )
        return Response(MessageSerializer(message).data, status=202)


class SendEmailView(ApiView):
    """An e-mail of staff to one of their organization's people."""

    @extend_schema(request=NewEmailInput, responses={202: MessageSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Queue an e-mail to one of the organization's own people.

        Refused before anything is queued: `not_own_person` (403), `opted_out` and `address_dead`
        (409), `too_many_requests` (429).
        """
        asked = NewEmailInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        message = operations.send_email(
            actor=request.actor,
            organization_id=given["organization"],
            address=given["email"],
            subject=given["subject"],
            text=given["text"],
            key=str(new_id()),
            now=request.now,
        )
        return Response(MessageSerializer(message).data, status=202)


class SmsProviderSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["in_use", "left_alone"])
    balance_units = serializers.IntegerField(
        allow_null=True,
        help_text="Messages left. Told to platform staff alone, as the next four.",
    )
    balance_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    balance_at = serializers.DateTimeField(allow_null=True)
    is_balance_low = serializers.BooleanField(allow_null=True)
    sent = serializers.IntegerField(
        help_text="Of the caller's organizations in the last 24 hours, as the next three."
    )
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    delivery_rate = serializers.FloatField(
        allow_null=True, help_text="Delivered of those whose outcome is known, from 0 to 1."
    )


class SmsProvidersView(ApiListView):
    """The providers of text messages."""

    serializer_class = SmsProviderSerializer
    filter_backends = []

    def get_queryset(self) -> Any:
        return queries.list_sms_providers(policies.access_providers(self.request.actor))

    @extend_schema(responses=SmsProviderSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """
        List providers with their state and delivery rate of the last day.

        Managers see their own organizations' messages; platform staff everybody's, and the balances.
        """
        return self.list_response(request)


# --- How an organization texts ------------------------------------------------------------------


class OrganizationQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()


class SmsAccountInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    sender_name = serializers.CharField(max_length=11, allow_blank=True)
    monthly_budget_minor = serializers.IntegerField(
        min_value=0, max_value=2_000_000_000, allow_null=True, help_text="Null for no budget."
    )
    alert_percent = serializers.IntegerField(min_value=1, max_value=100, default=80)


class SmsAccountSerializer(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    sender_name = serializers.CharField()
    monthly_budget_minor = serializers.IntegerField(allow_null=True)
    alert_percent = serializers.IntegerField()
    spent_minor = serializers.IntegerField(help_text="This month.")
    messages = serializers.IntegerField(help_text="Text messages of this month.")
    currency = serializers.CharField()


class SmsAccountView(ApiView):
    """How an organization texts and what it spends."""

    @extend_schema(parameters=[OrganizationQuery], responses=SmsAccountSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Show the name that phones show, the budget, and what this month cost so far."""
        asked = OrganizationQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        organization_id = asked.validated_data["organization"]
        policies.access_messages(request.actor, organization_id)
        return self._shown(request, organization_id)

    @extend_schema(request=SmsAccountInput, responses=SmsAccountSerializer)
    def put(self, request: ApiRequest) -> Response:
        """Change the name and the budget."""
        asked = SmsAccountInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        organization_id = given["organization"]
        operations.set_sms_account(
            actor=request.actor,
            organization_id=organization_id,
            sender_name=given["sender_name"],
            monthly_budget_minor=given["monthly_budget_minor"],
            alert_percent=given["alert_percent"],
            now=request.now,
        )
        return self._shown(request, organization_id)

    def _shown(self, request: ApiRequest, organization_id: UUID) -> Response:
        account = budgets.account_of(organization_id) or SmsAccount(alert_percent=80)
        spend = budgets.spend_of(organization_id, budgets.month_of(request.now))
        return Response(
            {
                "organization": str(organization_id),
                "sender_name": account.sender_name,
                "monthly_budget_minor": account.monthly_budget_minor,
                "alert_percent": account.alert_percent,
                "spent_minor": spend.spent_minor if spend else 0,
                "messages": spend.messages if spend else 0,
                "currency": "XOF",
            }
        )


# --- What was sent ------------------------------------------------------------------------------


class MessageQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=MessageState.choices, required=False)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    recipient = serializers.CharField(max_length=254, required=False)
    batch = serializers.UUIDField(required=False)


def _asked_organizations(request: ApiRequest, organization_id: UUID | None) -> list[UUID]:
    managed = policies.managed_organizations(request.actor)
    if organization_id is None:
        return managed
    if organization_id not in managed:
        raise NotFound
    return [organization_id]


class MessageListView(ApiListView):
    """Every message of the caller's organizations, and why it went or did not."""

    serializer_class = MessageSerializer
    filter_backends = []

    def get_queryset(self) -> "QuerySet[OutgoingMessage]":
        asked = MessageQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        rows = queries.messages_of(
            _asked_organizations(self.request, given.pop("organization", None))
        )
        if "batch" in given:
            given["batch_id"] = given.pop("batch")
        return rows.filter(**given)

    @extend_schema(parameters=[MessageQuery], responses=MessageSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List messages, newest first."""
        return self.list_response(request)


class MessageView(ApiView):
    """One message with everything that was tried."""

    @extend_schema(responses=MessageDetailSerializer)
    def get(self, request: ApiRequest, message_id: UUID) -> Response:
        """Show a message and each provider that was asked to carry it."""
        message = policies.access_message(request.actor, message_id)
        return Response(MessageDetailSerializer(message).data)


# --- Batches ------------------------------------------------------------------------------------


class NewBatchInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    phones = serializers.ListField(
        child=serializers.CharField(max_length=20), min_length=1, max_length=500
    )
    text = serializers.CharField(max_length=2000, trim_whitespace=False)


class BatchSerializer(serializers.ModelSerializer[Batch]):
    organization = serializers.UUIDField(source="organization_id")
    counts = serializers.SerializerMethodField()

    class Meta:
        model = Batch
        fields = (
            "id",
            "organization",
            "channel",
            "state",
            "total",
            "counts",
            "created_at",
            "cancelled_at",
        )
        read_only_fields = fields

    def get_counts(self, batch: Batch) -> dict[str, int]:
        counts: dict[UUID, dict[str, int]] = self.context["counts"]
        return counts.get(batch.pk, {})


def _batch(batch: Batch) -> Any:
    counts = queries.counts_of([batch.pk])
    return BatchSerializer(batch, context={"counts": counts}).data


class BatchListView(ApiListView):
    """One text for many people."""

    serializer_class = BatchSerializer
    filter_backends = []
    queryset = Batch.objects.none()

    def get_queryset(self) -> "QuerySet[Batch]":
        return queries.batches_of(policies.managed_organizations(self.request.actor))

    @extend_schema(responses=BatchSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List batches, newest first, with how many of their messages are in which state."""
        page = self.paginate_queryset(self.get_queryset()) or []
        counts = queries.counts_of(batch.pk for batch in page)
        shown = BatchSerializer(page, many=True, context={"counts": counts})
        return self.get_paginated_response(shown.data)

    @extend_schema(request=NewBatchInput, responses={202: BatchSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Have a text sent to several of the organization's own people.

        All or none: refused as a single text message is.
        """
        asked = NewBatchInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        batch = operations.send_to_many(
            actor=request.actor,
            organization_id=given["organization"],
            phones=given["phones"],
            text=given["text"],
            now=request.now,
        )
        return Response(_batch(batch), status=202)


class BatchView(ApiView):
    """The progress of a batch."""

    @extend_schema(responses=BatchSerializer)
    def get(self, request: ApiRequest, batch_id: UUID) -> Response:
        """Show how many messages of a batch are in which state."""
        return Response(_batch(policies.access_batch(request.actor, batch_id)))


class CancelBatchView(ApiView):
    """Stop what has not left of a batch."""

    @extend_schema(request=None, responses=BatchSerializer)
    @idempotent
    def post(self, request: ApiRequest, batch_id: UUID) -> Response:
        """Stop the messages that have not left; `batch_over` (409) when there are none."""
        batch = operations.cancel_batch(actor=request.actor, batch_id=batch_id, now=request.now)
        return Response(_batch(batch))

"""REST of webhooks: parse, one call, answer."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.common.errors import NotFound
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.webhooks import catalogue, operations, policies, queries
from smartqueue.webhooks.interfaces import serializers as forms
from smartqueue.webhooks.models import Endpoint, Message


def _with_secret(made: tuple[Endpoint, str]) -> dict[str, Any]:
    endpoint, secret = made
    return dict(forms.WebhookSerializer(endpoint).data) | {"secret": secret}


class EndpointListView(ApiListView):
    """The addresses that an organization has told of its events."""

    serializer_class = forms.WebhookSerializer
    filter_backends = []
    queryset = Endpoint.objects.none()

    def get_queryset(self) -> "QuerySet[Endpoint]":
        asked = forms.WebhookOrganizationQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        managed = policies.managed_organizations(self.request.actor)
        chosen = asked.validated_data.get("organization")
        if chosen is not None and chosen not in managed:
            raise NotFound
        return queries.endpoints_of([chosen] if chosen else managed)

    @extend_schema(
        parameters=[forms.WebhookOrganizationQuery], responses=forms.WebhookSerializer(many=True)
    )
    def get(self, request: ApiRequest) -> Response:
        """List the webhooks of the organizations that the caller manages, newest first."""
        return self.list_response(request)

    @extend_schema(request=forms.EndpointInput, responses={201: forms.WebhookWithSecretSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Add a webhook and show its secret; asked again, it is refused by its address."""
        given = dict(read(forms.EndpointInput, request))
        made = operations.create_endpoint(
            actor=request.actor,
            organization_id=given.pop("organization"),
            now=request.now,
            **given,
        )
        return Response(_with_secret(made), status=201)


class EndpointView(ApiView):
    @extend_schema(responses=forms.WebhookSerializer)
    def get(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Read a webhook."""
        endpoint = policies.access_endpoint(request.actor, endpoint_id)
        return Response(forms.WebhookSerializer(endpoint).data)

    @extend_schema(request=forms.EndpointChanges(partial=True), responses=forms.WebhookSerializer)
    def patch(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Change address, description or events of a webhook."""
        endpoint = operations.change_endpoint(
            actor=request.actor,
            endpoint_id=endpoint_id,
            now=request.now,
            **read(forms.EndpointChanges, request, partial=True),
        )
        return Response(forms.WebhookSerializer(endpoint).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Remove a webhook with its log."""
        operations.remove_endpoint(actor=request.actor, endpoint_id=endpoint_id)
        return Response(status=204)


class RotateView(ApiView):
    @extend_schema(request=None, responses=forms.WebhookWithSecretSerializer)
    def post(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Make a new secret and show it; the one before signs too for 24 hours."""
        made = operations.rotate_secret(
            actor=request.actor, endpoint_id=endpoint_id, now=request.now
        )
        return Response(_with_secret(made))


class PauseView(ApiView):
    @extend_schema(request=None, responses=forms.WebhookSerializer)
    @idempotent
    def post(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Send nothing for the time being; new events are not kept."""
        endpoint = operations.pause_endpoint(
            actor=request.actor, endpoint_id=endpoint_id, now=request.now
        )
        return Response(forms.WebhookSerializer(endpoint).data)


class ResumeView(ApiView):
    @extend_schema(request=None, responses=forms.WebhookSerializer)
    @idempotent
    def post(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Send again, after a pause or failures."""
        endpoint = operations.resume_endpoint(
            actor=request.actor, endpoint_id=endpoint_id, now=request.now
        )
        return Response(forms.WebhookSerializer(endpoint).data)


class TestView(ApiView):
    @extend_schema(request=None, responses={202: forms.WebhookMessageSerializer})
    @idempotent
    def post(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Queue a `ping`; the log shows what became of it."""
        message = operations.send_test(
            actor=request.actor, endpoint_id=endpoint_id, now=request.now
        )
        return Response(forms.WebhookMessageSerializer(message).data, status=202)


class ReplayFailedView(ApiView):
    @extend_schema(request=forms.ReplayInput, responses={202: forms.ReplayedOutput})
    @idempotent
    def post(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """Send everything again that was queued since a moment and failed."""
        count = operations.replay_failed(
            actor=request.actor, endpoint_id=endpoint_id, **read(forms.ReplayInput, request)
        )
        return Response({"replayed": count}, status=202)


class MessageListView(ApiListView):
    """The delivery log of a webhook."""

    serializer_class = forms.WebhookMessageSerializer
    filter_backends = []
    queryset = Message.objects.none()

    def get_queryset(self) -> "QuerySet[Message]":
        asked = forms.WebhookMessageQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        endpoint = policies.access_endpoint(self.request.actor, self.kwargs["endpoint_id"])
        return queries.messages_of(endpoint).filter(**asked.validated_data)

    @extend_schema(
        parameters=[forms.WebhookMessageQuery],
        responses=forms.WebhookMessageSerializer(many=True),
    )
    def get(self, request: ApiRequest, endpoint_id: UUID) -> Response:
        """List the messages of a webhook, newest first; they are kept for 30 days."""
        return self.list_response(request)


class MessageView(ApiView):
    @extend_schema(responses=forms.WholeWebhookMessageSerializer)
    def get(self, request: ApiRequest, message_id: UUID) -> Response:
        """Read a message and every try to deliver it."""
        message = policies.access_message(request.actor, message_id)
        tried = queries.attempts_of(message)
        view = dict(forms.WebhookMessageSerializer(message).data)
        view["body"] = message.body
        view["tried"] = forms.WebhookAttemptSerializer(tried, many=True).data
        return Response(view)


class ReplayView(ApiView):
    @extend_schema(request=None, responses={202: forms.WebhookMessageSerializer})
    @idempotent
    def post(self, request: ApiRequest, message_id: UUID) -> Response:
        """Send a message once more, with the same id."""
        message = operations.replay_message(actor=request.actor, message_id=message_id)
        return Response(forms.WebhookMessageSerializer(message).data, status=202)


class EventTypesView(ApiView):
    @extend_schema(responses=forms.EventTypeSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the events that a webhook can be told of."""
        types = catalogue.public_types().items()
        return Response([{"type": name, "description": str(text)} for name, text in types])

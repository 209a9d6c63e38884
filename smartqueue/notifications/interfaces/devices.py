"""REST of phones and browsers that show messages."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.notifications import operations, queries
from smartqueue.notifications.enums import Platform
from smartqueue.notifications.models import PushToken


class NewPushTokenInput(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=1000, help_text="The registration token of Firebase.")
    device_id = serializers.CharField(
        max_length=64, help_text="Which of the person's phones it is."
    )
    device_key = serializers.CharField(
        min_length=22,
        max_length=100,
        required=False,
        default="",
        help_text="A random secret that the app makes once and keeps: it proves that this is the"
        " same phone when another person signs in on it.",
    )
    platform = serializers.ChoiceField(
        choices=Platform.choices, help_text="Messages reach an iPhone through Firebase too."
    )
    app_version = serializers.CharField(max_length=20, required=False, default="")


class PushTokenSerializer(serializers.ModelSerializer[PushToken]):
    """A phone that shows messages; its token is told to nobody."""

    class Meta:
        model = PushToken
        fields = ("id", "device_id", "platform", "app_version", "created_at", "last_seen_at")
        read_only_fields = fields


class PushTokenListView(ApiListView):
    """The caller's phones, last seen first."""

    serializer_class = PushTokenSerializer
    filter_backends = []

    def get_queryset(self) -> "QuerySet[PushToken]":
        return queries.list_push_tokens(self.request.actor.require_user())

    @extend_schema(responses=PushTokenSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the phones that show the caller's messages, last seen first."""
        return self.list_response(request)

    @extend_schema(request=NewPushTokenInput, responses={201: PushTokenSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Have an app on a phone show the caller's messages.

        The same phone again brings it up to date: call this at every start of the app. It lasts until
        the caller signs out there, or for 60 days without a call. `push_token_held` (409): somebody
        else is signed in on this phone, and `device_key` is not the one it was registered with.
        """
        asked = NewPushTokenInput(data=request.data)
        asked.is_valid(raise_exception=True)
        row = operations.register_push_token(
            actor=request.actor, now=request.now, **asked.validated_data
        )
        return Response(PushTokenSerializer(row).data, status=201)


class PushTokenView(ApiView):
    """One of the caller's phones."""

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, push_token_id: UUID) -> Response:
        """Send this phone nothing any more."""
        operations.remove_push_token(actor=request.actor, push_token_id=push_token_id)
        return Response(status=204)


class BrowserKeys(serializers.Serializer[Any]):
    p256dh = serializers.CharField(max_length=100)
    auth = serializers.CharField(max_length=40)


class NewBrowserInput(serializers.Serializer[Any]):
    """What `PushSubscription.toJSON()` gives."""

    endpoint = serializers.CharField(max_length=1000)
    keys = BrowserKeys()


class GoneBrowserInput(serializers.Serializer[Any]):
    endpoint = serializers.CharField(max_length=1000)


class BrowserSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class BrowsersView(ApiView):
    """Browsers that show messages: about the ticket of `X-Ticket-Token`, or to the caller's account."""

    public = True

    @extend_schema(request=NewBrowserInput, responses={201: BrowserSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Have a browser show messages, also while no page is open.

        `browser_not_reachable` (422): the endpoint is none of a browser's push service.
        """
        asked = NewBrowserInput(data=request.data)
        asked.is_valid(raise_exception=True)
        found = operations.add_browser(
            actor=request.actor, subscription=asked.validated_data, now=request.now
        )
        return Response({"id": str(found)}, status=201)


class RemoveBrowserView(ApiView):
    """A browser that shall show nothing any more."""

    public = True

    @extend_schema(request=GoneBrowserInput, responses={204: None})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Send a browser nothing any more about the ticket, or to the account."""
        asked = GoneBrowserInput(data=request.data)
        asked.is_valid(raise_exception=True)
        operations.remove_browser(actor=request.actor, endpoint=asked.validated_data["endpoint"])
        return Response(status=204)

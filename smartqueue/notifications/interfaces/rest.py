from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.notifications import operations, queries
from smartqueue.notifications.interfaces.serializers import (
    NotificationQuery,
    NotificationSerializer,
    ReadSerializer,
    SeenSerializer,
)
from smartqueue.notifications.models import Notification


class NotificationListView(ApiListView):
    """The caller's notifications, newest first."""

    serializer_class = NotificationSerializer
    filter_backends = []

    def get_queryset(self) -> "QuerySet[Notification]":
        asked = NotificationQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return queries.list_notifications(
            self.request.actor.require_user(), unread=asked.validated_data["unread"]
        )

    @extend_schema(parameters=[NotificationQuery], responses=NotificationSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.list_response(request)


class ReadAllView(ApiView):
    """Mark the caller's notifications as read, up to the newest that they have seen."""

    @extend_schema(
        operation_id="notifications_notifications_read_all",
        request=SeenSerializer,
        responses=ReadSerializer,
    )
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        seen = SeenSerializer(data=request.data)
        seen.is_valid(raise_exception=True)
        count = operations.read_notifications(
            actor=request.actor, until=seen.validated_data["until"], now=request.now
        )
        return Response({"read": count})


class ReadView(ApiView):
    """Mark a notification as read."""

    @extend_schema(request=None, responses=NotificationSerializer)
    @idempotent
    def post(self, request: ApiRequest, notification_id: UUID) -> Response:
        notification = operations.read_notification(
            actor=request.actor, notification_id=notification_id, now=request.now
        )
        return Response(NotificationSerializer(notification).data)

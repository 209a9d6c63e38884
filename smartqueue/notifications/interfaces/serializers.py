from typing import Any

from django.utils.translation import get_language
from rest_framework import serializers

from smartqueue.notifications import queries
from smartqueue.notifications.models import Notification


class NotificationQuery(serializers.Serializer[Any]):
    unread = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only unread, or only read, ones."
    )


class SeenSerializer(serializers.Serializer[Any]):
    until = serializers.UUIDField(help_text="The newest notification that the person has seen.")


class ReadSerializer(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many were unread.")


class NotificationSerializer(serializers.Serializer[Notification]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # a member, not the framework's
    organization = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, notification: Notification) -> dict[str, Any]:
        return queries.as_wire(notification, get_language() or "fr")

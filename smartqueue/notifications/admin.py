from django.contrib import admin
from django.http import HttpRequest

from smartqueue.notifications.models import OutgoingMessage


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(admin.ModelAdmin[OutgoingMessage]):
    """What became of each message; never what it said."""

    list_display = ["created_at", "channel", "template", "state", "attempts", "last_error"]
    list_filter = ["state", "channel", "template"]
    search_fields = ["recipient"]
    ordering = ["-id"]
    fields = [
        "created_at",
        "channel",
        "template",
        "recipient",
        "subject",
        "state",
        "attempts",
        "last_error",
        "next_attempt_at",
        "sent_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Messages come from operations."""
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: OutgoingMessage | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: OutgoingMessage | None = None
    ) -> bool:
        return False

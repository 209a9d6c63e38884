"""The administration looks at queues and changes them through operations only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from smartqueue.business.admin import ReadingAdmin, for_each
from smartqueue.queues import operations
from smartqueue.queues.models import CounterSession, Queue, Ticket, TicketPeriod


@admin.register(Queue)
class QueueAdmin(ReadingAdmin):
    list_display = [
        "name",
        "prefix",
        "branch",
        "organization",
        "state",
        "waiting_count",
        "open_counters",
        "retired_at",
    ]
    list_filter = ["state", "policy"]
    list_select_related = ["branch", "organization"]
    search_fields = ["name", "branch__name", "organization__name"]
    actions = ["open", "pause", "close", "retire"]

    @admin.action(description=_("Open the queue"), permissions=["view"])
    def open(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.open_queue, "queue_id")(self, request, queryset)

    @admin.action(description=_("Pause the queue"), permissions=["view"])
    def pause(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.pause_queue, "queue_id")(self, request, queryset)

    @admin.action(description=_("Close for the day"), permissions=["view"])
    def close(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.close_queue, "queue_id")(self, request, queryset)

    @admin.action(description=_("Close for good"), permissions=["view"])
    def retire(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.retire_queue, "queue_id")(self, request, queryset)


class PeriodInline(admin.TabularInline[Any, Any]):
    """The life of a ticket, stretch by stretch."""

    model = TicketPeriod
    fields = ["state", "queue", "counter", "agent", "started_at", "ended_at", "reason"]
    ordering = ["started_at"]
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("queue", "counter", "agent")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Ticket)
class TicketAdmin(ReadingAdmin):
    list_display = ["number", "queue", "branch", "state", "priority", "counter", "joined_at"]
    list_filter = ["state", "channel"]
    list_select_related = ["queue", "branch", "counter"]
    search_fields = ["=number", "=phone", "queue__name", "branch__name"]
    date_hierarchy = "joined_at"
    show_full_result_count = False
    inlines = [PeriodInline]
    actions = ["cancel"]

    @admin.action(description=_("Cancel the ticket"), permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.cancel_ticket, "ticket_id")(self, request, queryset)


@admin.register(CounterSession)
class CounterSessionAdmin(ReadingAdmin):
    list_display = ["agent", "counter", "branch", "state", "started_at", "ended_at"]
    list_filter = ["state"]
    list_select_related = ["agent", "counter", "branch"]
    search_fields = ["agent__email", "agent__last_name", "counter__name", "branch__name"]
    show_full_result_count = False
    actions = ["end"]

    @admin.action(description=_("End the session"), permissions=["view"])
    def end(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.end_session, "session_id")(self, request, queryset)

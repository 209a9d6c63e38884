from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.common import tenancy
from smartqueue.outbox import operations
from smartqueue.outbox.models import Delivery, DomainEvent


def _rendered(response: Any) -> HttpResponse:
    """Render while the keys are there, because templates read rows too."""
    if hasattr(response, "render"):
        response.render()
    answer: HttpResponse = response
    return answer


class ReadOnly(admin.ModelAdmin[Any]):
    """The platform's own record, of all organizations, is looked at; only operations write it."""

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the list, read with every key."""
        with tenancy.with_keys(tenancy.EVERY_KEY):
            return _rendered(super().changelist_view(request, *args, **kwargs))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show one row, read with every key."""
        with tenancy.with_keys(tenancy.EVERY_KEY):
            return _rendered(super().changeform_view(request, *args, **kwargs))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DomainEvent)
class DomainEventAdmin(ReadOnly):
    list_display = ["type", "subject_type", "subject_id", "subject_version", "occurred_at", "actor"]
    list_filter = ["type"]
    search_fields = ["=subject_id", "=request_id"]
    date_hierarchy = "occurred_at"
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["handler", "event_type", "state", "attempts", "next_attempt_at", "last_error"]
    list_filter = ["state", "handler"]
    list_select_related = ["event"]
    show_full_result_count = False
    actions = ["try_again"]

    @admin.display(description=_("event"))
    def event_type(self, delivery: Delivery) -> str:
        """Return the type of the delivered event."""
        return delivery.event.type

    @admin.action(description=_("Try again"), permissions=["view"])
    def try_again(self, request: HttpRequest, queryset: "QuerySet[Delivery]") -> None:
        """Make the chosen dead deliveries due again."""
        count = operations.retry_deliveries(list(queryset.values_list("pk", flat=True)))
        text = ngettext(
            "%(count)d delivery is tried again.", "%(count)d deliveries are tried again.", count
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

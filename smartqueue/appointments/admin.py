"""The administration looks at appointments and changes them through operations only."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from smartqueue.appointments import operations
from smartqueue.appointments.models import (
    Appointment,
    AppointmentSlot,
    AppointmentStep,
    BookingRules,
    BusyCalendar,
    SlotException,
    WaitlistEntry,
)
from smartqueue.business.admin import ReadingAdmin, for_each


@admin.register(AppointmentSlot)
class AppointmentSlotAdmin(ReadingAdmin):
    list_display = [
        "service",
        "branch",
        "organization",
        "day_of_week",
        "start_time",
        "end_time",
        "capacity",
        "public_capacity",
        "retired_at",
    ]
    list_filter = ["day_of_week"]
    list_select_related = ["service", "branch", "organization"]
    search_fields = ["service__name", "branch__name", "organization__name"]
    actions = ["retire"]

    @admin.action(description=_("Offer no more"), permissions=["view"])
    def retire(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.retire_slot, "slot_id")(self, request, queryset)


@admin.register(SlotException)
class SlotExceptionAdmin(ReadingAdmin):
    list_display = ["date", "branch", "service", "kind", "start_time", "end_time", "reason"]
    list_filter = ["kind"]
    list_select_related = ["branch", "service"]
    search_fields = ["branch__name", "service__name", "organization__name"]
    date_hierarchy = "date"
    actions = ["remove"]

    @admin.action(description=_("Follow the weekly slots again"), permissions=["view"])
    def remove(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.remove_slot_exception, "exception_id")(self, request, queryset)


@admin.register(BookingRules)
class BookingRulesAdmin(ReadingAdmin):
    list_display = ["service", "organization", "is_bookable", "needs_approval", "window_days"]
    list_filter = ["is_bookable", "needs_approval", "allows_anonymous"]
    list_select_related = ["service", "organization"]
    search_fields = ["service__name", "organization__name"]


class StepInline(admin.TabularInline[Any, Any]):
    """What happened to an appointment, step by step."""

    model = AppointmentStep
    fields = ["version", "state", "starts_at", "side", "by", "at"]
    ordering = ["version"]
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WithoutSecrets(ReadingAdmin):
    """What proves a person or opens a calendar is shown to nobody: `secrets`."""

    secrets: ClassVar[tuple[str, ...]] = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in super().get_fields(request, obj) if name not in self.secrets]


class OfOrganizations(WithoutSecrets):
    """Rows that are also their person's own, of which the administration sees its organizations'."""

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        actor: Any = request.actor  # type: ignore[attr-defined]  # set by the entrance
        within = [m.organization_id for m in actor.memberships]
        return super().get_queryset(request).filter(organization__in=within)


@admin.register(Appointment)
class AppointmentAdmin(OfOrganizations):
    list_display = ["reference", "service", "branch", "starts_at", "state", "people", "channel"]
    list_filter = ["state", "channel", "punctuality"]
    list_select_related = ["service", "branch"]
    search_fields = ["=reference", "=phone", "service__name", "branch__name"]
    date_hierarchy = "starts_at"
    show_full_result_count = False
    secrets = ("code_digest", "held_for")
    inlines = [StepInline]
    actions = ["approve", "cancel", "mark_missed"]

    @admin.action(description=_("Approve"), permissions=["view"])
    def approve(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.approve_appointment, "appointment_id")(self, request, queryset)

    @admin.action(description=_("Cancel the appointment"), permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.cancel_appointment, "appointment_id")(self, request, queryset)

    @admin.action(description=_("Mark as not come"), permissions=["view"])
    def mark_missed(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.mark_no_show, "appointment_id")(self, request, queryset)


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(OfOrganizations):
    list_display = ["service", "branch", "from_date", "until_date", "people", "state", "created_at"]
    list_filter = ["state"]
    list_select_related = ["service", "branch"]
    search_fields = ["=phone", "service__name", "branch__name"]
    show_full_result_count = False
    actions = ["leave"]

    @admin.action(description=_("Take off the waitlist"), permissions=["view"])
    def leave(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.leave_waitlist, "entry_id")(self, request, queryset)


@admin.register(BusyCalendar)
class BusyCalendarAdmin(WithoutSecrets):
    list_display = ["name", "host", "agent", "branch", "fetched_at", "error", "failures"]
    list_filter = ["error"]
    list_select_related = ["agent", "branch"]
    search_fields = ["name", "host", "branch__name"]
    secrets = ("sealed_url", "etag", "last_modified")
    actions = ["fetch", "remove"]

    @admin.action(description=_("Read again now"), permissions=["view"])
    def fetch(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.refresh_busy_calendar, "calendar_id")(self, request, queryset)

    @admin.action(description=_("Remove the calendar"), permissions=["view"])
    def remove(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.remove_busy_calendar, "calendar_id")(self, request, queryset)

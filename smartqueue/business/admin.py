"""The administration shows everything and changes nothing but through operations."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import force_str
from django.utils.translation import gettext_lazy as _
from django_scopes import scopes_disabled

from smartqueue.accounts.actor import Actor
from smartqueue.business import operations
from smartqueue.business.models import (
    Branch,
    BranchCredential,
    Counter,
    HolidayOverride,
    Invitation,
    Membership,
    OpeningException,
    OpeningHours,
    Organization,
    OrganizationSettings,
    Service,
    SettingsVersion,
    SupportAccess,
)
from smartqueue.common.errors import Problem
from smartqueue.common.models import TenantModel

Call = Callable[..., object]


class ReadingAdmin(ModelAdmin[Any]):
    """
    Platform administrators see the rows of organizations to which they have opened support access;
    rows change by actions only.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Every column but what only search reads; nothing is edited, so no form is built."""
        fields = [field for field in self.opts.fields if not field.generated]
        return [field.name for field in (*fields, *self.opts.many_to_many)]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        with scopes_disabled():
            rows = super().get_queryset(request)
        if not issubclass(self.model, TenantModel):
            return rows
        actor: Actor = request.actor  # type: ignore[attr-defined]  # set by the entrance
        return rows.filter(organization__in=[m.organization_id for m in actor.memberships])

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with scopes_disabled():
            response = super().changelist_view(request, *args, **kwargs)
            return _rendered(response)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with scopes_disabled():
            return _rendered(super().changeform_view(request, *args, **kwargs))


def _rendered(response: Any) -> HttpResponse:
    """Render inside the scope, because templates read rows too."""
    if hasattr(response, "render"):
        response.render()
    answer: HttpResponse = response
    return answer


def for_each(call: Call, argument: str) -> Callable[[Any, HttpRequest, "QuerySet[Any]"], None]:
    def run(modeladmin: Any, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        done = 0
        for row in list(queryset):
            try:
                call(
                    actor=request.actor,  # type: ignore[attr-defined]  # set by the entrance
                    now=request.now,  # type: ignore[attr-defined]
                    **{argument: row.pk},
                )
                done += 1
            except Problem as problem:
                modeladmin.message_user(
                    request, f"{row}: {force_str(problem.title)}", messages.ERROR
                )
        modeladmin.message_user(request, _("Done: %(count)d.") % {"count": done})

    return run


@admin.register(Organization)
class OrganizationAdmin(ReadingAdmin):
    list_display = ["name", "category", "slug", "created_at", "closed_at"]
    list_filter = ["category"]
    search_fields = ["name", "slug"]
    actions = ["close"]

    @admin.action(description=_("Close for good"), permissions=["view"])
    def close(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.close_organization, "organization_id")(self, request, queryset)


@admin.register(Branch)
class BranchAdmin(ReadingAdmin):
    list_display = ["name", "organization", "commune", "timezone", "closed_at"]
    list_select_related = ["organization", "commune"]
    search_fields = ["name", "slug", "organization__name"]
    actions = ["close"]

    @admin.action(description=_("Close for good"), permissions=["view"])
    def close(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.close_branch, "branch_id")(self, request, queryset)


@admin.register(Service)
class ServiceAdmin(ReadingAdmin):
    list_display = ["name", "organization", "duration_minutes", "price_minor", "retired_at"]
    list_select_related = ["organization"]
    search_fields = ["name_fr", "name_en", "name_ar", "organization__name"]
    actions = ["retire"]

    @admin.action(description=_("Take off the offer"), permissions=["view"])
    def retire(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.retire_service, "service_id")(self, request, queryset)


@admin.register(Counter)
class CounterAdmin(ReadingAdmin):
    list_display = ["name", "branch", "organization", "retired_at"]
    list_select_related = ["branch", "organization"]
    search_fields = ["name", "branch__name"]
    actions = ["retire"]

    @admin.action(description=_("Take out of use"), permissions=["view"])
    def retire(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.retire_counter, "counter_id")(self, request, queryset)


@admin.register(Membership)
class MembershipAdmin(ReadingAdmin):
    list_display = ["user", "organization", "role", "created_at"]
    list_select_related = ["user", "organization"]
    list_filter = ["role"]
    search_fields = ["user__email", "user__phone", "user__last_name", "organization__name"]
    actions = ["remove"]

    @admin.action(description=_("Remove from the organization"), permissions=["view"])
    def remove(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.remove_member, "membership_id")(self, request, queryset)


@admin.register(Invitation)
class InvitationAdmin(ReadingAdmin):
    list_display = ["identifier", "organization", "role", "expires_at", "accepted_at"]
    list_select_related = ["organization"]
    search_fields = ["identifier", "organization__name"]
    actions = ["withdraw"]

    @admin.action(description=_("Withdraw"), permissions=["view"])
    def withdraw(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.withdraw_invitation, "invitation_id")(self, request, queryset)


@admin.register(OpeningHours)
class OpeningHoursAdmin(ReadingAdmin):
    list_display = ["branch", "weekday", "opens_at", "closes_at"]
    list_select_related = ["branch"]
    search_fields = ["branch__name"]


@admin.register(OpeningException)
class OpeningExceptionAdmin(ReadingAdmin):
    list_display = ["branch", "date", "opens_at", "closes_at", "reason"]
    list_select_related = ["branch"]
    search_fields = ["branch__name"]
    actions = ["remove"]

    @admin.action(description=_("Follow the week's hours again"), permissions=["view"])
    def remove(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.remove_opening_exception, "exception_id")(self, request, queryset)


@admin.register(HolidayOverride)
class HolidayOverrideAdmin(ReadingAdmin):
    list_display = ["organization", "date", "is_holiday", "name"]
    list_select_related = ["organization"]
    search_fields = ["organization__name"]
    actions = ["remove"]

    @admin.action(description=_("Follow the calendar again"), permissions=["view"])
    def remove(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.remove_holiday_override, "override_id")(self, request, queryset)


@admin.register(BranchCredential)
class BranchCredentialAdmin(ReadingAdmin):
    list_display = ["name", "kind", "branch", "paired_at", "last_used_at", "revoked_at"]
    list_select_related = ["branch"]
    search_fields = ["name", "branch__name"]
    exclude = ["digest", "code_digest"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Digests prove devices; they are shown to nobody."""
        return [name for name in super().get_fields(request, obj) if name not in self.exclude]

    @admin.action(description=_("Revoke"), permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.revoke_device, "credential_id")(self, request, queryset)


@admin.register(OrganizationSettings)
class OrganizationSettingsAdmin(ReadingAdmin):
    list_display = ["organization", "display_name", "requires_second_factor", "updated_at"]
    list_select_related = ["organization"]
    search_fields = ["organization__name", "display_name"]


@admin.register(SettingsVersion)
class SettingsVersionAdmin(ReadingAdmin):
    list_display = ["organization", "version", "at", "by"]
    list_select_related = ["organization", "by"]
    search_fields = ["organization__name"]


@admin.register(SupportAccess)
class SupportAccessAdmin(ReadingAdmin):
    """Every access there was; it says nothing of what is inside an organization."""

    list_display = ["organization", "admin", "reason", "opened_at", "expires_at", "closed_at"]
    list_select_related = ["organization", "admin"]
    search_fields = ["organization__name", "admin__email", "reason"]
    actions = ["end"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        with scopes_disabled():
            return super(ReadingAdmin, self).get_queryset(request)

    @admin.action(description=_("End it"), permissions=["view"])
    def end(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.close_support_access, "access_id")(self, request, queryset)

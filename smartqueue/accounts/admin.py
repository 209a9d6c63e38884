from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.accounts import entrance, operations, queries
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.errors import ReauthenticationNeeded
from smartqueue.accounts.models import AccountAccess, FactorReset, User
from smartqueue.common import clock
from smartqueue.common.errors import NotFound, Problem
from smartqueue.common.rest.problems import problem_response


def _sign_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The pages' sign-in, which counts attempts and asks for the second factor; the admin's does not."""
    if request.user.is_authenticated:
        if _lacks_factor(request):
            return HttpResponseRedirect(settings.SECURITY_URL)
        return problem_response(request, NotFound())
    wanted = request.GET.get("next", request.path)
    return HttpResponseRedirect(f"{settings.LOGIN_URL}?{urlencode({'next': wanted})}")


def _lacks_factor(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and queries.lacks_needed_factor(
        user.pk, is_platform_admin=user.is_staff or user.is_superuser
    )


def _may_enter(request: HttpRequest) -> bool:
    """Staff of the platform, with the second factor that they need."""
    user = request.user
    return bool(user.is_active and getattr(user, "is_staff", False)) and not _lacks_factor(request)


admin.site.has_permission = _may_enter  # type: ignore[method-assign]  # the site knows no factors
admin.site.login = _sign_in  # type: ignore[method-assign]  # one door for everybody


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    """
    People to whose accounts the administrator has opened access, and the administrator; identifiers
    and passwords are changed by their owners only.
    """

    list_display = ["__str__", "email", "phone", "language", "is_active", "is_staff", "date_joined"]
    list_filter = ["is_active", "is_staff", "language"]
    search_fields = ["email", "phone", "first_name", "last_name"]
    ordering = ["-date_joined"]
    fields = [
        "first_name",
        "last_name",
        "language",
        "email",
        "phone",
        "is_staff",
        "is_superuser",
        "groups",
        "last_login",
        "date_joined",
    ]
    readonly_fields = ["email", "phone", "last_login", "date_joined"]
    filter_horizontal = ["groups"]
    actions = ["end_sessions", "erase"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        """Everybody is beyond reach until access is opened, with a reason."""
        own = entrance.actor_of_request(request).require_user()
        opened = queries.open_accesses(own).values("user")
        return super().get_queryset(request).filter(Q(pk=own) | Q(pk__in=opened))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People register."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Erasure keeps the row."""
        return False

    @admin.action(description=_("End every session"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        """Sign the chosen people out everywhere."""
        actor = entrance.actor_of_request(request)
        ended = sum(
            operations.end_sessions_of(
                user_id=user.pk, reason=EndReason.REVOKED, ended_by=actor.label, now=clock.now()
            )
            for user in queryset
        )
        text = ngettext("%(count)d session ended.", "%(count)d sessions ended.", ended)
        messages.success(request, text % {"count": ended})

    @admin.action(description=_("Erase the personal data"), permissions=["change"])
    def erase(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        """Erase the chosen open accounts."""
        actor = entrance.actor_of_request(request)
        erased = 0
        for user in queryset.filter(is_active=True):
            try:
                operations.erase_user(actor=actor, user_id=user.pk, now=clock.now())
                erased += 1
            except Problem as refused:
                messages.error(request, f"{refused.title} {refused.detail}")
        text = ngettext("%(count)d account erased.", "%(count)d accounts erased.", erased)
        messages.success(request, text % {"count": erased})


class AccountAccessForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none when it runs
    """Whose account, and why."""

    identifier = forms.CharField(label=_("E-mail address or phone number"), max_length=254)

    class Meta:
        model = AccountAccess
        fields = ("reason",)


@admin.register(AccountAccess)
class AccountAccessAdmin(admin.ModelAdmin[AccountAccess]):
    """Every access to an account there was; adding one opens it."""

    list_display = ["user_id", "admin", "reason", "opened_at", "expires_at", "closed_at"]
    list_select_related = ["admin"]
    ordering = ["-opened_at"]
    actions = ["end"]

    def get_form(
        self,
        request: HttpRequest,
        obj: AccountAccess | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Only a new one is asked for; whose it is, by what the person is known by."""
        return super().get_form(request, obj, change, **(kwargs | {"form": AccountAccessForm}))

    def get_fields(self, request: HttpRequest, obj: AccountAccess | None = None) -> Any:
        """What is asked for, or what there is to see."""
        if obj is None:
            return ["identifier", "reason"]
        return ["user_id", "admin", "reason", "opened_at", "expires_at", "closed_at"]

    def has_change_permission(self, request: HttpRequest, obj: AccountAccess | None = None) -> bool:
        """It is what it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AccountAccess | None = None) -> bool:
        """It stays to be seen."""
        return False

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Open an access, or say why not."""
        try:
            return super().add_view(request, *args, **kwargs)
        except Problem as refused:
            messages.error(request, f"{refused.title} {refused.detail}")
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: AccountAccess, form: Any, change: bool) -> None:
        """Open it through the operation."""
        opened = operations.open_account_access(
            actor=entrance.actor_of_request(request),
            whose=form.cleaned_data["identifier"].strip(),
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        )
        obj.pk = opened.pk

    @admin.action(description=_("End it"), permissions=["view"])
    def end(self, request: HttpRequest, queryset: "QuerySet[AccountAccess]") -> None:
        """End the chosen ones that are the administrator's own."""
        actor = entrance.actor_of_request(request)
        for access in queryset:
            try:
                operations.close_account_access(actor=actor, access_id=access.pk, now=clock.now())
            except Problem as refused:
                messages.error(request, f"{refused.title} {refused.detail}")


class FactorResetForm(AccountAccessForm):
    """Who lost every second factor, and how it was made sure who they are."""

    class Meta:
        model = FactorReset
        fields = ("reason",)


@admin.register(FactorReset)
class FactorResetAdmin(admin.ModelAdmin[FactorReset]):
    """Codes for lost second factors; adding one gives it, and shows it once."""

    list_display = ["user_id", "issuer", "reason", "usable_at", "used_at", "cancelled_at"]
    list_select_related = ["issuer"]
    ordering = ["-created_at"]
    actions = ["cancel"]

    def get_form(
        self,
        request: HttpRequest,
        obj: FactorReset | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Only a new one is asked for; whose it is, by what the person is known by."""
        return super().get_form(request, obj, change, **(kwargs | {"form": FactorResetForm}))

    def get_fields(self, request: HttpRequest, obj: FactorReset | None = None) -> Any:
        """What is asked for, or what there is to see."""
        if obj is None:
            return ["identifier", "reason"]
        return ["user_id", "issuer", "reason", "created_at", "usable_at", "expires_at", "used_at"]

    def has_change_permission(self, request: HttpRequest, obj: FactorReset | None = None) -> bool:
        """It is what it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: FactorReset | None = None) -> bool:
        """It stays to be seen."""
        return False

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give a code, or say why not."""
        try:
            return super().add_view(request, *args, **kwargs)
        except ReauthenticationNeeded:
            back = urlencode({"next": request.path})
            return HttpResponseRedirect(f"{reverse('web:confirm')}?{back}")
        except Problem as refused:
            messages.error(request, f"{refused.title} {refused.detail}")
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: FactorReset, form: Any, change: bool) -> None:
        """Give it through the operation; the code is shown this once."""
        issued = operations.issue_factor_reset(
            actor=entrance.actor_of_request(request),
            whose=form.cleaned_data["identifier"].strip(),
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        )
        obj.pk = issued.reset.pk
        messages.success(request, _("The code, shown this once: %s") % issued.code)

    @admin.action(description=_("Withdraw it"), permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: "QuerySet[FactorReset]") -> None:
        """Withdraw the chosen ones that were not used."""
        actor = entrance.actor_of_request(request)
        for reset in queryset:
            try:
                operations.cancel_factor_reset(actor=actor, reset_id=reset.pk, now=clock.now())
            except Problem as refused:
                messages.error(request, f"{refused.title} {refused.detail}")

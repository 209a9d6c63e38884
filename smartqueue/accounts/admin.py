from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.accounts import entrance, operations, queries
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.models import User
from smartqueue.common import clock
from smartqueue.common.errors import NotFound
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
    """People; identifiers and passwords are changed by their owners only."""

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
        people = list(queryset.filter(is_active=True))
        for user in people:
            operations.erase_user(actor=actor, user_id=user.pk, now=clock.now())
        text = ngettext("%(count)d account erased.", "%(count)d accounts erased.", len(people))
        messages.success(request, text % {"count": len(people)})

"""What an organization decides about itself, and what it decided before."""

from contextlib import nullcontext
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts.enums import Language
from smartqueue.business import colours, operations, policies, ports, queries
from smartqueue.business.enums import Ability, DisplayDetail, Switch
from smartqueue.business.logos import kept_logo
from smartqueue.business.models import USUAL_NIGHT, Organization, SettingsVersion
from smartqueue.business.switches import REGISTRY
from smartqueue.common import uploads
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in
from smartqueue.web.wording import settings_word, settings_words

VERSIONS_A_PAGE: Final = 20
OURS: Final = "#0a5c49"


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Show the settings; a sent form changes them."""
    organization = policies.access_organization(actor_of(request), organization_id, Ability.MANAGE)
    is_owner = policies.can(actor_of(request), organization_id, Ability.OWN)
    present = queries.settings_of(organization)
    if request.method != "POST":
        return _form(request, organization, queries.settings_values(present), present.version)
    version = _number(request.POST.get("version"))
    changes: dict[str, Any] = {}
    try:
        changes = _changes(request.POST, is_owner=is_owner)
        operations.update_settings(
            actor=actor_of(request),
            organization_id=organization_id,
            version=version,
            changes=changes,
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        shown = {**queries.settings_values(present), **changes}
        shown["switches"] = {k: v for k, v in shown["switches"].items() if v is not None}
        return _form(request, organization, shown, version or 0, problem)
    messages.success(request, _("Saved. It counts from now on."))
    return HttpResponseRedirect(reverse("web:manage-settings", args=[organization_id]))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


def _changes(data: QueryDict, *, is_owner: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "display_name": data.get("display_name", "")[:120],
        "primary_color": data.get("primary_color", "")[:7] if "own_color" in data else "",
        "languages": data.getlist("languages"),
        "default_language": data.get("default_language", ""),
        "display_detail": data.get("display_detail", ""),
        "shows_waiting_count": "shows_waiting_count" in data,
        "shows_estimate": "shows_estimate" in data,
        "quiet_hours": f"{data.get('quiet_from', '')}-{data.get('quiet_until', '')}"[:11]
        if "quiet" in data
        else "",
        "switches": {name.value: _switched(data, name) for name in Switch},
    }
    if is_owner:
        changes["requires_second_factor"] = "requires_second_factor" in data
        changes["retention_days"] = {
            kind: _days(kind, data.get(f"retention_{kind}", "").strip())
            for kind in ports.retention_periods()
        }
    return changes


def _switched(data: QueryDict, switch: Switch) -> bool | None:
    """Return what was chosen; None for the default, which may become another one day."""
    is_on = f"switch_{switch}" in data
    return None if is_on is REGISTRY[switch].default else is_on


def _days(kind: str, typed: str) -> int | None:
    if not typed:
        return None
    days = _number(typed)
    if days is None:
        raise InvalidInput.on(f"retention_days.{kind}", _("Give a number of days."))
    return days


def _form(
    request: HttpRequest,
    organization: Organization,
    values: dict[str, Any],
    version: int,
    problem: Problem | None = None,
) -> HttpResponse:
    fields = failure(problem)["fields"] if problem else {}
    color = values["primary_color"] or OURS
    context = {
        "organization": organization,
        "tab": "settings",
        "is_owner": policies.can(actor_of(request), organization.pk, Ability.OWN),
        "values": values,
        "version": version,
        "logo": uploads.public_url(values["logo"]),
        "logo_accept": uploads.IMAGE_ACCEPT,
        "color": color,
        "color_contrast": f"{colours.contrast(color, colours.text_on(color)):.1f}"
        if colours.is_colour(color)
        else "",
        "night": (values["quiet_hours"] or USUAL_NIGHT).partition("-"),
        "languages": Language.choices,
        "details": DisplayDetail.choices,
        "switches": [
            (name, feature, values["switches"].get(name, feature.default))
            for name, feature in REGISTRY.items()
        ],
        "retention": [
            (
                kind,
                longest,
                values["retention_days"].get(kind),
                fields.get(f"retention_days.{kind}"),
            )
            for kind, longest in ports.retention_periods().items()
        ],
        "problem": failure(problem) if problem else None,
    }
    return page(request, "settings.html", context, problem.status if problem else 200)


def _lines(version: SettingsVersion) -> list[tuple[str, str, str]]:
    return [
        (
            settings_word(name),
            settings_words(name, version.before.get(name)),
            settings_words(name, version.after.get(name)),
        )
        for name in queries.changed_settings(version)
    ]


@signed_in
@require_POST
def logo(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Keep the picture that was sent, drawn anew, or take the present one off the pages."""
    organization = policies.access_organization(actor_of(request), organization_id, Ability.MANAGE)
    sent = request.FILES.get("logo")
    actor, now = actor_of(request), now_of(request)
    try:
        with kept_logo(sent, organization.pk) if sent else nullcontext("") as name:
            operations.set_logo(actor=actor, organization_id=organization.pk, logo=name, now=now)
    except Problem as problem:
        present = queries.settings_of(organization)
        values = queries.settings_values(present)
        return _form(request, organization, values, present.version, problem)
    messages.success(request, _("Saved. It counts from now on."))
    return HttpResponseRedirect(reverse("web:manage-settings", args=[organization_id]))


@signed_in
@require_safe
def history(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Show who changed what, and when."""
    organization = policies.access_organization(actor_of(request), organization_id, Ability.MANAGE)
    return _history(request, organization)


def _history(
    request: HttpRequest, organization: Organization, problem: Problem | None = None
) -> HttpResponse:
    pages = Paginator(queries.list_settings_versions(organization.pk), VERSIONS_A_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    present = queries.settings_of(organization).version
    context = {
        "organization": organization,
        "tab": "settings",
        "is_owner": policies.can(actor_of(request), organization.pk, Ability.OWN),
        "page": shown,
        "versions": [(version, _lines(version)) for version in shown],
        "present": present,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "settings_history.html", context, problem.status if problem else 200)


@signed_in
@require_POST
def restore(request: HttpRequest, organization_id: UUID, version: int) -> HttpResponse:
    """Make the settings what they were at a version."""
    organization = policies.access_organization(actor_of(request), organization_id, Ability.MANAGE)
    try:
        operations.restore_settings(
            actor=actor_of(request),
            organization_id=organization_id,
            version=version,
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _history(request, organization, problem)
    messages.success(request, _("The settings are what they were then."))
    return HttpResponseRedirect(reverse("web:manage-settings-history", args=[organization_id]))

"""What organizations have decided about themselves."""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from smartqueue.business.models import (
    BranchCredential,
    Membership,
    Organization,
    OrganizationSettings,
    SettingsVersion,
)
from smartqueue.notifications.ports import Look, Night

_NIGHT: Final = re.compile(r"\d{2}:\d{2}-\d{2}:\d{2}")
SETTABLE: Final = (
    "display_name",
    "logo",
    "primary_color",
    "languages",
    "default_language",
    "display_detail",
    "shows_waiting_count",
    "shows_estimate",
    "quiet_hours",
    "requires_second_factor",
    "retention_days",
    "switches",
)


def settings_values(settings: OrganizationSettings) -> dict[str, Any]:
    """Return the settings as they are kept in the history: plain values by name."""
    values: dict[str, Any] = {}
    for name in SETTABLE:
        value = getattr(settings, name)
        values[name] = str(value) if isinstance(value, str) else _copied(value)
    return values


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def settings_of(organization: Organization) -> OrganizationSettings:
    """
    Return an organization's settings, the defaults where it has decided nothing; no query where
    the organization was read with `select_related("settings")`.
    """
    try:
        settings: OrganizationSettings = organization.settings
    except OrganizationSettings.DoesNotExist:
        settings = OrganizationSettings(organization=organization)
    return settings


def get_settings(organization_id: UUID) -> OrganizationSettings:
    """Return the settings of a live organization by its id; the defaults where there are none."""
    rows = OrganizationSettings.objects.with_scopes_disabled().filter(organization=organization_id)
    found: OrganizationSettings | None = rows.first()
    return found or OrganizationSettings(organization_id=organization_id)


def look_of(organization_id: UUID) -> Look:
    """Return how an organization's mails look; nothing of one that is not there."""
    rows = Organization.objects.filter(pk=organization_id).select_related("settings")
    organization = rows.first()
    if organization is None:
        return Look()
    settings = settings_of(organization)
    return Look(settings.display_name or organization.name, settings.primary_color)


def night_named(text: str) -> Night | None:
    """
    Return the hours that a text such as 21:00-07:00 names; None for an empty one.

    :raises ValueError: it names none
    """
    if not text:
        return None
    if not _NIGHT.fullmatch(text):
        raise ValueError(text)
    night = Night(*map(time.fromisoformat, text.split("-")))
    if night.begins_at == night.ends_at:
        raise ValueError(text)
    return night


def night_of(organization_id: UUID) -> Night | None:
    """Return when an organization leaves people alone who said nothing of their own."""
    return night_named(get_settings(organization_id).quiet_hours)


def list_settings_versions(organization: UUID) -> "QuerySet[SettingsVersion]":
    """Return the history of the settings, the latest first."""
    rows: QuerySet[SettingsVersion] = SettingsVersion.objects.with_scopes_disabled()
    return rows.filter(organization=organization).select_related("by").order_by("-version")


def shortened_retention() -> dict[UUID, dict[str, timedelta]]:
    """Return, for each organization that keeps some data less long, its times by kind."""
    rows = (
        OrganizationSettings.objects.with_scopes_disabled()
        .exclude(retention_days={})
        .filter(organization__closed_at=None)
        .values_list("organization_id", "retention_days")
    )
    return {
        organization_id: {kind: timedelta(days=days) for kind, days in chosen.items()}
        for organization_id, chosen in rows
    }


def requires_second_factor(user_id: UUID) -> bool:
    """Whether an organization that somebody works in asks its staff for a second factor."""
    rows = Membership.objects.with_scopes_disabled().filter(
        user=user_id,
        organization__closed_at=None,
        organization__settings__requires_second_factor=True,
    )
    return bool(rows.exists())


def list_devices(branch: UUID) -> "QuerySet[BranchCredential]":
    """Return the devices of a branch that are not revoked, by name."""
    rows: QuerySet[BranchCredential] = BranchCredential.objects.with_scopes_disabled()
    return rows.filter(branch=branch, revoked_at=None).order_by("name", "id")


def changed_settings(version: SettingsVersion) -> list[str]:
    """Return the names of what one version of the history changed."""
    return [name for name in SETTABLE if version.before.get(name) != version.after.get(name)]

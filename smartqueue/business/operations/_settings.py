"""What an organization decides about itself, with its history."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from smartqueue.accounts import queries as account_queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Language
from smartqueue.business import colours, policies, ports, queries, switches
from smartqueue.business.enums import Ability
from smartqueue.business.errors import OwnFactorMissing, SettingsChanged
from smartqueue.business.events import SettingsChanged as SettingsChangedEvent
from smartqueue.business.models import OrganizationSettings, SettingsVersion
from smartqueue.business.operations._checks import check
from smartqueue.common import uploads
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.outbox import operations as outbox

OWNERS_ONLY: Final = frozenset({"requires_second_factor", "retention_days"})
SHOWN: Final = frozenset({"shows_waiting_count", "shows_estimate"})


@operation
def update_settings(
    *,
    actor: Actor,
    organization_id: UUID,
    changes: Mapping[str, Any],
    version: int | None = None,
    replace: bool = False,
    now: datetime,
) -> OrganizationSettings:
    """
    Change any of `queries.SETTABLE`; `version` refuses to overwrite what somebody changed since.

    A switch or a kind of data that is not named stays as it is, or with `replace` goes back to the
    platform's, as one that is None does.

    :raises NotFound: unknown, or not the actor's to manage as a whole
    :raises InvalidInput: a wrong value, or one that only an owner may change
    :raises SettingsChanged: `version` is not the present one
    :raises OwnFactorMissing: a second factor is to be required, and the actor has none
    """
    settings = _locked(actor, organization_id)
    if version is not None and version != settings.version:
        raise SettingsChanged(version=settings.version)
    return _change(settings, changes, actor, now, replace=replace)


@operation
def set_logo(
    *, actor: Actor, organization_id: UUID, logo: str, now: datetime
) -> OrganizationSettings:
    """
    Show a picture that `logos.kept_logo` has stored, or with an empty name none.

    The one before stays stored, because a version of the history may bring it back; together they
    stay within the organization's quota.

    :raises NotFound: unknown, or not the actor's to manage as a whole
    :raises InvalidInput: not a stored picture of this organization
    :raises StorageFull: its pictures take as much as they may
    """
    settings = _locked(actor, organization_id)
    if logo:
        uploads.require_room(used=uploads.public_bytes(organization_id), adding=0)
    return _change(settings, {"logo": logo}, actor, now, replace=False)


@operation
def restore_settings(
    *, actor: Actor, organization_id: UUID, version: int, now: datetime
) -> OrganizationSettings:
    """
    Make the settings what they were at a version of their history; this is a change like any other.

    :raises NotFound: unknown organization or version, or not the actor's to manage as a whole
    :raises InvalidInput: a value that is not allowed any more, or that only an owner may change
    :raises OwnFactorMissing: a second factor is to be required again, and the actor has none
    """
    settings = _locked(actor, organization_id)
    old = SettingsVersion.objects.filter(organization=organization_id, version=version).first()
    if old is None:
        raise NotFound
    return _change(settings, old.after, actor, now, replace=True, restored=version)


def _locked(actor: Actor, organization_id: UUID) -> OrganizationSettings:
    organization = policies.access_organization(actor, organization_id, Ability.MANAGE, lock=True)
    found = OrganizationSettings.objects.filter(organization=organization).first()
    settings: OrganizationSettings = found or OrganizationSettings(organization=organization)
    settings.organization = organization
    return settings


def _change(
    settings: OrganizationSettings,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    *,
    replace: bool,
    restored: int | None = None,
) -> OrganizationSettings:
    if strange := set(changes) - set(queries.SETTABLE):
        raise ValueError(f"cannot be changed: {sorted(strange)}")
    before = queries.settings_values(settings)
    for name, value in changes.items():
        setattr(settings, name, _merged({} if replace else before[name], value))
    _check(settings)
    after = queries.settings_values(settings)
    changed = sorted(name for name in queries.SETTABLE if before[name] != after[name])
    if not changed:
        return settings
    if (owned := OWNERS_ONLY & set(changed)) and not policies.can(
        actor, settings.organization_id, Ability.OWN
    ):
        raise InvalidInput.on(min(owned), _("Only an owner changes this."), "owner_only")
    if "requires_second_factor" in changed and settings.requires_second_factor:
        _check_own_factor(actor)
    settings.version += 1
    settings.updated_at = now
    settings.save()
    SettingsVersion.objects.create(
        organization_id=settings.organization_id,
        version=settings.version,
        at=now,
        by_id=actor.user_id,
        before=before,
        after=after,
        restored_version=restored,
    )
    outbox.publish(
        SettingsChangedEvent(
            organization_id=settings.organization_id,
            fields=changed,
            subject_version=settings.version,
            occurred_at=now,
            actor=actor.label,
        )
    )
    if SHOWN & set(changed):
        ports.tell_visibility(settings, actor, now)
    return settings


def _check_own_factor(actor: Actor) -> None:
    if actor.user_id is not None and not account_queries.has_second_factor(actor.user_id):
        raise OwnFactorMissing


def _merged(before: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    merged = {**before, **value}
    return {name: chosen for name, chosen in merged.items() if chosen is not None}


def _check(settings: OrganizationSettings) -> None:
    """
    :raises InvalidInput: a value that cannot be
    """
    settings.display_name = " ".join(settings.display_name.split())
    settings.primary_color = settings.primary_color.strip().lower()
    check(settings)
    if settings.primary_color and not colours.is_colour(settings.primary_color):
        raise InvalidInput.on("primary_color", _("Give a colour as #rrggbb."), "not_a_colour")
    # Only `uploads.store_public` makes such names, after it has drawn the picture anew.
    if settings.logo and not settings.logo.startswith(f"public/{settings.organization_id}/"):
        raise InvalidInput.on("logo", _("This is no picture of this organization."))
    try:
        queries.night_named(settings.quiet_hours)
    except ValueError as error:
        raise InvalidInput.on(
            "quiet_hours", _("Give two different times, as in 21:00-07:00.")
        ) from error
    _check_languages(settings)
    _check_switches(settings.switches)
    _check_retention(settings.retention_days.items())


def _check_languages(settings: OrganizationSettings) -> None:
    offered = set(settings.languages)
    if not offered or not offered <= set(Language.values):
        raise InvalidInput.on("languages", _("Offer at least one language of ours."))
    settings.languages = [code for code in Language.values if code in offered]
    if settings.default_language not in offered:
        raise InvalidInput.on(
            "default_language", _("Choose one of the languages that are offered."), "not_offered"
        )


def _check_switches(chosen: Mapping[str, Any]) -> None:
    for name, value in chosen.items():
        if name not in switches.REGISTRY:
            raise InvalidInput.on(f"switches.{name}", _("There is no such feature."), "unknown")
        if not isinstance(value, bool):
            raise InvalidInput.on(f"switches.{name}", _("It is on or off."))


def _check_retention(days_by_kind: Iterable[tuple[str, Any]]) -> None:
    longest = ports.retention_periods()
    for kind, days in days_by_kind:
        if kind not in longest:
            raise InvalidInput.on(
                f"retention_days.{kind}", _("There is no such kind of data."), "unknown"
            )
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= longest[kind]:
            raise InvalidInput.on(
                f"retention_days.{kind}",
                ngettext_lazy(
                    "Give at least 1 day and at most %(most)s day.",
                    "Give at least 1 day and at most %(most)s days.",
                    longest[kind],
                )
                % {"most": longest[kind]},
                "out_of_range",
            )

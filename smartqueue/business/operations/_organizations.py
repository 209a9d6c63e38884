"""Opening, changing and closing an organization, and its word on holidays."""

from collections.abc import Mapping
from datetime import date as Date  # noqa: N812  # `date` is the field's name here
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Role
from smartqueue.business import policies, queries
from smartqueue.business.enums import Ability, Category
from smartqueue.business.events import (
    HolidaysChanged,
    MemberJoined,
    OrganizationChanged,
    OrganizationClosed,
    OrganizationCreated,
)
from smartqueue.business.models import (
    Branch,
    Counter,
    HolidayOverride,
    Membership,
    Organization,
    Service,
)
from smartqueue.business.operations._checks import (
    apply,
    check,
    phone_number,
    refuse_if_held,
    translated,
)
from smartqueue.business.operations._slugs import insert_with_slug
from smartqueue.business.ports import Retirable
from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.common.errors import NotSignedIn
from smartqueue.outbox import operations as outbox
from smartqueue.realtime import operations as realtime

CHANGEABLE: Final = ("name", "category", "phone", "website", *translated("description"))


@operation
def create_organization(
    *,
    actor: Actor,
    name: str,
    category: Category,
    texts: Mapping[str, str] | None = None,
    phone: str = "",
    website: str = "",
    now: datetime,
) -> Organization:
    """
    Open an organization; the caller becomes its owner. `texts` holds `description_fr`, `_en`, `_ar`.

    :raises NotSignedIn: nobody who could own it
    :raises InvalidInput: a wrong field
    """
    if actor.user_id is None or policies.open_account(actor.user_id) is None:
        raise NotSignedIn
    organization = Organization(
        name=name.strip(),
        slug="-",
        category=category,
        phone=phone_number(phone),
        website=website,
        created_at=now,
    )
    for field, text in (texts or {}).items():
        setattr(organization, field, text)
    check(organization)
    insert_with_slug(organization, organization.name, category.replace("_", "-"))
    tenancy.enter(organization.pk)
    owner = Membership.objects.create(
        organization=organization, user_id=actor.user_id, role=Role.OWNER, created_at=now
    )
    actor.forget_memberships()
    shared: dict[str, Any] = {
        "organization_id": organization.pk,
        "occurred_at": now,
        "actor": actor.label,
    }
    outbox.publish(
        OrganizationCreated(category=category, subject_version=1, **shared),
        MemberJoined(
            membership_id=owner.pk,
            user_id=actor.user_id,
            role=Role.OWNER,
            subject_version=1,
            **shared,
        ),
    )
    return organization


@operation
def update_organization(
    *, actor: Actor, organization_id: UUID, changes: Mapping[str, Any], now: datetime
) -> Organization:
    """
    Change any of `CHANGEABLE`; the slug stays, so that printed addresses go on working.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: a wrong field
    """
    organization = policies.access_organization(actor, organization_id, Ability.MANAGE, lock=True)
    if "phone" in changes:
        changes = {**changes, "phone": phone_number(changes["phone"])}
    changed = apply(organization, changes, CHANGEABLE)
    if changed:
        outbox.publish(
            OrganizationChanged(
                organization_id=organization.pk,
                subject_version=organization.version,
                occurred_at=now,
                actor=actor.label,
                fields=changed,
            )
        )
    return organization


@operation
def close_organization(*, actor: Actor, organization_id: UUID, now: datetime) -> None:
    """
    Close an organization for good, with its branches, services and counters; history stays.

    :raises NotFound: unknown, or not owned by the actor
    :raises PeopleWaiting: people still wait somewhere in it
    """
    organization = policies.access_organization_to_close(actor, organization_id)
    refuse_if_held(Retirable.ORGANIZATION, organization.pk)
    organization.closed_at = now
    organization.version += 1
    organization.save(update_fields=["closed_at", "version"])
    bump = F("version") + 1
    Branch.objects.filter(closed_at=None).update(closed_at=now, version=bump)
    Service.objects.filter(retired_at=None).update(retired_at=now, version=bump)
    Counter.objects.filter(retired_at=None).update(retired_at=now, version=bump)
    for user_id in queries.members_of(organization.pk):
        realtime.review_user_after_commit(user_id)
    outbox.publish(
        OrganizationClosed(
            organization_id=organization.pk,
            subject_version=organization.version,
            occurred_at=now,
            actor=actor.label,
        )
    )


def _tell_of_holidays(organization: Organization, day: Date, actor: Actor, now: datetime) -> None:
    organization.version += 1
    organization.save(update_fields=["version"])
    outbox.publish(
        HolidaysChanged(
            organization_id=organization.pk,
            subject_version=organization.version,
            occurred_at=now,
            actor=actor.label,
            date=day.isoformat(),
        )
    )


@operation
def set_holiday_override(
    *,
    actor: Actor,
    organization_id: UUID,
    date: Date,
    is_holiday: bool,
    name: str = "",
    now: datetime,
) -> HolidayOverride:
    """
    Say that a date is a holiday here, or that it is worked; said before, it is replaced.

    :raises NotFound: unknown, or not the actor's to manage
    """
    organization = policies.access_organization(actor, organization_id, Ability.MANAGE, lock=True)
    override = HolidayOverride.objects.filter(organization=organization, date=date).first()
    override = override or HolidayOverride(organization=organization, date=date)
    override.is_holiday = is_holiday
    override.name = name
    check(override)
    override.save()
    _tell_of_holidays(organization, date, actor, now)
    return override


@operation
def change_holiday_override(
    *, actor: Actor, override_id: UUID, is_holiday: bool, name: str, now: datetime
) -> HolidayOverride:
    """
    Change what is said about a date.

    :raises NotFound: unknown, or not the actor's to manage
    """
    override = policies.access_holiday_override(actor, override_id, Ability.MANAGE)
    override.is_holiday = is_holiday
    override.name = name
    check(override)
    override.save()
    _tell_of_holidays(override.organization, override.date, actor, now)
    return override


@operation
def remove_holiday_override(*, actor: Actor, override_id: UUID, now: datetime) -> None:
    """
    Follow the country's calendar again on a date.

    :raises NotFound: unknown, or not the actor's to manage
    """
    override = policies.access_holiday_override(actor, override_id, Ability.MANAGE)
    override.delete()
    _tell_of_holidays(override.organization, override.date, actor, now)

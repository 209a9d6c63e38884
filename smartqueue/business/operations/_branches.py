"""Branches, their hours and their counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  # `date` is the field's name here
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID

from django.contrib.gis.geos import Point
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.business import policies
from smartqueue.business.enums import Ability
from smartqueue.business.events import (
    BranchChanged,
    BranchClosed,
    BranchCreated,
    CounterChanged,
    CounterCreated,
    CounterRetired,
    OpeningHoursChanged,
)
from smartqueue.business.models import Branch, Counter, OpeningException, OpeningHours
from smartqueue.business.operations._checks import (
    apply,
    check,
    check_interval,
    commune_of,
    overlaps,
    phone_number,
    refuse_if_held,
)
from smartqueue.business.operations._slugs import insert_with_slug
from smartqueue.business.ports import Retirable
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.outbox import operations as outbox

CHANGEABLE: Final = (
    "name",
    "point",
    "address",
    "commune",
    "timezone",
    "country",
    "phone",
)


@dataclass(frozen=True, slots=True)
class WeekHours:
    """One interval of a weekday (0 is Monday) on the branch's wall clock; 00:00 ends the day."""

    weekday: int
    opens_at: time
    closes_at: time


def _check_week(week: Sequence[WeekHours]) -> None:
    for index, hours in enumerate(week):
        path = f"opening_hours.{index}."
        if not 0 <= hours.weekday <= 6:
            raise InvalidInput.on(
                f"{path}weekday", _("Weekdays go from 0, Monday, to 6, Sunday."), "out_of_range"
            )
        check_interval(hours.opens_at, hours.closes_at, path)
        for earlier in week[:index]:
            if earlier.weekday == hours.weekday and overlaps(
                (earlier.opens_at, earlier.closes_at), (hours.opens_at, hours.closes_at)
            ):
                raise InvalidInput.on(
                    f"{path}opens_at", _("Two intervals of this day overlap."), "overlapping"
                )


def _write_week(branch: Branch, week: Sequence[WeekHours]) -> None:
    OpeningHours.objects.bulk_create(
        OpeningHours(
            organization_id=branch.organization_id,
            branch=branch,
            weekday=hours.weekday,
            opens_at=hours.opens_at,
            closes_at=hours.closes_at,
        )
        for hours in week
    )


@operation
def create_branch(
    *,
    actor: Actor,
    organization_id: UUID,
    name: str,
    point: Point,
    address: str = "",
    commune: str | None = None,
    timezone: str = "Africa/Dakar",
    country: str = "SN",
    phone: str = "",
    opening_hours: Sequence[WeekHours] = (),
    now: datetime,
) -> Branch:
    """
    Open a branch. `commune` is an ANSD code; `country` decides the public holidays.

    :raises NotFound: unknown organization, or not the actor's to manage as a whole
    :raises InvalidInput: a wrong field, unknown commune or zone, overlapping hours
    """
    organization = policies.access_organization(actor, organization_id, Ability.MANAGE, lock=True)
    _check_week(opening_hours)
    branch = Branch(
        organization=organization,
        name=name.strip(),
        slug="-",
        point=point,
        address=address,
        commune=commune_of(commune),
        timezone=timezone,
        country=country,
        phone=phone_number(phone),
        created_at=now,
    )
    check(branch)
    insert_with_slug(branch, f"{organization.name} {branch.name}", organization.slug)
    _write_week(branch, opening_hours)
    outbox.publish(
        BranchCreated(
            organization_id=organization.pk,
            branch_id=branch.pk,
            subject_version=1,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return branch


@operation
def update_branch(
    *,
    actor: Actor,
    branch_id: UUID,
    changes: Mapping[str, Any],
    opening_hours: Sequence[WeekHours] | None = None,
    now: datetime,
) -> Branch:
    """
    Change any of `CHANGEABLE` (`commune` by its code), and the week's hours where they are given.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: a wrong field, unknown commune or zone, overlapping hours
    """
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    wanted = dict(changes)
    if "phone" in wanted:
        wanted["phone"] = phone_number(wanted["phone"])
    if "commune" in wanted:
        wanted["commune"] = commune_of(wanted["commune"])
    changed = apply(branch, wanted, CHANGEABLE)
    if changed:
        outbox.publish(
            BranchChanged(
                organization_id=branch.organization_id,
                branch_id=branch.pk,
                subject_version=branch.version,
                occurred_at=now,
                actor=actor.label,
                fields=changed,
            )
        )
    if opening_hours is not None:
        _replace_week(branch, opening_hours, actor, now)
    return branch


@operation
def close_branch(*, actor: Actor, branch_id: UUID, now: datetime) -> None:
    """
    Close a branch for good, and its counters with it; history stays.

    :raises NotFound: unknown, or the actor does not manage the whole organization
    :raises PeopleWaiting: people still wait there
    """
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    policies.require(actor, branch.organization_id, Ability.MANAGE)
    refuse_if_held(Retirable.BRANCH, branch.pk)
    branch.closed_at = now
    branch.version += 1
    branch.save(update_fields=["closed_at", "version"])
    Counter.objects.filter(branch=branch, retired_at=None).update(
        retired_at=now, version=F("version") + 1
    )
    outbox.publish(
        BranchClosed(
            organization_id=branch.organization_id,
            branch_id=branch.pk,
            subject_version=branch.version,
            occurred_at=now,
            actor=actor.label,
        )
    )


def _tell_of_hours(branch: Branch, actor: Actor, now: datetime) -> None:
    branch.version += 1
    branch.save(update_fields=["version"])
    outbox.publish(
        OpeningHoursChanged(
            organization_id=branch.organization_id,
            branch_id=branch.pk,
            subject_version=branch.version,
            occurred_at=now,
            actor=actor.label,
        )
    )


def _replace_week(branch: Branch, week: Sequence[WeekHours], actor: Actor, now: datetime) -> None:
    _check_week(week)
    rows = OpeningHours.objects.filter(branch=branch)
    present = set(rows.values_list("weekday", "opens_at", "closes_at"))
    if present == {(hours.weekday, hours.opens_at, hours.closes_at) for hours in week}:
        return
    rows.delete()
    _write_week(branch, week)
    _tell_of_hours(branch, actor, now)


@operation
def replace_opening_hours(
    *, actor: Actor, branch_id: UUID, opening_hours: Sequence[WeekHours], now: datetime
) -> Branch:
    """
    Give a branch another week; what is already so is not written.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: overlapping hours, or an end before its start
    """
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    _replace_week(branch, opening_hours, actor, now)
    return branch


def _check_exception(exception: OpeningException) -> None:
    check(exception)
    opens_at, closes_at = exception.opens_at, exception.closes_at
    if (opens_at is None) != (closes_at is None):
        missing = "opens_at" if opens_at is None else "closes_at"
        raise InvalidInput.on(missing, _("Give both times, or none for a closed day."), "required")
    others = OpeningException.objects.filter(
        branch_id=exception.branch_id, date=exception.date
    ).exclude(pk=exception.pk)
    if opens_at is not None and closes_at is not None:
        check_interval(opens_at, closes_at)
    for other in others:
        if opens_at is None or closes_at is None or other.opens_at is None:
            raise InvalidInput.on(
                "date", _("This date already says something else."), "overlapping"
            )
        if overlaps((opens_at, closes_at), (other.opens_at, other.closes_at)):
            raise InvalidInput.on(
                "opens_at", _("Two intervals of this day overlap."), "overlapping"
            )


@operation
def add_opening_exception(
    *,
    actor: Actor,
    branch_id: UUID,
    date: Date,
    opens_at: time | None = None,
    closes_at: time | None = None,
    reason: str = "",
    now: datetime,
) -> OpeningException:
    """
    Give a date hours of its own, or none; several intervals make a day, and holidays do not count.

    :raises NotFound: unknown branch, or not the actor's to manage
    :raises InvalidInput: one time without the other, an end before its start, an overlap
    """
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    exception = OpeningException(
        organization_id=branch.organization_id,
        branch=branch,
        date=date,
        opens_at=opens_at,
        closes_at=closes_at,
        reason=reason,
    )
    _check_exception(exception)
    exception.save(force_insert=True)
    _tell_of_hours(branch, actor, now)
    return exception


@operation
def change_opening_exception(
    *, actor: Actor, exception_id: UUID, changes: Mapping[str, Any], now: datetime
) -> OpeningException:
    """
    Change the date, the times or the reason.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: one time without the other, an end before its start, an overlap
    """
    exception = policies.access_opening_exception(actor, exception_id, Ability.MANAGE)
    for name in ("date", "opens_at", "closes_at", "reason"):
        if name in changes:
            setattr(exception, name, changes[name])
    _check_exception(exception)
    exception.save()
    _tell_of_hours(exception.branch, actor, now)
    return exception


@operation
def remove_opening_exception(*, actor: Actor, exception_id: UUID, now: datetime) -> None:
    """
    Follow the week's hours again on a date.

    :raises NotFound: unknown, or not the actor's to manage
    """
    exception = policies.access_opening_exception(actor, exception_id, Ability.MANAGE)
    exception.delete()
    _tell_of_hours(exception.branch, actor, now)


def _save_counter(counter: Counter, *, insert: bool) -> None:
    try:
        with transaction.atomic():
            counter.save(force_insert=insert)
    except IntegrityError as error:
        if "counter_name_in_branch" not in str(error):
            raise
        raise InvalidInput.on(
            "name", _("This branch already has a counter of this name."), "taken"
        ) from error


@operation
def create_counter(*, actor: Actor, branch_id: UUID, name: str, now: datetime) -> Counter:
    """
    Add a counter to a branch.

    :raises NotFound: unknown branch, or not the actor's to manage
    :raises InvalidInput: a wrong or taken name
    """
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    counter = Counter(
        organization_id=branch.organization_id, branch=branch, name=name.strip(), created_at=now
    )
    check(counter)
    _save_counter(counter, insert=True)
    outbox.publish(CounterCreated(**_facts(counter, actor, now)))
    return counter


def _facts(counter: Counter, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": counter.organization_id,
        "counter_id": counter.pk,
        "branch_id": counter.branch_id,
        "subject_version": counter.version,
        "occurred_at": now,
        "actor": actor.label,
    }


@operation
def rename_counter(*, actor: Actor, counter_id: UUID, name: str, now: datetime) -> Counter:
    """
    Give a counter another name.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: a wrong or taken name
    """
    counter = policies.access_counter(actor, counter_id, Ability.MANAGE, lock=True)
    if counter.name == name.strip():
        return counter
    counter.name = name.strip()
    counter.version += 1
    check(counter)
    _save_counter(counter, insert=False)
    outbox.publish(CounterChanged(fields=["name"], **_facts(counter, actor, now)))
    return counter


@operation
def retire_counter(*, actor: Actor, counter_id: UUID, now: datetime) -> None:
    """
    Take a counter out of use; history stays.

    :raises NotFound: unknown, or not the actor's to manage
    :raises PeopleWaiting: somebody is at it
    """
    counter = policies.access_counter(actor, counter_id, Ability.MANAGE, lock=True)
    refuse_if_held(Retirable.COUNTER, counter.pk)
    counter.retired_at = now
    counter.version += 1
    counter.save(update_fields=["retired_at", "version"])
    outbox.publish(CounterRetired(**_facts(counter, actor, now)))

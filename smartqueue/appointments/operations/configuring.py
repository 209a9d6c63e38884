"""Weekly slots, dates that differ, a service's rules, agents' absences."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import policies
from smartqueue.appointments.enums import MONDAY, SATURDAY, ExceptionKind, QuestionKind
from smartqueue.appointments.errors import SlotsOverlap
from smartqueue.appointments.events import SlotsChanged
from smartqueue.appointments.models import (
    AgentAbsence,
    AppointmentSlot,
    BookingRules,
    SlotException,
)
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch, Membership, Service
from smartqueue.business.policies import access_branch, require
from smartqueue.common import clock, tenancy
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox

USUAL_START: Final = time(9)
USUAL_END: Final = time(17)
USUAL_INTERVAL: Final = 30
SLOT_FIELDS: Final = (
    "day_of_week",
    "start_time",
    "end_time",
    "interval_minutes",
    "capacity",
    "public_capacity",
    "weeks_of_month",
    "valid_from",
    "valid_until",
    "agent_id",
)
RULE_FIELDS: Final = tuple(
    field.name
    for field in BookingRules._meta.concrete_fields
    if field.name not in {"id", "organization", "service", "version"}
)
EXCEPTION_FIELDS: Final = (
    "date",
    "kind",
    "start_time",
    "end_time",
    "interval_minutes",
    "capacity",
    "public_capacity",
    "reason",
)


def _tell(
    actor: Actor, service: Service | UUID, version: int, branch: Branch | None, now: datetime
) -> None:
    organization_id = branch.organization_id if branch else None
    if isinstance(service, Service):
        organization_id, service = service.organization_id, service.pk
    outbox.publish(
        SlotsChanged(
            organization_id=organization_id,
            subject_version=version,
            occurred_at=now,
            actor=actor.label,
            service_id=service,
            branch_id=branch.pk if branch else None,
        )
    )


@operation
def create_slot(
    *, actor: Actor, branch_id: UUID, service_id: UUID, now: datetime, **values: Any
) -> AppointmentSlot:
    """
    Offer appointments of a service every week.

    :raises NotFound: unknown, or the actor does not manage the branch
    :raises SlotsOverlap: another weekly slot covers a part of that time
    :raises InvalidInput: times, places or an agent that cannot be
    """
    service, branch = policies.access_managed_service(actor, service_id, branch_id)
    slot = AppointmentSlot(
        id=new_id(),
        organization_id=branch.organization_id,
        branch=branch,
        service=service,
        created_at=now,
        **({"valid_from": clock.service_date(now, branch.timezone)} | _only(values, SLOT_FIELDS)),
    )
    _check_slot(slot)
    slot.save(force_insert=True)
    _tell(actor, service, slot.version, branch, now)
    return slot


def _only(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


@operation
def update_slot(*, actor: Actor, slot_id: UUID, now: datetime, **values: Any) -> AppointmentSlot:
    """
    Change a weekly slot. Who is booked stays booked, and counts against what is offered then.

    :raises NotFound: unknown, or the actor does not manage the branch
    :raises SlotsOverlap: another weekly slot covers a part of that time
    :raises InvalidInput: times, places or an agent that cannot be
    """
    slot = policies.access_slot(actor, slot_id)
    for name, value in _only(values, SLOT_FIELDS).items():
        setattr(slot, name, value)
    slot.version += 1
    _check_slot(slot)
    slot.save()
    _tell(actor, slot.service, slot.version, slot.branch, now)
    return slot


@operation
def retire_slot(*, actor: Actor, slot_id: UUID, now: datetime) -> None:
    """
    Offer a weekly slot no more. Who is booked stays booked.

    :raises NotFound: unknown, or the actor does not manage the branch
    """
    slot = policies.access_slot(actor, slot_id)
    slot.retired_at = now
    slot.version += 1
    slot.save(update_fields=["retired_at", "version"])
    _tell(actor, slot.service, slot.version, slot.branch, now)


def _check_slot(slot: AppointmentSlot) -> None:
    _check_times(slot.start_time, slot.end_time)
    if slot.valid_until is not None and slot.valid_until < slot.valid_from:
        raise InvalidInput.on("valid_until", _("The last date must come after the first."))
    if slot.public_capacity > slot.capacity:
        raise InvalidInput.on("public_capacity", _("At most all places can be for the public."))
    if slot.agent_id is not None and not _works_at(slot.agent_id, slot.organization_id):
        raise InvalidInput.on("agent", _("This person is no member."))
    same = AppointmentSlot.objects.filter(
        service=slot.service_id,
        branch=slot.branch_id,
        agent=slot.agent_id,
        day_of_week=slot.day_of_week,
        retired_at=None,
    ).exclude(pk=slot.pk)
    for other in same:
        if _overlap(slot, other):
            raise SlotsOverlap


def _works_at(user_id: UUID, organization_id: UUID) -> bool:
    rows = Membership.objects.filter(user=user_id, organization=organization_id)
    found: bool = rows.exists()
    return found


def _overlap(one: AppointmentSlot, two: AppointmentSlot) -> bool:
    last = date.max
    in_dates = one.valid_from <= (two.valid_until or last) and two.valid_from <= (
        one.valid_until or last
    )
    weeks = not one.weeks_of_month or not two.weeks_of_month
    weeks = weeks or bool(set(one.weeks_of_month) & set(two.weeks_of_month))
    in_times = (two.end_time == time(0) or one.start_time < two.end_time) and (
        one.end_time == time(0) or two.start_time < one.end_time
    )
    return in_dates and weeks and in_times


@operation
def generate_usual_slots(
    *,
    actor: Actor,
    branch_id: UUID,
    service_id: UUID,
    now: datetime,
    capacity: int = 1,
    public_capacity: int | None = None,
) -> list[AppointmentSlot]:
    """
    Offer a service as most places do, Monday to Friday from 9 to 17 every 30 minutes; a weekday
    that has slots is left as it is, so that again adds nothing.

    :raises NotFound: unknown, or the actor does not manage the branch
    """
    service, branch = policies.access_managed_service(actor, service_id, branch_id)
    there = set(
        AppointmentSlot.objects.filter(service=service, branch=branch, retired_at=None).values_list(
            "day_of_week", flat=True
        )
    )
    made = [
        AppointmentSlot(
            id=new_id(),
            organization_id=branch.organization_id,
            branch=branch,
            service=service,
            day_of_week=day,
            start_time=USUAL_START,
            end_time=USUAL_END,
            interval_minutes=USUAL_INTERVAL,
            capacity=capacity,
            public_capacity=capacity if public_capacity is None else public_capacity,
            valid_from=clock.service_date(now, branch.timezone),
            created_at=now,
        )
        for day in range(MONDAY, SATURDAY)
        if day not in there
    ]
    AppointmentSlot.objects.bulk_create(made)
    if made:
        _tell(actor, service, 1, branch, now)
    return made


@operation
def create_slot_exception(
    *, actor: Actor, branch_id: UUID, now: datetime, service_id: UUID | None = None, **values: Any
) -> SlotException:
    """
    Open, close or change one date without touching the pattern; who is booked stays booked.

    :raises NotFound: unknown, or the actor does not manage the branch
    :raises InvalidInput: times or places that cannot be
    """
    service = None
    if service_id is None:
        branch = access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    else:
        service, branch = policies.access_managed_service(actor, service_id, branch_id)
    row = SlotException(
        id=new_id(),
        organization_id=branch.organization_id,
        branch=branch,
        service=service,
        **_only(values, EXCEPTION_FIELDS),
    )
    _check_exception(row)
    row.save(force_insert=True)
    _tell_exception(actor, row, now)
    return row


@operation
def update_slot_exception(
    *, actor: Actor, exception_id: UUID, now: datetime, **values: Any
) -> SlotException:
    """
    Change what one date does.

    :raises NotFound: unknown, or the actor does not manage the branch
    :raises InvalidInput: times or places that cannot be
    """
    row = policies.access_slot_exception(actor, exception_id)
    for name, value in _only(values, EXCEPTION_FIELDS).items():
        setattr(row, name, value)
    row.version += 1
    _check_exception(row)
    row.save()
    _tell_exception(actor, row, now)
    return row


@operation
def remove_slot_exception(*, actor: Actor, exception_id: UUID, now: datetime) -> None:
    """
    Let a date follow the pattern again.

    :raises NotFound: unknown, or the actor does not manage the branch
    """
    row = policies.access_slot_exception(actor, exception_id)
    _tell_exception(actor, row, now)
    row.delete()


def _tell_exception(actor: Actor, row: SlotException, now: datetime) -> None:
    # All services of the branch differ: the branch itself stands for them.
    subject = row.service_id or row.branch_id
    outbox.publish(
        SlotsChanged(
            organization_id=row.organization_id,
            subject_version=row.version,
            occurred_at=now,
            actor=actor.label,
            service_id=subject,
            branch_id=row.branch_id,
            on_date=row.date,
        )
    )


def _check_exception(row: SlotException) -> None:
    if (row.start_time is None) != (row.end_time is None):
        raise InvalidInput.on("end", _("Give both times or none."))
    if row.start_time is not None and row.end_time is not None:
        _check_times(row.start_time, row.end_time)
    if row.kind == ExceptionKind.CLOSE:
        row.interval_minutes = row.capacity = row.public_capacity = None
        return
    if row.capacity is None:
        raise InvalidInput.on("capacity", _("Say how many places there are."), "required")
    if row.public_capacity is None:
        row.public_capacity = row.capacity
    if row.public_capacity > row.capacity:
        raise InvalidInput.on("public_capacity", _("At most all places can be for the public."))
    if row.kind == ExceptionKind.OPEN:
        _check_opening(row)
    else:
        row.interval_minutes = None


def _check_times(start: time, end: time) -> None:
    if end != time(0) and end <= start:
        raise InvalidInput.on("end", _("The end must come after the start."))


def _check_opening(row: SlotException) -> None:
    needed = {
        "service": row.service_id,
        "start": row.start_time,
        "interval_minutes": row.interval_minutes,
    }
    for name, value in needed.items():
        if value is None:
            raise InvalidInput.on(name, _("This is needed to open a date."), "required")


@operation
def set_booking_rules(
    *, actor: Actor, service_id: UUID, now: datetime, **values: Any
) -> BookingRules:
    """
    Decide how appointments for a service are made and kept; what is not named stays as it is.

    :raises NotFound: unknown, or the actor does not manage the organization
    :raises InvalidInput: questions that cannot be asked
    """
    service, rules = policies.access_rules(actor, service_id)
    for name, value in _only(values, RULE_FIELDS).items():
        setattr(rules, name, value)
    _check_questions(rules.questions)
    if not rules._state.adding:
        rules.version += 1
    rules.save()
    _tell(actor, service, rules.version, None, now)
    return rules


def _check_questions(questions: list[dict[str, Any]]) -> None:
    codes = [question["code"] for question in questions]
    if len(codes) != len(set(codes)):
        raise InvalidInput.on("questions", _("Each code may stand once."), "repeated")
    for question in questions:
        if question["kind"] == QuestionKind.CHOICE and len(question.get("choices", ())) < 2:
            raise InvalidInput.on("questions", _("A choice needs two answers at least."))


@operation
def add_absence(
    *,
    actor: Actor,
    organization_id: UUID,
    agent_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    reason: str = "",
) -> AgentAbsence:
    """
    Close an agent's own calendar for a time: their own, or by a manager. Who is booked stays booked.

    :raises NotFound: not a member, or not the actor's to close
    :raises InvalidInput: a time that cannot be
    """
    _access_calendar(actor, organization_id, agent_id)
    if not _works_at(agent_id, organization_id):
        raise NotFound
    if ends_at <= starts_at:
        raise InvalidInput.on("ends_at", _("The end must come after the start."))
    absence: AgentAbsence = AgentAbsence.objects.create(
        organization_id=organization_id,
        agent_id=agent_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
    )
    return absence


@operation
def remove_absence(*, actor: Actor, absence_id: UUID, now: datetime) -> None:
    """
    Open an agent's calendar again.

    :raises NotFound: unknown, or not the actor's
    """
    absence: AgentAbsence | None = (
        AgentAbsence.objects.with_scopes_disabled().filter(pk=absence_id).first()
    )
    if absence is None:
        raise NotFound
    _access_calendar(actor, absence.organization_id, absence.agent_id)
    absence.delete()


def _access_calendar(actor: Actor, organization_id: UUID, agent_id: UUID) -> None:
    """Enter the organization of an agent's own calendar, or of one that the actor manages."""
    membership = actor.membership_in(organization_id)
    is_own = actor.user_id == agent_id
    if is_own and membership is not None and membership.role in ROLES_WITH[Ability.SERVE]:
        tenancy.enter(organization_id)
    else:
        require(actor, organization_id, Ability.MANAGE)

"""What staff pages of appointments read: who is expected, the days of a week, what is offered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.appointments import queries
from smartqueue.appointments.enums import AppointmentState, OfferState, WaitlistState
from smartqueue.appointments.models import (
    AgentAbsence,
    Appointment,
    AppointmentSlot,
    BookingRules,
    SlotException,
    WaitlistEntry,
)
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch, Membership, Service
from smartqueue.business.policies import can
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound
from smartqueue.web.bookings import zone_of

ROWS_SHOWN = 500


class Group(StrEnum):
    """Where somebody stands on the board, in the order of the board."""

    PENDING = "pending"
    LATE = "late"
    EXPECTED = "expected"
    HERE = "here"
    NO_SHOW = "no_show"
    DONE = "done"


_GROUP_OF = {
    AppointmentState.PENDING: Group.PENDING,
    AppointmentState.CHECKED_IN: Group.HERE,
    AppointmentState.NO_SHOW: Group.NO_SHOW,
    AppointmentState.COMPLETED: Group.DONE,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One appointment as the staff see it; `late` is by how many minutes somebody is late."""

    appointment: Appointment
    group: Group
    late: int
    may_check_in: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class Board:
    """The appointments of a branch on one date, by group and time."""

    day: date
    is_today: bool
    groups: list[tuple[Group, list[Line]]]

    def count(self, *groups: Group) -> int:
        """Return how many people are in some groups."""
        return sum(
            line.appointment.people
            for group, lines in self.groups
            if group in groups
            for line in lines
        )

    @property
    def expected(self) -> int:
        """People who are still to come, late ones among them."""
        return self.count(Group.EXPECTED, Group.LATE)

    @property
    def late(self) -> int:
        """People whose time is over by more than the tolerance."""
        return self.count(Group.LATE)

    @property
    def here(self) -> int:
        """People who have arrived."""
        return self.count(Group.HERE)

    @property
    def missing(self) -> int:
        """People who did not come."""
        return self.count(Group.NO_SHOW)


def _between(branch: Branch, since: date, days: int) -> list[Appointment]:
    zone = zone_of(branch)
    rows = queries.appointments_between(
        branch_id=branch.pk,
        since=datetime.combine(since, time(), zone),
        until=datetime.combine(since + timedelta(days=days), time(), zone),
    )
    # A form that somebody fills is no appointment yet.
    return list(rows.exclude(state=AppointmentState.HELD)[:ROWS_SHOWN])


def board_of(branch: Branch, day: date, now: datetime) -> Board:
    """Return the appointments of a branch on a date; needs a scope."""
    rows = _between(branch, day, 1)
    rules = _rules_of({row.service_id for row in rows})
    lines = [line_of(row, rules.get(row.service_id), now) for row in rows]
    groups = [(group, [line for line in lines if line.group is group]) for group in Group]
    is_today = day == service_date(now, branch.timezone)
    return Board(day, is_today, [(group, found) for group, found in groups if found])


def _rules_of(services: Iterable[UUID]) -> dict[UUID, BookingRules]:
    return {row.service_id: row for row in BookingRules.objects.filter(service__in=list(services))}


def line_of(row: Appointment, rules: BookingRules | None, now: datetime) -> Line:
    """Return where somebody stands by a service's rules; None is the default ones."""
    rules = rules or BookingRules()
    late = max(int((now - row.starts_at).total_seconds() // 60), 0)
    group = _GROUP_OF.get(AppointmentState(row.state), Group.EXPECTED)
    if group is Group.EXPECTED and late > rules.late_minutes:
        group = Group.LATE
    opens = row.starts_at - timedelta(minutes=rules.early_minutes)
    same_day = service_date(now, row.branch.timezone) == row.date
    is_awaited = group in {Group.EXPECTED, Group.LATE, Group.NO_SHOW}
    return Line(row, group, late, is_awaited and same_day and opens <= now, row.starts_at <= now)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody on a waitlist, their place in its order, and until when a place is offered to them."""

    entry: WaitlistEntry
    place: int
    offered_until: datetime | None


def pending_of(branch: Branch, now: datetime) -> list[Appointment]:
    """Return the coming appointments of a branch that await approval, soonest first."""
    rows = queries.list_appointments().filter(
        branch=branch, state=AppointmentState.PENDING, starts_at__gt=now
    )
    return list(rows.order_by("starts_at", "id")[:ROWS_SHOWN])


def waiting_of(branch: Branch) -> list[Waiting]:
    """Return who waits for a place at a branch, by service and order."""
    rows = queries.list_waitlist().filter(
        branch=branch, state__in=(WaitlistState.WAITING, WaitlistState.OFFERED)
    )
    found: list[Waiting] = []
    places: dict[UUID, int] = {}
    for row in rows.select_related("service").order_by("service__name", "created_at", "id")[
        :ROWS_SHOWN
    ]:
        places[row.service_id] = places.get(row.service_id, 0) + 1
        open_ = next((o for o in row.offers.all() if o.state == OfferState.OPEN), None)
        found.append(Waiting(row, places[row.service_id], open_.expires_at if open_ else None))
    return found


def slots_of(branch: Branch) -> list[tuple[Service, list[AppointmentSlot]]]:
    """Return every live service of a branch's organization with its weekly slots there."""
    services = Service.objects.filter(organization=branch.organization_id, retired_at=None)
    rows = queries.list_slots().filter(branch=branch).select_related("agent")
    by_service: dict[UUID, list[AppointmentSlot]] = {}
    for row in rows:
        by_service.setdefault(row.service_id, []).append(row)
    found = [(service, by_service.get(service.pk, [])) for service in services.order_by("name")]
    return sorted(found, key=lambda pair: not pair[1])


def slots_of_agent(branch: Branch, agent_id: UUID) -> list[AppointmentSlot]:
    """Return the weekly slots of an agent's own calendar at a branch, by weekday and time."""
    rows = queries.list_slots().filter(branch=branch, agent=agent_id).select_related("service")
    return list(rows.order_by("day_of_week", "start_time", "id"))


def working_days(branch: Branch, agent_id: UUID) -> set[int]:
    """Return the weekdays, 0 being Monday, on which an agent's calendar offers anything."""
    return {slot.day_of_week for slot in slots_of_agent(branch, agent_id)}


def access_agent(actor: Actor, organization_id: UUID, agent_id: UUID) -> User:
    """
    Return somebody who serves in an organization: oneself, or for a manager anybody; needs a scope.

    :raises NotFound: not the actor's to see, or nobody who serves there
    """
    if agent_id != actor.user_id and not can(actor, organization_id, Ability.MANAGE):
        raise NotFound
    found = next((row for row in serving_people(organization_id) if row.pk == agent_id), None)
    if found is None:
        raise NotFound
    return found


def dates_of(branch: Branch, now: datetime) -> list[SlotException]:
    """Return the coming dates of a branch that differ from its weekly slots."""
    today = service_date(now, branch.timezone)
    rows = queries.list_slot_exceptions().filter(branch=branch, date__gte=today)
    return list(rows.select_related("service")[:ROWS_SHOWN])


def absences_of(
    organization_id: UUID, now: datetime, agent_id: UUID | None = None
) -> list[AgentAbsence]:
    """Return the absences of an organization's people that are not over; of one where named."""
    rows = AgentAbsence.objects.filter(organization=organization_id, ends_at__gt=now)
    if agent_id is not None:
        rows = rows.filter(agent=agent_id)
    return list(rows.select_related("agent").order_by("starts_at", "id")[:ROWS_SHOWN])


def serving_people(organization_id: UUID) -> list[User]:
    """Return the members of an organization who serve people, by name."""
    rows = Membership.objects.filter(
        organization=organization_id, role__in=ROLES_WITH[Ability.SERVE]
    ).select_related("user")
    return sorted((row.user for row in rows), key=str)

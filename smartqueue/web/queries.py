"""What pages read that no single app below tells: places with their queues, counters with their agents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet

from smartqueue.accounts.actor import Actor
from smartqueue.appointments.models import Appointment
from smartqueue.business import hours
from smartqueue.business import queries as business_queries
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.hours import Hours
from smartqueue.business.models import Branch, Counter, Organization, Service
from smartqueue.common import geo, tenancy
from smartqueue.common.clock import service_date
from smartqueue.common.errors import NotFound
from smartqueue.queues import queries as queue_queries
from smartqueue.queues import staffing
from smartqueue.queues.enums import UNDO_WITHIN, QueueState, SessionState
from smartqueue.queues.models import (
    CounterSession,
    LongLine,
    Queue,
    QueuePriority,
    SessionBreak,
    Ticket,
    TicketStep,
    VehicleCategory,
)
from smartqueue.queues.staffing import Hint
from smartqueue.support.enums import CaseCategory
from smartqueue.support.models import SupportCase

OVERTAKERS_SHOWN = 3
OWN_TICKETS_SHOWN = 5
CASES_SHOWN = 50
REQUESTS_SHOWN = 10
PLACES_SHOWN = 40
BRANCHES_SHOWN = 50
WAITING_SHOWN = 30
MISSED_SHOWN = 10


def _queues() -> "QuerySet[Queue]":
    rows: QuerySet[Queue] = Queue.objects.filter(retired_at=None).order_by("prefix", "name")
    return rows


def list_overtakers(ticket: Ticket) -> list[Ticket]:
    """
    Return the last three people who joined after a waiting ticket and were called before it.

    Their `call_reason` says why; needs a scope.
    """
    later: QuerySet[Ticket] = Ticket.objects.filter(
        organization=ticket.organization_id,
        queue=ticket.queue_id,
        joined_at__gt=ticket.joined_at,
        called_at__isnull=False,
    )
    return list(later.order_by("-called_at")[:OVERTAKERS_SHOWN])


def list_own_tickets(user_id: UUID) -> list[Ticket]:
    """Return a person's newest tickets with their queue and branch."""
    with tenancy.citizen(user_id):
        return list(queue_queries.list_tickets()[:OWN_TICKETS_SHOWN])


def list_newest(cases: "QuerySet[SupportCase]") -> list[SupportCase]:
    """Return as many of a person's cases as a page shows."""
    return list(cases[:CASES_SHOWN])


def list_rights_requests(user_id: UUID) -> list[SupportCase]:
    """Return a person's newest cases about their data and their rights."""
    rows: QuerySet[SupportCase] = SupportCase.objects.with_scopes_disabled()
    asked = rows.filter(person=user_id, category=CaseCategory.PRIVACY).select_related("branch")
    return list(asked.order_by("-opened_at")[:REQUESTS_SHOWN])


def list_visited_branches(user_id: UUID) -> list[tuple[UUID, str]]:
    """Return the places of a person's tickets, by name."""
    with tenancy.citizen(user_id):
        branches = Ticket.objects.filter(branch__closed_at=None).order_by("branch__name")
        named = branches.values_list("branch_id", "branch__name").distinct()
        return list(named[:BRANCHES_SHOWN])


def name_of_branch(branch_id: UUID) -> str:
    """
    Return the name of a live branch.

    :raises NotFound: unknown or closed
    """
    with tenancy.public():
        name = Branch.objects.filter(pk=branch_id, closed_at=None).values_list("name", flat=True)
        found: str | None = name.first()
    if found is None:
        raise NotFound
    return found


def _services() -> "QuerySet[Service]":
    rows: QuerySet[Service] = Service.objects.filter(retired_at=None).order_by("name")
    return rows


def get_organization(slug: str) -> Organization:
    """
    Return a live organization with its branches and their queues.

    :raises NotFound: unknown or closed
    """
    with tenancy.public():
        branches = (
            Branch.objects.filter(closed_at=None)
            .select_related("commune")
            .prefetch_related(Prefetch("queues", queryset=_queues(), to_attr="live_queues"))
            .order_by("name")
        )
        organization = (
            Organization.objects.filter(slug=slug, closed_at=None)
            .select_related("settings")
            .prefetch_related(Prefetch("branches", queryset=branches, to_attr="live_branches"))
            .first()
        )
    if organization is None:
        raise NotFound
    return organization


def _branches_in_full() -> "QuerySet[Branch]":
    queues = _queues().prefetch_related(
        Prefetch("services", queryset=_services(), to_attr="live_services"),
        "vehicle_categories",
    )
    rows: QuerySet[Branch] = Branch.objects.filter(
        closed_at=None, organization__closed_at=None
    ).select_related("organization__settings", "commune")
    return rows.prefetch_related(Prefetch("queues", queryset=queues, to_attr="live_queues"))


def get_branch(slug: str) -> Branch:
    """
    Return a live branch with its organization, queues and their services.

    :raises NotFound: unknown or closed
    """
    with tenancy.public():
        branch = _branches_in_full().filter(slug=slug).first()
    if branch is None:
        raise NotFound
    return branch


def get_branch_by_id(branch_id: UUID) -> Branch:
    """
    Return the same as `get_branch`, by id.

    :raises NotFound: unknown or closed
    """
    with tenancy.public():
        branch = _branches_in_full().filter(pk=branch_id).first()
    if branch is None:
        raise NotFound
    return branch


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that somebody can come for at a kiosk."""

    queue: Queue
    status: Mapping[str, Any]
    service: Service | None
    vehicle: VehicleCategory | None

    @property
    def name(self) -> str:
        """What the button says."""
        if self.vehicle:
            return self.vehicle.name
        return self.service.name if self.service else self.queue.name


def buttons_of(queues: Sequence[tuple[Queue, Mapping[str, Any]]]) -> list[Button]:
    """Return a kiosk's buttons: one for each vehicle category or service of each queue."""
    buttons = []
    for queue, status in queues:
        vehicles = list(queue.vehicle_categories.all()) if queue.asks_vehicle else []
        services = list(queue.live_services)  # type: ignore[attr-defined]  # prefetched
        only = services[0] if len(services) == 1 else None
        if vehicles:
            buttons += [Button(queue, status, only, vehicle) for vehicle in vehicles]
        elif services:
            buttons += [Button(queue, status, service, None) for service in services]
        else:
            buttons.append(Button(queue, status, None, None))
    return buttons


def get_queue_to_join(queue_id: UUID) -> Queue:
    """
    Return a live queue with its place, services, priorities and vehicle categories.

    :raises NotFound: unknown or retired
    """
    with tenancy.public():
        queue = (
            _queues()
            .filter(pk=queue_id, branch__closed_at=None)
            .select_related("branch", "branch__organization__settings")
            .prefetch_related(
                Prefetch("services", queryset=_services(), to_attr="live_services"),
                "priorities",
                "vehicle_categories",
            )
            .first()
        )
    if queue is None:
        raise NotFound
    return queue


def search_places(search: str, category: str, near: tuple[float, float] | None) -> list[Branch]:
    """
    Return the first places that fit, with their live queues as `live_queues`.

    `near` is latitude and longitude in degrees: the nearest come first, each with `distance`.
    """
    origin = geo.point(lat=near[0], lon=near[1]) if near else None
    with tenancy.public():
        rows = business_queries.list_branches(search=search, category=category, near=origin)
        return list(
            rows.prefetch_related(Prefetch("queues", queryset=_queues(), to_attr="live_queues"))[
                :PLACES_SHOWN
            ]
        )


@dataclass(frozen=True, slots=True)
class CounterLine:
    """A counter and who is at it, if anybody; `paused_at` is when a break began, in the branch's zone."""

    counter: Counter
    session: CounterSession | None
    paused_at: datetime | None = None

    @property
    def state(self) -> str:
        """The state of its session, or "free"."""
        return self.session.state if self.session else "free"

    def serves(self, queue_id: UUID) -> bool:
        """Whether whoever is there serves a queue, now or after a break."""
        return self.session is not None and queue_id in self.session.queue_ids


def list_counters(branch_id: UUID) -> list[CounterLine]:
    """Return a branch's counters with their running sessions; needs a scope."""
    sessions = {
        session.counter_id: session
        for session in CounterSession.objects.filter(branch=branch_id)
        .exclude(state=SessionState.ENDED)
        .select_related("agent", "branch")
    }
    paused = dict(
        SessionBreak.objects.filter(
            session__in=[s.pk for s in sessions.values() if s.state == SessionState.ON_BREAK],
            ended_at=None,
        ).values_list("session", "started_at")
    )
    counters = Counter.objects.filter(branch=branch_id, retired_at=None).order_by("name")
    return [_counter_line(counter, sessions.get(counter.pk), paused) for counter in counters]


def _counter_line(
    counter: Counter, session: CounterSession | None, paused: Mapping[UUID, datetime]
) -> CounterLine:
    since = paused.get(session.pk) if session else None
    if session is None or since is None:
        return CounterLine(counter, session)
    return CounterLine(counter, session, since.astimezone(ZoneInfo(session.branch.timezone)))


@dataclass(frozen=True, slots=True)
class Help:
    """
    What a manager needs for one line: from how many people on they are told (None for never),
    whether it has grown long, what more counters would change, who is at its counters, and which
    counters are free.
    """

    told_from: int | None
    is_long: bool
    hint: Hint | None
    seats: list[CounterLine]
    free: list[CounterLine]


def helps_of(
    queues: Sequence[Queue], counters: Sequence[CounterLine], focus: UUID | None, now: datetime
) -> dict[UUID, Help]:
    """Return help for the lines that have grown long, and for the one asked for; needs a scope."""
    watched = {line.queue_id: line for line in LongLine.objects.filter(queue__in=queues)}
    wanted = [
        queue
        for queue in queues
        if queue.pk == focus or ((line := watched.get(queue.pk)) is not None and line.is_long)
    ]
    free = [line for line in counters if line.session is None]
    hints = staffing.hints_of(wanted, more=len(free), now=now)
    return {
        queue.pk: Help(
            told_from=line.people if (line := watched.get(queue.pk)) else None,
            is_long=line is not None and line.is_long,
            hint=hints.get(queue.pk),
            seats=[seat for seat in counters if seat.serves(queue.pk)],
            free=free,
        )
        for queue in wanted
    }


def list_branches_with(actor: Actor, ability: Ability) -> list[Branch]:
    """Return the live branches at which somebody has an ability, by organization and name."""
    memberships = [m for m in actor.memberships if m.role in ROLES_WITH[ability]]
    reached = Q(pk__in=[])
    for membership in memberships:
        here = Q(organization=membership.organization_id)
        if membership.branch_ids is not None:
            here &= Q(pk__in=membership.branch_ids)
        reached |= here
    rows: QuerySet[Branch] = Branch.objects.with_scopes_disabled().filter(closed_at=None)
    rows = rows.filter(reached)
    queues = Queue.objects.with_scopes_disabled().filter(retired_at=None).order_by("prefix")
    return list(
        rows.select_related("organization", "commune")
        .prefetch_related(Prefetch("queues", queryset=queues, to_attr="live_queues"))
        .order_by("organization__name", "name")[:BRANCHES_SHOWN]
    )


def list_branches_of(organization_id: UUID, reach: frozenset[UUID] | None) -> list[Branch]:
    """Return an organization's live branches by name, those within reach; None is all of them."""
    rows = business_queries.list_branches(organization=organization_id)
    return list(rows if reach is None else rows.filter(pk__in=reach))


def organization_of(organization_id: UUID) -> Organization:
    """Return an organization with its settings, closed or not."""
    return Organization.objects.select_related("settings").get(pk=organization_id)


def list_organizations_named(search: str) -> list[Organization]:
    """Return the first live organizations that fit some words."""
    return list(business_queries.list_organizations(search=search)[:BRANCHES_SHOWN])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a list of the console; `booked_at` is the time of their appointment, if any."""

    ticket: Ticket
    waited: int
    priority: str
    booked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Console:
    """All that an agent's console shows; `undoable` is the ticket whose last step can be taken back."""

    session: CounterSession
    queues: list[Queue]
    current: Person | None
    waiting: list[Person]
    waiting_count: int
    parked: list[Person]
    missed: list[Person]
    undoable: Ticket | None
    targets: list[Queue]


def console_of(session: CounterSession, now: datetime) -> Console:
    """Return the console of a running session; needs its organization's scope."""
    all_queues = list_queues(session.branch_id)
    served = [q for q in all_queues if q.pk in session.queue_ids]
    names = {
        (p.queue_id, p.code): p.name
        for p in QueuePriority.objects.filter(queue__in=session.queue_ids)
    }

    current = queue_queries.current_ticket(session.pk)
    today = service_date(now, session.branch.timezone)
    waiting = queue_queries.list_waiting(session.queue_ids)[:WAITING_SHOWN]
    missed = queue_queries.list_missed(session.queue_ids, today)[:MISSED_SHOWN]
    parked = queue_queries.list_parked(session.queue_ids)[:WAITING_SHOWN]
    shown = [ticket.pk for ticket in (*waiting, *parked, *filter(None, [current]))]
    booked = dict(
        Appointment.objects.filter(ticket__in=shown).values_list("ticket", "starts_at")
        if shown
        else ()
    )

    def person(ticket: Ticket) -> Person:
        waited = max(int((now - ticket.joined_at).total_seconds() // 60), 0)
        priority = names.get((ticket.queue_id, ticket.priority), "")
        return Person(ticket, waited, priority, booked.get(ticket.pk))

    return Console(
        session=session,
        queues=served,
        current=person(current) if current else None,
        waiting=[person(t) for t in waiting],
        waiting_count=sum(q.waiting_count for q in served),
        parked=[person(t) for t in parked],
        missed=[person(t) for t in missed if _within_grace(t, now)],
        undoable=_undoable(session.agent_id, now),
        targets=[q for q in all_queues if q.state != QueueState.CLOSED],
    )


def _within_grace(ticket: Ticket, now: datetime) -> bool:
    grace = timedelta(minutes=ticket.queue.no_show_grace_minutes)
    return ticket.ended_at is not None and now - ticket.ended_at <= grace


def _undoable(agent_id: UUID, now: datetime) -> Ticket | None:
    step = (
        TicketStep.objects.filter(
            agent=agent_id, undone_at=None, done_at__gt=now - UNDO_WITHIN, done_at__lte=now
        )
        .select_related("ticket")
        .order_by("-done_at")
        .first()
    )
    return step.ticket if step and step.ticket.state == step.to_state else None


def list_queues(branch_id: UUID) -> list[Queue]:
    """Return a branch's live queues; needs a scope."""
    return list(_queues().filter(branch=branch_id))


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the coming week and its opening intervals on the branch's wall clock."""

    date: date
    intervals: tuple[Hours, ...]
    is_holiday: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a branch is open, until or from when, and the seven days from today."""

    is_open: bool
    until: datetime | None
    next: datetime | None
    days: tuple[Day, ...]


def opening_of(branch: Branch, now: datetime) -> Opening:
    """Return a branch's opening times, holidays and exceptions counted in; times in its zone."""
    schedule = business_queries.schedule_of(branch)
    zone = ZoneInfo(branch.timezone)
    today = now.astimezone(zone).date()
    dates = [today + timedelta(days=offset) for offset in range(7)]
    is_open = hours.is_open(schedule, now)
    closes = hours.closing_time(schedule, now) if is_open else None
    opens = None if is_open else hours.next_opening(schedule, now)
    return Opening(
        is_open=is_open,
        until=closes.astimezone(zone) if closes else None,
        next=opens.astimezone(zone) if opens else None,
        days=tuple(Day(d, schedule.hours_on(d), schedule.is_holiday(d)) for d in dates),
    )


def next_opening_of(branch: Branch, now: datetime) -> datetime | None:
    """Return when a branch that is closed opens, in its zone; None where it is open, or unknown."""
    schedule = business_queries.schedule_of(branch)
    opens = None if hours.is_open(schedule, now) else hours.next_opening(schedule, now)
    return opens.astimezone(ZoneInfo(branch.timezone)) if opens else None


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of a place in one sentence."""

    waiting: int
    open_queues: int
    queues: int


def line_of(queues: Sequence[Queue]) -> Line:
    """Return how many wait at a place, and how many of its queues take people."""
    return Line(
        waiting=sum(q.waiting_count for q in queues),
        open_queues=sum(q.state == QueueState.OPEN for q in queues),
        queues=len(queues),
    )

"""Reads of queues and tickets."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Sum, When

from smartqueue.agents.queries import Weights, weights_for
from smartqueue.business.hours import (
    closing_time,
    first_day_in_force,
    last_edge,
    next_opening,
)
from smartqueue.business.models import Branch
from smartqueue.business.queries import schedule_of, schedules_of
from smartqueue.common import tenancy
from smartqueue.common.clock import service_date
from smartqueue.common.db import RowOf, fetch_all
from smartqueue.common.errors import NotFound
from smartqueue.notifications.ports import KNOWN_FOR, Addressees, known_among, rows_of
from smartqueue.queues import estimates, live, rosters, shown
from smartqueue.queues.enums import ACTIVE, AT_COUNTER, QueueState, SessionState, TicketState
from smartqueue.queues.lessons import Lesson
from smartqueue.queues.models import (
    CounterSession,
    Queue,
    QueueWaits,
    RosterDay,
    Ticket,
    VehicleCategory,
)
from smartqueue.waits import Estimate

# What is not served stands in a CASE, of which the planner expects nothing: where all wait for one
# service, it takes a plain comparison to leave nobody, and sorts the whole line to find one.
_HEADS = """
    SELECT head.queue_id, head.order_key, head.service_id
    FROM unnest(%s::uuid[]) AS served(queue_id)
    JOIN queues_queue AS queue ON queue.id = served.queue_id
        AND queue.state <> 'paused' AND queue.retired_at IS NULL
    CROSS JOIN LATERAL (
        SELECT ticket.queue_id, ticket.order_key, ticket.service_id
        FROM queues_ticket AS ticket
        WHERE ticket.queue_id = served.queue_id AND ticket.state = 'waiting'
          AND CASE WHEN ticket.service_id = ANY(%s::uuid[]) THEN false ELSE true END
        ORDER BY ticket.order_key, ticket.id
        LIMIT 1
    ) AS head
"""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

TICKET: Final = RowOf(Ticket)
_TICKETS_ID = TICKET.place("id")
HEAD_OF_LINE: Final = f"""
    SELECT {TICKET.columns("ticket")}
    FROM queues_ticket AS ticket
    WHERE ticket.queue_id = %s AND ticket.state = 'waiting'
      AND CASE WHEN ticket.service_id = ANY({{never}})
                 OR ticket.vehicle_category = ANY(%s::text[]) THEN false ELSE true END
    ORDER BY ticket.order_key, ticket.id
    LIMIT 1
"""  # noqa: S608  # names from the model


class Head:
    """The first person of one queue whom a counter may serve."""

    __slots__ = ("order_key", "queue_id", "service_id")

    def __init__(self, queue_id: UUID, order_key: datetime, service_id: UUID | None) -> None:
        self.queue_id = queue_id
        self.order_key = order_key
        self.service_id = service_id

    def claim(self, skills: Weights, now: datetime) -> float:
        """Return the wait since the order key, in seconds, times the agent's weight."""
        weight = skills.get(self.service_id, Decimal(1)) if self.service_id else Decimal(1)
        return (now - self.order_key).total_seconds() * float(weight)


def best_queue(
    session: CounterSession, now: datetime, *, without: Iterable[UUID] = ()
) -> UUID | None:
    """
    Return the queue whose head has the largest claim on a counter; takes no lock.

    The only queue of a counter is the best one, whoever waits in it.
    """
    queues = [pk for pk in session.queue_ids if pk not in set(without)]
    if len(session.queue_ids) == 1:
        return queues[0] if queues else None
    skills = weights_for(session.organization_id, session.agent_id)
    heads = [Head(*row) for row in fetch_all(_HEADS, [queues, _never(skills)])]
    best = max(heads, key=lambda head: head.claim(skills, now), default=None)
    return best.queue_id if best else None


def _never(skills: Weights) -> list[UUID]:
    return [service for service, weight in skills.items() if weight == 0]


def head_of_line(queue: Queue, row: Sequence[Any]) -> Ticket | None:
    """Return the ticket of a row that HEAD_OF_LINE found, if it found one."""
    if row[_TICKETS_ID] is None:
        return None
    ticket = TICKET.read(row)
    ticket.queue = queue
    return ticket


def categories_closed_to(queue: Queue, session_id: UUID) -> list[str]:
    """Return the vehicle categories of a queue whose lanes leave a session's counter out."""
    if not queue.asks_vehicle:
        return []
    counter = CounterSession.objects.filter(pk=session_id).values("counter")
    lanes = Count("lanes")
    here = Count("lanes", filter=Q(lanes__in=counter))
    rows = VehicleCategory.objects.filter(queue=queue).annotate(all_lanes=lanes, here=here)
    return list(rows.filter(all_lanes__gt=0, here=0).values_list("code", flat=True))


def get_queue(queue_id: UUID) -> Queue:
    """
    Return a live queue with its branch, as anybody may see it.

    :raises NotFound: unknown or retired
    """
    rows: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    live = rows.filter(pk=queue_id, retired_at=None, branch__closed_at=None)
    queue = live.select_related("branch").first()
    if queue is None:
        raise NotFound
    return queue


def list_queues() -> "QuerySet[Queue]":
    """Return every live queue; the caller enters the scope."""
    rows: QuerySet[Queue] = Queue.objects.filter(retired_at=None, branch__closed_at=None)
    # An order by what is hidden would tell it.
    shown = Case(When(hides_waiting_count=False, then="waiting_count"))
    return (
        rows.select_related("branch")
        .prefetch_related("queue_services")
        .annotate(shown_count=shown)
        .order_by("name", "id")
    )


def queue_status(queue_id: UUID, now: datetime) -> dict[str, Any]:
    """
    Return the public live state of a queue, as the contract has it.

    :raises NotFound: unknown or retired
    """
    return status_of(get_queue(queue_id), now)


def status_of(queue: Queue, now: datetime, *, inside: bool = False) -> dict[str, Any]:
    """Return the live state of a queue already read, for the public or for staff inside."""
    return statuses_of([queue], now, inside=inside)[0]


def statuses_of(
    queues: Iterable[Queue], now: datetime, *, inside: bool = False
) -> list[dict[str, Any]]:
    """Return the live states of several queues, in as many queries as of one."""
    rows = list(queues)
    joining = joining_estimates(rows, now)
    return [
        {
            **live.status_facts(queue, inside=inside),
            **seen_estimate(queue, joining[queue.pk], inside=inside),
            "updated_at": live.iso(now),
        }
        for queue in rows
    ]


def seen_estimate(queue: Queue, joining: dict[str, Any], *, inside: bool = False) -> dict[str, Any]:
    """Return one of `joining_estimates` as the public or, `inside`, the staff may see it."""
    return joining if inside or not queue.hides_estimate else {"estimate": None}


# Found by their ids alone: statistics of a night when nobody waits make an index of all who wait
# look shorter.
_AHEAD = """
    SELECT ticket.id,
           CASE WHEN behind.few < %(few)s THEN queue.waiting_count - 1 - behind.few
                ELSE (SELECT count(*) FROM queues_ticket AS other
                      WHERE other.queue_id = ticket.queue_id AND other.state = 'waiting'
                        AND (other.order_key, other.id) < (ticket.order_key, ticket.id))
           END
    FROM (SELECT * FROM queues_ticket WHERE id = ANY(%(tickets)s) OFFSET 0) AS ticket
    JOIN queues_queue AS queue ON queue.id = ticket.queue_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS few FROM (
            SELECT 1 FROM queues_ticket AS other
            WHERE other.queue_id = ticket.queue_id AND other.state = 'waiting'
              AND (other.order_key, other.id) > (ticket.order_key, ticket.id)
            LIMIT %(few)s
        ) AS followers
    ) AS behind
    WHERE ticket.state = 'waiting'
"""
FEW_BEHIND = 50
NO_PLACE: Final[dict[str, Any]] = {"position": None, "people_ahead": None, "estimate": None}


def people_ahead(tickets: Iterable[Ticket]) -> dict[UUID, int]:
    """
    Count the people who stand before each of these tickets that waits, by ticket.

    Counted from the nearer end: whoever has just joined has few behind, so that joining a line of
    ten thousand costs what joining a line of ten does.
    """
    waiting = [ticket for ticket in tickets if ticket.state == TicketState.WAITING]
    ahead = {ticket.pk: ticket.queue.waiting_count - 1 for ticket in waiting if _is_last(ticket)}
    others = [ticket.pk for ticket in waiting if ticket.pk not in ahead]
    if others:
        with tenancy.counting("queues_ticket", others):
            ahead |= fetch_all(_AHEAD, {"tickets": others, "few": FEW_BEHIND}, planned=True)
    return {pk: max(number, 0) for pk, number in ahead.items()}


def _is_last(ticket: Ticket) -> bool:
    queue = ticket.queue
    return (ticket.order_key, ticket.pk) == (queue.last_order_key, queue.last_ticket_id)


def ticket_view(ticket: Ticket, now: datetime, *, inside: bool = False) -> dict[str, Any]:
    """
    Return what a ticket's holder sees, as the contract has it, and why the estimate is so.

    `inside` is what staff see of it where the public is not told how many wait or how long.
    """
    return ticket_views([ticket], now, inside=inside)[0]


def ticket_views(
    tickets: Iterable[Ticket], now: datetime, *, inside: bool = False
) -> list[dict[str, Any]]:
    """Return the views of several tickets, counting all their places at once."""
    rows = list(tickets)
    told = _told_to_holders(rows, now)
    return [
        {**live.ticket_facts(ticket), **_place(ticket, told.get(ticket.pk), inside=inside)}
        for ticket in rows
    ]


def _estimate(
    queue: Queue, ahead: int, now: datetime, counters: estimates.Counters | None = None
) -> Estimate:
    return estimates.for_place(queue, ahead, now, partial(hours_of, queue, now), counters)


def next_service_day(branch: Branch, now: datetime) -> date:
    """Return the next day after today on which a branch opens; tomorrow where it has no hours."""
    zone = ZoneInfo(branch.timezone)
    tomorrow = service_date(now, branch.timezone) + timedelta(days=1)
    begins = datetime.combine(tomorrow, time.min, zone)
    opening = next_opening(schedule_of(branch), begins - timedelta(microseconds=1))
    return opening.astimezone(zone).date() if opening else tomorrow


def returned_as(ticket: Ticket) -> Ticket | None:
    """Return the ticket that a return ticket was turned into."""
    rows = Ticket.objects.select_related("queue__branch", "counter", "session")
    found: Ticket | None = rows.filter(return_of=ticket).first()
    return found


def list_returns(branch: Branch, now: datetime) -> "QuerySet[Ticket]":
    """Return the tickets of a branch that count again today and were not shown yet; needs a scope."""
    today = service_date(now, branch.timezone)
    used = Ticket.objects.filter(return_of=OuterRef("pk"))
    rows: QuerySet[Ticket] = Ticket.objects.filter(branch=branch, returns_on=today)
    return rows.exclude(Exists(used)).select_related("queue").order_by("order_key", "pk")


def wait_behind_all(queue: Queue, now: datetime) -> Estimate:
    """Estimate the wait of somebody who joins a queue now behind everybody."""
    return _estimate(queue, queue.waiting_count, now)


def is_likely_served_today(estimate: Estimate) -> bool:
    """Whether somebody will probably be called before closing (waits.md 2)."""
    chance = estimate.served_chance
    return chance is None or chance >= estimates.LIKELY_SERVED


def _told_to_holders(tickets: list[Ticket], now: datetime) -> dict[UUID, Estimate]:
    """Return what those of these tickets that wait are told, by ticket."""
    ahead = people_ahead(tickets)
    fresh = [
        (ticket, _just_told(ticket, now) or _estimate(ticket.queue, ahead[ticket.pk], now))
        for ticket in tickets
        if ticket.pk in ahead
    ]
    return shown.to_holders(fresh, now)


def _just_told(ticket: Ticket, now: datetime) -> Estimate | None:
    """Return what somebody was told who has joined at this very moment."""
    at, told = ticket.told_on_joining or (None, None)
    return told if at == now else None


def _place(ticket: Ticket, told: Estimate | None, *, inside: bool) -> dict[str, Any]:
    """Return the unversioned part of a ticket's view; `told` is None for who does not wait."""
    if told is None:
        return NO_PLACE
    queue, ahead = ticket.queue, told.explanation.people_ahead
    counted = inside or not queue.hides_waiting_count
    timed = inside or not queue.hides_estimate
    return {
        "position": ahead + 1 if counted else None,
        "people_ahead": ahead if counted else None,
        "estimate": estimates.wire(told) if timed else None,
        "why": estimates.why(told, queue.branch.timezone, counted=counted, timed=timed),
    }


def estimate_on_joining(
    queue: Queue, ticket: Ticket, now: datetime, behind_all: Estimate
) -> estimates.Noted | None:
    """
    Return what somebody is told who is about to join at the place of `ticket`; None for no figure.

    `behind_all` is what holds for the last place. The ticket keeps what it is told in
    `told_on_joining`, for the answer to the joining itself.
    """
    last = queue.last_order_key is None or ticket.order_key >= queue.last_order_key
    told = behind_all
    if not last:
        before = Ticket.objects.filter(queue=queue, state=TicketState.WAITING)
        ahead = before.filter(order_key__lt=ticket.order_key).count()
        told = _estimate(queue, ahead, now)
    ticket.told_on_joining = now, told
    return estimates.noted(queue, told, now)


def staff_view(ticket: Ticket) -> dict[str, Any]:
    """Return what staff see of a ticket in a list: the contract's fields and the person."""
    return {
        **live.ticket_facts(ticket),
        "customer_name": ticket.customer_name,
        "phone": ticket.phone,
        "vehicle_category": ticket.vehicle_category,
        "plate": ticket.plate,
        "note": ticket.note,
        "outcome": ticket.outcome,
    }


def list_tickets() -> "QuerySet[Ticket]":
    """Return tickets with what their views need, newest first; the caller enters the scope."""
    rows: QuerySet[Ticket] = Ticket.objects.select_related("queue", "queue__branch", "counter")
    return rows.order_by("-joined_at", "-id")


def visitors_among(organization_id: UUID, people: Addressees, now: datetime) -> Addressees:
    """Return those of some people who took a ticket of the organization of the scope lately."""
    rows = Ticket.objects.filter(
        rows_of(people), organization=organization_id, joined_at__gt=now - KNOWN_FOR
    )
    return known_among(people, rows.values_list("customer_id", "phone").distinct())


def list_waiting(queue_ids: Iterable[UUID]) -> "QuerySet[Ticket]":
    """Return the people of these queues who wait, in the order of their keys."""
    rows: QuerySet[Ticket] = Ticket.objects.filter(
        queue_id__in=list(queue_ids), state=TicketState.WAITING
    )
    return rows.select_related("counter", "service", "queue").order_by("order_key", "id")


def list_parked(queue_ids: Iterable[UUID]) -> "QuerySet[Ticket]":
    """Return the people of these queues who are set aside."""
    rows: QuerySet[Ticket] = Ticket.objects.filter(
        queue_id__in=list(queue_ids), state=TicketState.PARKED
    )
    return rows.select_related("counter", "service", "queue").order_by("order_key", "id")


def list_missed(queue_ids: Iterable[UUID], on: date) -> "QuerySet[Ticket]":
    """Return the people of these queues who missed their call on a service date, latest first."""
    rows: QuerySet[Ticket] = Ticket.objects.filter(
        queue_id__in=list(queue_ids), state=TicketState.NO_SHOW, service_date=on
    )
    return rows.select_related("counter", "service", "queue").order_by("-ended_at", "id")


def current_ticket(session_id: UUID) -> Ticket | None:
    """Return the person at a session's counter."""
    rows: QuerySet[Ticket] = Ticket.objects.filter(session_id=session_id, state__in=AT_COUNTER)
    return rows.select_related("counter", "service", "queue").first()


def live_session_of(user_id: UUID) -> CounterSession | None:
    """Return the session of an agent that has not ended, whatever the organization."""
    rows: QuerySet[CounterSession] = CounterSession.objects.with_scopes_disabled()
    return (
        rows.filter(agent_id=user_id)
        .exclude(state=SessionState.ENDED)
        .select_related("counter", "branch")
        .first()
    )


def joining_estimates(queues: Iterable[Queue], now: datetime) -> dict[UUID, dict[str, Any]]:
    """Return the unversioned part of each queue's status, by queue, as staff see it."""
    told = _told_to_anybody(list(queues), now)
    return {queue_id: {"estimate": estimates.wire(one)} for queue_id, one in told.items()}


def wait_on_joining(queue: Queue, now: datetime) -> dict[str, Any]:
    """Return the wait of somebody who joins a queue now, and why it is so, as the public sees it."""
    told = _told_to_anybody([queue], now)[queue.pk]
    counted, timed = not queue.hides_waiting_count, not queue.hides_estimate
    return {
        "estimate": estimates.wire(told) if timed else None,
        "why": estimates.why(told, queue.branch.timezone, counted=counted, timed=timed),
    }


def _told_to_anybody(rows: list[Queue], now: datetime) -> dict[UUID, Estimate]:
    estimates.read_profiles(queue.pk for queue in rows)
    counters = estimates.counters_of(queue.pk for queue in rows)
    fresh = [
        (queue, _estimate(queue, queue.waiting_count, now, counters.get(queue.pk)))
        for queue in rows
    ]
    return shown.to_anybody(fresh, now)


def places_of(
    ticket_ids: Iterable[UUID], now: datetime
) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """
    Return the unversioned part of each of these tickets that waits, by its id as text: what its
    holder sees, and what staff see.
    """
    rows: QuerySet[Ticket] = Ticket.objects.with_scopes_disabled()
    waiting = rows.filter(pk__in=list(ticket_ids), state=TicketState.WAITING)
    tickets = list(waiting.select_related("queue", "queue__branch"))
    told = _told_to_holders(tickets, now)
    return {
        str(ticket.pk): (
            _place(ticket, told.get(ticket.pk), inside=False),
            _place(ticket, told.get(ticket.pk), inside=True),
        )
        for ticket in tickets
    }


def session_facts(session: CounterSession) -> dict[str, Any]:
    """Return what live screens of staff see of a session."""
    return {
        "id": str(session.pk),
        "counter": session.counter.name,
        "agent": str(session.agent_id),
        "state": session.state,
        "queues": [str(pk) for pk in session.queue_ids],
        "started_at": live.iso(session.started_at),
    }


def live_sessions(branch_ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """Return the facts of every session at these branches that has not ended."""
    rows: QuerySet[CounterSession] = CounterSession.objects.filter(branch_id__in=list(branch_ids))
    sessions = rows.exclude(state=SessionState.ENDED).select_related("counter")
    return [session_facts(session) for session in sessions.order_by("counter__name", "id")]


def live_queue_versions() -> dict[str, int]:
    """Return the version of every queue of the platform that is not retired, by topic."""
    rows = Queue.objects.with_scopes_disabled().filter(retired_at=None)
    return {f"queue:{pk}": version for pk, version in rows.values_list("pk", "version")}


def live_queue_names() -> list[str]:
    """Return the topic of every queue of the platform that is not retired."""
    return list(live_queue_versions())


def list_roster(queue: Queue) -> "QuerySet[RosterDay]":
    """Return the days planned for a queue, weekdays first; needs a scope."""
    rows: QuerySet[RosterDay] = RosterDay.objects.filter(queue=queue)
    return rows.order_by(F("weekday").asc(nulls_last=True), "date", "id")


def planned_on(queue: Queue, day: rosters.Day) -> RosterDay | None:
    """Return what is planned for a weekday or a date itself; needs a scope."""
    key = {"date": day} if isinstance(day, date) else {"weekday": day}
    row: RosterDay | None = RosterDay.objects.filter(queue=queue, **key).first()
    return row


def usual_week(queue: Queue) -> list[list[tuple[int, int, float]]]:
    """Return the usual counters of each weekday as ranges; none while there is little history."""
    known = QueueWaits.objects.filter(queue_id=queue.pk).values_list("usual", flat=True).first()
    return [rosters.usual_spans(half_hours) for half_hours in known or [[]] * 7]


def usual_on(queue: Queue, day: rosters.Day) -> list[tuple[int, int, float]]:
    """Return the usual counters of a weekday or a date as ranges."""
    return usual_week(queue)[day.weekday() if isinstance(day, date) else day]


def queues_by_organization() -> dict[UUID, list[UUID]]:
    """Return every queue of the platform that is not retired, by its organization."""
    rows = Queue.objects.with_scopes_disabled().filter(retired_at=None).order_by("pk")
    found: dict[UUID, list[UUID]] = {}
    for organization_id, queue_id in rows.values_list("organization_id", "pk"):
        found.setdefault(organization_id, []).append(queue_id)
    return found


def queues_with_lessons(now: datetime) -> list[UUID]:
    """Return the queues of which the estimator can learn something by now."""
    rows = Queue.objects.with_scopes_disabled().filter(waits__isnull=False).order_by("pk")
    noted = rows.exclude(waits__pending=[]).values_list("pk", "waits__pending")
    return [pk for pk, lessons in noted if any(Lesson.read(kept).due_at <= now for kept in lessons)]


def platform_figures() -> dict[str, int]:
    """Return how many queues, counters and people the platform has at work now."""
    rows = Queue.objects.with_scopes_disabled().filter(retired_at=None)
    open_queues = Count("pk", filter=~Q(state=QueueState.CLOSED))
    figures = rows.aggregate(
        queues=Count("pk"), open_queues=open_queues, waiting=Sum("waiting_count")
    )
    sessions = CounterSession.objects.with_scopes_disabled().exclude(state=SessionState.ENDED)
    return {
        "queues": figures["queues"],
        "open_queues": figures["open_queues"],
        "waiting": figures["waiting"] or 0,
        "open_sessions": sessions.count(),
    }


def queues_with_overdue_tickets(now: datetime) -> list[UUID]:
    """Return the queues with tickets of a past service day, or with people in a closed line."""
    rows = Ticket.objects.with_scopes_disabled().filter(state__in=ACTIVE)
    # No zone is more than 14 hours ahead of UTC or 12 behind; the operation knows the branch's.
    past = Q(service_date__lt=(now + timedelta(hours=14)).date())
    closed = Q(queue__state=QueueState.CLOSED) & ~Q(state__in=AT_COUNTER)
    found = rows.filter(past | closed).order_by().values_list("queue_id", flat=True).distinct()
    return list(found)


def sessions_of_past_days(now: datetime) -> list[UUID]:
    """Return the sessions that began on a day of their branch that is over, and have not ended."""
    rows = CounterSession.objects.with_scopes_disabled().exclude(state=SessionState.ENDED)
    sessions = [
        session
        for session in rows.select_related("branch")
        if service_date(session.started_at, session.branch.timezone)
        < service_date(now, session.branch.timezone)
    ]
    schedules = schedules_of({session.branch for session in sessions})
    return [
        session.pk
        for session in sessions
        if service_date(session.started_at, session.branch.timezone)
        < first_day_in_force(schedules[session.branch_id], now)
    ]


def queues_off_their_hours(now: datetime) -> list[tuple[UUID, bool, datetime]]:
    """
    Return the queues that follow their branch's hours and have not since the last edge of them,
    each with whether it should be open, and that edge. A change by hand after it stands.
    """
    rows: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    queues = list(rows.filter(follows_opening_hours=True, retired_at=None).select_related("branch"))
    schedules = schedules_of({queue.branch for queue in queues})
    due = []
    for queue in queues:
        is_open, since = last_edge(schedules[queue.branch_id], now)
        acted = queue.state_changed_at
        if acted is None or (since is not None and acted < since):
            due.append((queue.pk, is_open, since or _LONG_AGO))
    return due


def queues_of(organization_id: UUID) -> "QuerySet[Queue]":
    """Return an organization's queues in the order of their locks; needs a scope."""
    rows: QuerySet[Queue] = Queue.objects.filter(organization=organization_id).order_by("pk")
    return rows


def hours_of(queue: Queue, now: datetime) -> estimates.Hours:
    """Return the next opening and today's closing, unknown for a queue that people open by hand."""
    if not queue.follows_opening_hours:
        return None, None
    schedule = schedule_of(queue.branch)
    return next_opening(schedule, now), closing_time(schedule, now)


def queues_at(*, organization_id: UUID, branch_id: UUID | None = None) -> list[UUID]:
    """Return the queues of an organization, or of one of its branches, that are not retired."""
    rows = Queue.objects.with_scope(organization=organization_id).filter(retired_at=None)
    if branch_id is not None:
        rows = rows.filter(branch_id=branch_id)
    return list(rows.order_by("pk").values_list("pk", flat=True))

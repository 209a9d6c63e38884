"""Teaching the wait estimator of a queue what has happened."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, F, OuterRef, Prefetch, Q, Subquery, Value
from django.db.models.functions import Coalesce

from smartqueue.common import tenancy
from smartqueue.common.clock import service_date
from smartqueue.common.db import operation
from smartqueue.queues import estimates, rosters
from smartqueue.queues.enums import ORDINARY, JoinChannel, TicketState
from smartqueue.queues.events import TicketEvent
from smartqueue.queues.lessons import ENDS_OF_SERVICES, ENDS_OF_WAITS, SETTLED_AFTER, Lesson
from smartqueue.queues.models import (
    CounterSession,
    OrganizationWaits,
    Queue,
    QueueWaits,
    SessionBreak,
    ShownEstimate,
    Ticket,
    TicketPeriod,
)
from smartqueue.queues.operations import _lessons, _scoring
from smartqueue.waits import Outcome, Predictor
from smartqueue.waits import ShownEstimate as Shown

logger = logging.getLogger(__name__)

HISTORY_TICKETS: Final = 2000
USUAL_DAYS: Final = 28
LEAST_USUAL_DAYS: Final = 3
# Read with every queue's profile, so fewer than a queue keeps of its own.
ORGANIZATION_RATIOS: Final = 300
LESSONS_AT_ONCE: Final = 200
DONE_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Past:
    """
    A wait or a service of a ticket that is over for good. `wait` is None where no wait in this queue
    led straight to it, `service` where it ended none.
    """

    ticket: Ticket
    ended_by: TicketState
    at: datetime
    wait: _lessons.Stretch | None
    service: _lessons.Service | None
    is_first: bool


@operation
def note_lesson(*, event: TicketEvent) -> None:
    """
    Note that a step ended a wait or a service of a queue, so that it is learned in time.

    A step told again is known by its mark among the last thousand, even when it was learned since.
    """
    ticket = Ticket.objects.with_scopes_disabled().filter(pk=event.ticket_id).first()
    if ticket is None:
        return
    tenancy.enter(ticket.organization_id)
    lesson = Lesson(event.occurred_at, ticket.pk, TicketState(event.state))
    learned = _locked(event.queue_id, event.occurred_at, "state", "usual")
    if lesson.stored() not in learned.pending and lesson.mark not in learned.done:
        learned.pending = [*learned.pending, lesson.stored()]
        learned.save(update_fields=["pending"])


@operation
def learn_lessons(*, queue_id: UUID, now: datetime) -> list[UUID] | None:
    """
    Learn from the waits and services of a queue that can no longer be undone, in the order in which
    they ended, and score what was shown; some hundred at once, the rest when called again.

    Returns the tickets whose waits are over: once this is committed, what they were shown may be
    forgotten. None when there is nothing to learn yet.
    """
    organization_id, zone = _home_of(queue_id)
    if organization_id is None:
        return None
    tenancy.enter(organization_id)
    learned = _locked(queue_id, now)
    due = sorted(kept for kept in learned.pending if Lesson.read(kept).due_at <= now)[
        :LESSONS_AT_ONCE
    ]
    if not due:
        return None
    lessons = [Lesson.read(kept) for kept in due]
    past = _past_of(lessons, queue_id, organization_id)
    told = {
        (one.ticket.pk, one.at): _scoring.score(one.ticket, queue_id, one.at)
        for one in past
        if one.ended_by == TicketState.CALLED and one.is_first
    }
    predictor = estimates.predictor_from(queue_id, learned.state, zone)
    if predictor is None:
        predictor = _made_anew(learned, organization_id, zone, now)
    new = [one for one in past if not learned.rebuilt_until or one.at > learned.rebuilt_until]
    _observe(predictor, new, organization_id, told)
    learned.state = predictor.to_state()
    learned.pending = [kept for kept in learned.pending if kept not in due]
    learned.done = [*learned.done, *(lesson.mark for lesson in lessons)][-DONE_KEPT:]
    learned.updated_at = now
    learned.save(update_fields=["state", "pending", "done", "rebuilt_until", "updated_at"])
    return [one.ticket.pk for one in past if one.ended_by in ENDS_OF_WAITS]


@operation
def repair_learned_waits(*, queue_id: UUID, now: datetime) -> bool:
    """Learn anew, from history, what cannot be read of a queue; tell whether that was needed."""
    organization_id, zone = _home_of(queue_id)
    if organization_id is None:
        return False
    tenancy.enter(organization_id)
    learned = _locked(queue_id, now)
    if estimates.predictor_from(queue_id, learned.state, zone) is not None:
        return False
    learned.state = _made_anew(learned, organization_id, zone, now).to_state()
    learned.updated_at = now
    learned.save(update_fields=["state", "rebuilt_until", "updated_at"])
    return True


@operation
def learn_usual_counters(*, queue_id: UUID, now: datetime) -> None:
    """
    Note how many counters are usually open by weekday and half-hour, and how often people with a
    priority come while one is, from the last four weeks.
    """
    queue: Queue | None = (
        Queue.objects.with_scopes_disabled().select_related("branch").filter(pk=queue_id).first()
    )
    if queue is None:
        return
    tenancy.enter(queue.organization_id)
    since = now - timedelta(days=USUAL_DAYS)
    stays = list(_stays(queue, since, now))
    learned = _locked(queue_id, now)
    learned.usual = rosters.usual_counters(stays, queue.branch.timezone, LEAST_USUAL_DAYS)
    learned.priority = _priority(queue, stays, since) if learned.usual else []
    learned.save(update_fields=["usual", "priority"])


@operation
def learn_from_all_queues(*, organization_id: UUID, now: datetime) -> None:
    """
    Put together what the queues of an organization know of real waits over their bases.

    Each gives its newest, as many as the others, so that no large queue speaks for all.
    """
    tenancy.enter(organization_id)
    rows = QueueWaits.objects.filter(queue__organization_id=organization_id, queue__retired_at=None)
    # Only their ratios are read, which know no hours.
    known = [
        estimates.predictor_from(row.queue_id, row.state, "UTC")
        for row in rows.order_by("queue_id")
    ]
    # In its first days a queue reckons otherwise, and its ratios are of another kind.
    warm = [predictor for predictor in known if predictor and not predictor.is_cold]
    states = [predictor.ratios.to_state()["buckets"] for predictor in warm]
    if not states:
        return
    share = max(ORGANIZATION_RATIOS // len(states), 1)
    buckets = [
        [ratio for state in states for ratio in state[bucket][-share:]][:ORGANIZATION_RATIOS]
        for bucket in range(len(states[0]))
    ]
    OrganizationWaits.objects.update_or_create(
        organization_id=organization_id,
        defaults={"ratios": {"buckets": buckets}, "updated_at": now},
    )


def _home_of(queue_id: UUID) -> tuple[UUID | None, str]:
    """Return the organization of a queue and the zone of its branch; no organization if it is gone."""
    rows = Queue.objects.with_scopes_disabled().filter(pk=queue_id)
    found: tuple[UUID, str] | None = rows.values_list("organization", "branch__timezone").first()
    return found or (None, "UTC")


def _locked(queue_id: UUID, at: datetime, *unread: str) -> QueueWaits:
    """Return the row of a queue, locked, made where there is none, but for the unread columns."""
    locked = QueueWaits.objects.select_for_update(of=("self",))
    rows = locked.filter(queue_id=queue_id).defer(*unread)
    found = rows.first()
    if found is None:
        QueueWaits.objects.bulk_create(
            [QueueWaits(queue_id=queue_id, state=Predictor().to_state(), updated_at=at)],
            ignore_conflicts=True,
        )
        found = rows.get()
    return found


def _past_of(lessons: Sequence[Lesson], queue_id: UUID, organization_id: UUID) -> list[Past]:
    """Return what lessons tell, each once, in order; nothing of those whose step was undone."""
    tickets = _with_periods(organization_id, pk__in={one.ticket_id for one in lessons})
    by_id = {ticket.pk: ticket for ticket in tickets}
    found: dict[tuple[UUID, int], Past] = {}
    for lesson in lessons:
        ticket = by_id.get(lesson.ticket_id)
        if ticket is None:
            continue
        periods = list(ticket.periods.all())
        stretches = _lessons.stretches_of(periods)
        place = _lessons.place_of(
            periods, stretches, queue_id=queue_id, state=lesson.state, at=lesson.at
        )
        if place is not None:
            found[ticket.pk, place] = _past(ticket, stretches, place)
    return sorted(found.values(), key=_in_order)


def _past(ticket: Ticket, stretches: Sequence[_lessons.Stretch], place: int) -> Past:
    ended = stretches[place]
    ends_service = ended.state in ENDS_OF_SERVICES
    return Past(
        ticket=ticket,
        ended_by=ended.state,
        at=ended.started_at,
        wait=_lessons.wait_before(stretches, place),
        service=_lessons.service_before(ticket.pk, stretches, place) if ends_service else None,
        is_first=place == 1,
    )


def _in_order(past: Past) -> tuple[datetime, UUID]:
    return past.at, past.ticket.pk


def _with_periods(organization_id: UUID, **which: Any) -> Any:
    periods = TicketPeriod.objects.filter(organization_id=organization_id)
    ordered = periods.order_by("started_at", F("ended_at").asc(nulls_last=True), "id")
    rows = Ticket.objects.filter(organization_id=organization_id, **which)
    return rows.select_related("service").prefetch_related(Prefetch("periods", queryset=ordered))


def _observe(
    predictor: Predictor,
    past: Sequence[Past],
    organization_id: UUID,
    told: Mapping[tuple[UUID, datetime], Iterable[ShownEstimate]],
) -> None:
    services = [one.service for one in past if one.service]
    seconds = _lessons.counter_seconds(services, organization_id) if services else {}
    for one in past:
        if one.ended_by in ENDS_OF_WAITS:
            shown_rows = told.get((one.ticket.pk, one.at), ())
            _observe_wait(predictor, one, _scoring.as_shown(shown_rows))
        elif one.service:
            service = one.ticket.service
            predictor.observe_service(
                str(one.ticket.service_id or ""),
                seconds[one.service],
                declared=service.duration_minutes * 60.0 if service else None,
                no_show=one.ended_by == TicketState.NO_SHOW,
            )


def _observe_wait(predictor: Predictor, past: Past, told: list[Shown]) -> None:
    if past.wait is None:
        # A call of somebody who was not in line takes a counter, but ends no wait.
        if past.ended_by == TicketState.CALLED:
            predictor.usual.observe(past.at.timestamp(), past.at.timestamp())
        return
    since, ticket = past.wait.started_at, past.ticket
    # Who is here before their appointment is not expected to be called before it.
    if ticket.channel == JoinChannel.CHECK_IN and since < ticket.order_key <= past.at:
        since = ticket.order_key
    outcome: Outcome = "called" if past.ended_by == TicketState.CALLED else "left"
    predictor.observe_wait(since.timestamp(), past.at.timestamp(), outcome=outcome, shown=told)


def _made_anew(learned: QueueWaits, organization_id: UUID, zone: str, now: datetime) -> Predictor:
    """
    Return a predictor that has seen again what ended in the queue and is settled, of its last tickets.

    What is noted of that time is not to be learned again.
    """
    learned.rebuilt_until = until = now - SETTLED_AFTER
    queue_id = learned.queue_id
    passed = Q(queue=queue_id) | Q(issuing_queue=queue_id)
    scored = Prefetch("shown_estimates", queryset=ShownEstimate.objects.filter(queue_id=queue_id))
    rows = _with_periods(organization_id).filter(passed).prefetch_related(scored)
    tickets: list[Ticket] = list(rows.order_by("-joined_at")[:HISTORY_TICKETS])
    past = []
    told: dict[tuple[UUID, datetime], list[ShownEstimate]] = {}
    for ticket in tickets:
        stretches = _lessons.stretches_of(ticket.periods.all())
        for place, stretch in enumerate(stretches):
            ends = stretch.state in ENDS_OF_WAITS | ENDS_OF_SERVICES
            if ends and stretch.queue_id == queue_id and stretch.started_at <= until:
                past.append(_past(ticket, stretches, place))
        rows_told: Any = ticket.shown_estimates.all()
        for row in rows_told:
            told.setdefault((ticket.pk, row.called_at), []).append(row)
    predictor = Predictor(zone=ZoneInfo(zone))
    _observe(predictor, sorted(past, key=_in_order), organization_id, told)
    logger.warning(
        "learned waits were made anew from history",
        extra={"queue": str(queue_id), "tickets": len(tickets)},
    )
    return predictor


def _priority(
    queue: Queue, stays: Sequence[tuple[datetime, datetime]], since: datetime
) -> list[float]:
    """Return arrivals with a head start per second of service, and their mean head start in seconds."""
    rows = Ticket.objects.filter(
        organization_id=queue.organization_id, queue=queue, joined_at__gte=since
    ).exclude(priority=ORDINARY)
    head_start = F("joined_at") - F("order_key")
    # An emergency's head start is of days; nobody can count on one.
    ahead = rows.annotate(head_start=head_start).filter(
        head_start__gt=timedelta(0), head_start__lt=timedelta(days=1)
    )
    found = ahead.aggregate(people=Count("pk"), mean=Avg("head_start"))
    served = sum(((end - start) for start, end in rosters.merged(stays)), timedelta())
    if not found["people"] or not served:
        return []
    return [found["people"] / served.total_seconds(), found["mean"].total_seconds()]


def _stays(queue: Queue, since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """
    Yield from when until when a counter served the queue, without its breaks.

    A session that its agent did not end that day counts until the last that happened at its counter.
    """
    seen = TicketPeriod.objects.filter(
        organization_id=queue.organization_id,
        counter=OuterRef("counter"),
        started_at__gte=OuterRef("started_at"),
        started_at__lte=Coalesce(OuterRef("ended_at"), Value(now)),
    ).order_by("-started_at", "-id")
    last_seen = Subquery(seen.values(end=Coalesce("ended_at", Value(now)))[:1])
    zone = queue.branch.timezone
    sessions = CounterSession.objects.filter(
        organization_id=queue.organization_id,
        branch_id=queue.branch_id,
        queue_ids__contains=[queue.pk],
        started_at__gte=since,
    ).annotate(last_seen=last_seen)
    breaks = SessionBreak.objects.order_by("started_at")
    for session in sessions.prefetch_related(Prefetch("breaks", queryset=breaks)):
        at, until = session.started_at, session.ended_at
        if until is None or service_date(until, zone) != service_date(at, zone):
            until = min(session.last_seen or at, until or now)
        for pause in session.breaks.all():
            if at < pause.started_at:
                yield at, min(pause.started_at, until)
            at = max(at, pause.ended_at or until)
        if at < until:
            yield at, until

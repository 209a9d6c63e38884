"""Teaching the wait estimator of a queue what has happened."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch

from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.queues import estimates, rosters, shown
from smartqueue.queues.enums import TicketState
from smartqueue.queues.events import TicketEvent
from smartqueue.queues.models import (
    CounterSession,
    OrganizationWaits,
    Queue,
    QueueWaits,
    SessionBreak,
    ShownEstimate,
    Ticket,
)
from smartqueue.queues.operations import _scoring
from smartqueue.waits import Predictor
from smartqueue.waits import ShownEstimate as Shown

logger = logging.getLogger(__name__)

HISTORY_TICKETS: Final = 2000
USUAL_DAYS: Final = 28
LEAST_USUAL_DAYS: Final = 3
# Read with every queue's profile, so fewer than a queue keeps of its own.
ORGANIZATION_RATIOS: Final = 300
WAITED_OUT: Final = frozenset({TicketState.CALLED, TicketState.CANCELLED, TicketState.EXPIRED})


@operation
def learn_from_ticket(*, event: TicketEvent) -> None:
    """Add one ended wait or service to what is known of its queue, and score what was shown."""
    ticket = (
        Ticket.objects.with_scopes_disabled()
        .select_related("service")
        .filter(pk=event.ticket_id)
        .first()
    )
    if ticket is None:
        return
    tenancy.enter(ticket.organization_id)
    learned = _locked(event.queue_id, event.occurred_at)
    predictor = estimates.predictor_from(event.queue_id, learned.state)
    scored = _scoring.score(ticket, event) if event.state == TicketState.CALLED else []
    if predictor is None:
        predictor = _from_history(event.queue_id, ticket.organization_id)
    else:
        _observe(predictor, ticket, event, _scoring.as_shown(scored))
    learned.state = predictor.to_state()
    learned.updated_at = event.occurred_at
    learned.save(update_fields=["state", "updated_at"])
    if event.state in WAITED_OUT:
        shown.forget(ticket.pk)


@operation
def repair_learned_waits(*, queue_id: UUID, now: datetime) -> bool:
    """Learn anew, from history, what cannot be read of a queue; tell whether that was needed."""
    organization_id = (
        Queue.objects.with_scopes_disabled()
        .filter(pk=queue_id)
        .values_list("organization", flat=True)
        .first()
    )
    if organization_id is None:
        return False
    tenancy.enter(organization_id)
    learned = _locked(queue_id, now)
    if estimates.predictor_from(queue_id, learned.state) is not None:
        return False
    learned.state = _from_history(queue_id, organization_id).to_state()
    learned.updated_at = now
    learned.save(update_fields=["state", "updated_at"])
    return True


@operation
def learn_usual_counters(*, queue_id: UUID, now: datetime) -> None:
    """Note how many counters are usually open by weekday and half-hour, from the last four weeks."""
    queue: Queue | None = (
        Queue.objects.with_scopes_disabled().select_related("branch").filter(pk=queue_id).first()
    )
    if queue is None:
        return
    tenancy.enter(queue.organization_id)
    stays = list(_stays(queue, now - timedelta(days=USUAL_DAYS), now))
    learned = _locked(queue_id, now)
    learned.usual = rosters.usual_counters(stays, queue.branch.timezone, LEAST_USUAL_DAYS)
    learned.save(update_fields=["usual"])


@operation
def learn_from_all_queues(*, organization_id: UUID, now: datetime) -> None:
    """
    Put together what the queues of an organization know of real waits over their bases.

    Each gives its newest, as many as the others, so that no large queue speaks for all.
    """
    tenancy.enter(organization_id)
    rows = QueueWaits.objects.filter(queue__organization_id=organization_id, queue__retired_at=None)
    known = [estimates.predictor_from(row.queue_id, row.state) for row in rows.order_by("queue_id")]
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


def _locked(queue_id: UUID, at: datetime) -> QueueWaits:
    """Return the row of a queue, locked, made where there is none."""
    QueueWaits.objects.bulk_create(
        [QueueWaits(queue_id=queue_id, state=Predictor().to_state(), updated_at=at)],
        ignore_conflicts=True,
    )
    return QueueWaits.objects.select_for_update(of=("self",)).get(queue_id=queue_id)


def _observe(predictor: Predictor, ticket: Ticket, event: TicketEvent, told: list[Shown]) -> None:
    ended = event.occurred_at.timestamp()
    if event.state == TicketState.CALLED:
        predictor.observe_wait(ticket.joined_at.timestamp(), ended, outcome="called", shown=told)
    elif event.state == TicketState.CANCELLED and event.from_state == TicketState.WAITING:
        predictor.observe_wait(ticket.joined_at.timestamp(), ended, outcome="left")
    elif event.state in {TicketState.COMPLETED, TicketState.NO_SHOW} and ticket.called_at:
        _observe_service(predictor, ticket, ended, missed=event.state == TicketState.NO_SHOW)


def _observe_service(predictor: Predictor, ticket: Ticket, ended: float, *, missed: bool) -> None:
    assert ticket.called_at is not None  # noqa: S101  # asked by the callers
    predictor.observe_service(
        str(ticket.service_id or ""),
        ended - ticket.called_at.timestamp(),
        declared=ticket.service.duration_minutes * 60.0 if ticket.service else None,
        no_show=missed,
    )


def _from_history(queue_id: UUID, organization_id: UUID) -> Predictor:
    """Return a predictor that has seen the queue's last tickets again, in the order they ended."""
    rows = Ticket.objects.filter(organization_id=organization_id, queue_id=queue_id)
    scored = Prefetch("shown_estimates", queryset=ShownEstimate.objects.filter(queue_id=queue_id))
    tickets: list[Ticket] = list(
        rows.select_related("service")
        .prefetch_related(scored)
        .order_by("-joined_at")[:HISTORY_TICKETS]
    )
    predictor = Predictor()
    for _at, step, ticket in sorted(_steps(tickets), key=lambda one: one[0]):
        _see_again(predictor, step, ticket)
    logger.warning(
        "learned waits were made anew from history",
        extra={"queue": str(queue_id), "tickets": len(tickets)},
    )
    return predictor


def _steps(tickets: list[Ticket]) -> Iterator[tuple[datetime, str, Ticket]]:
    for ticket in tickets:
        if ticket.called_at is not None:
            yield ticket.called_at, "called", ticket
            if ticket.ended_at is not None and ticket.state in {
                TicketState.COMPLETED,
                TicketState.NO_SHOW,
            }:
                yield ticket.ended_at, "served", ticket
        elif ticket.state == TicketState.CANCELLED and ticket.ended_at is not None:
            yield ticket.ended_at, "left", ticket


def _see_again(predictor: Predictor, step: str, ticket: Ticket) -> None:
    joined = ticket.joined_at.timestamp()
    if step == "called" and ticket.called_at is not None:
        rows: Any = ticket.shown_estimates.all()
        told = _scoring.as_shown(rows)
        # A call that was repeated is later than the one that ended the wait.
        called = min([row.called_at for row in rows], default=ticket.called_at)
        predictor.observe_wait(joined, called.timestamp(), outcome="called", shown=told)
    elif ticket.ended_at is not None:
        ended = ticket.ended_at.timestamp()
        if step == "left":
            predictor.observe_wait(joined, ended, outcome="left")
        else:
            missed = ticket.state == TicketState.NO_SHOW
            _observe_service(predictor, ticket, ended, missed=missed)


def _stays(queue: Queue, since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when until when a counter served the queue, without its breaks."""
    sessions = CounterSession.objects.filter(
        organization_id=queue.organization_id,
        branch_id=queue.branch_id,
        queue_ids__contains=[queue.pk],
        started_at__gte=since,
    )
    breaks = SessionBreak.objects.order_by("started_at")
    for session in sessions.prefetch_related(Prefetch("breaks", queryset=breaks)):
        at, until = session.started_at, session.ended_at or now
        for pause in session.breaks.all():
            if at < pause.started_at:
                yield at, min(pause.started_at, until)
            at = max(at, pause.ended_at or until)
        if at < until:
            yield at, until

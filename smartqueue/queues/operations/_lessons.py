"""What a ticket's periods tell of waits and services, once nothing of them can be undone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartqueue.common.db import fetch_all
from smartqueue.queues.enums import AT_COUNTER, UNDO_TRANSITIONS, TicketState
from smartqueue.queues.lessons import LONGEST_GAP
from smartqueue.queues.models import TicketPeriod

# The first call that followed at a counter, where who was called waited already when it came free.
_NEXT_CALLS: Final = """
    SELECT ended.ticket, ended.at, following.started_at
    FROM unnest(%(tickets)s::uuid[], %(counters)s::uuid[], %(ends)s::timestamptz[])
        AS ended(ticket, counter, at)
    CROSS JOIN LATERAL (
        SELECT period.ticket_id, period.started_at
        FROM queues_ticketperiod AS period
        WHERE period.organization_id = %(organization)s AND period.counter_id = ended.counter
          AND period.state = 'called' AND period.ticket_id <> ended.ticket
          AND period.started_at >= ended.at
          AND period.started_at <= ended.at + make_interval(secs => %(longest)s)
        ORDER BY period.started_at, period.id
        LIMIT 1
    ) AS following
    WHERE EXISTS (
        SELECT 1 FROM queues_ticketperiod AS waited
        WHERE waited.organization_id = %(organization)s
          AND waited.ticket_id = following.ticket_id AND waited.state = 'waiting'
          AND waited.started_at <= ended.at AND waited.ended_at = following.started_at)
"""


@dataclass(slots=True)
class Stretch:
    """A period of a ticket, lengthened by what followed a step that was undone."""

    id: UUID
    state: TicketState
    queue_id: UUID
    counter_id: UUID | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Service:
    """A counter's time with one person, from the first call of that visit to its end."""

    ticket_id: UUID
    counter_id: UUID
    began_at: datetime
    ended_at: datetime


def stretches_of(periods: Iterable[TicketPeriod]) -> list[Stretch]:
    """Return a ticket's periods, which come in order, as if no undone step had been taken."""
    kept: list[Stretch] = []
    for period in periods:
        state = TicketState(period.state)
        undoes = kept and (kept[-1].state, state) in UNDO_TRANSITIONS and period.reason == "undo"
        if undoes:
            kept.pop()
        if undoes and kept and kept[-1].state == state:
            kept[-1].ended_at = period.ended_at
            continue
        kept.append(
            Stretch(
                id=period.pk,
                state=state,
                queue_id=period.queue_id,
                counter_id=period.counter_id,
                started_at=period.started_at,
                ended_at=period.ended_at,
            )
        )
    return kept


def place_of(
    periods: Sequence[TicketPeriod],
    stretches: Sequence[Stretch],
    *,
    queue_id: UUID,
    state: str,
    at: datetime,
) -> int | None:
    """Return which stretch a step of that moment began; None where the step was undone."""
    # A step that waited for the lock begins its period a little after its own moment.
    begun = next(
        (
            period.pk
            for period in periods
            if period.state == state and period.queue_id == queue_id and period.started_at >= at
        ),
        None,
    )
    found = (n for n, stretch in enumerate(stretches) if stretch.id == begun)
    return next(found, None)


def wait_before(stretches: Sequence[Stretch], place: int) -> Stretch | None:
    """Return the wait, in the same queue, that a stretch put an end to."""
    before = stretches[place - 1] if place else None
    if before is None or before.state != TicketState.WAITING:
        return None
    return before if before.queue_id == stretches[place].queue_id else None


def service_before(ticket_id: UUID, stretches: Sequence[Stretch], place: int) -> Service | None:
    """Return the visit at a counter that a stretch put an end to."""
    first = place
    while first and stretches[first - 1].state in AT_COUNTER:
        first -= 1
        if stretches[first].state == TicketState.CALLED:
            break
    counter_id = stretches[first].counter_id
    if first == place or counter_id is None:
        return None
    return Service(ticket_id, counter_id, stretches[first].started_at, stretches[place].started_at)


def counter_seconds(services: Sequence[Service], organization_id: UUID) -> dict[Service, float]:
    """Return how long each service kept its counter: to its next call while somebody waited."""
    rows = fetch_all(
        _NEXT_CALLS,
        {
            "organization": organization_id,
            "tickets": [service.ticket_id for service in services],
            "counters": [service.counter_id for service in services],
            "ends": [service.ended_at for service in services],
            "longest": LONGEST_GAP,
        },
        planned=True,
    )
    followed = {(ticket_id, at): called_at for ticket_id, at, called_at in rows}
    until = {
        service: followed.get((service.ticket_id, service.ended_at), service.ended_at)
        for service in services
    }
    return {one: (end - one.began_at).total_seconds() for one, end in until.items()}

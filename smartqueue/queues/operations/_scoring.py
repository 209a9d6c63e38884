"""Comparing what people were shown with the call that came."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from smartqueue.common.db import fetch_all
from smartqueue.queues import shown
from smartqueue.queues.estimates import Noted
from smartqueue.queues.models import ShownEstimate, Ticket
from smartqueue.waits import ShownEstimate as Shown

# What the simpler methods would have said at a moment, from the waits that had ended by then.
_SIMPLER: Final = """
    SELECT moment.at, past.middle, past.last, past.mean_of_ten
    FROM unnest(%(at)s::timestamptz[]) AS moment(at)
    CROSS JOIN LATERAL (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ended.waited) AS middle,
               max(ended.waited) FILTER (WHERE ended.place = 1) AS last,
               avg(ended.waited) FILTER (WHERE ended.place <= 10) AS mean_of_ten
        FROM (
            SELECT called.waited, row_number() OVER (ORDER BY called.at DESC, called.id) AS place
            FROM (
                SELECT id, (call_reason ->> 'waited_seconds')::integer AS waited,
                       joined_at + make_interval(
                           secs => (call_reason ->> 'waited_seconds')::integer) AS at
                FROM queues_ticket
                WHERE organization_id = %(organization)s AND queue_id = %(queue)s
                  AND joined_at <= moment.at AND call_reason IS NOT NULL
                ORDER BY joined_at DESC
                LIMIT 200
            ) AS called
            WHERE called.at <= moment.at
        ) AS ended
    ) AS past
"""


def score(ticket: Ticket, queue_id: UUID, called_at: datetime) -> list[ShownEstimate]:
    """
    Keep what a called person was shown, beside how long it took and what simpler methods said.

    The call is the first of somebody who was not set aside or transferred before. Nothing is scored of
    who asked for more time or came from another queue.
    """
    if ticket.more_time_used or ticket.issuing_queue_id != queue_id:
        return []
    notes = [
        note
        for note in _told(ticket)
        if note["queue"] == str(queue_id) and note["at"] <= called_at.timestamp()
    ]
    if not notes:
        return []
    simpler = _simpler(ticket, queue_id, notes)
    rows = [_row(ticket, note, queue_id, called_at, simpler) for note in notes]
    ShownEstimate.objects.with_scope(organization=ticket.organization_id).bulk_create(
        rows, ignore_conflicts=True
    )
    return rows


def as_shown(rows: Iterable[ShownEstimate]) -> list[Shown]:
    """Return scored estimates as the predictor learns from them."""
    return [
        Shown(
            made_at=row.made_at.timestamp(),
            people_ahead=row.people_ahead,
            base=row.base,
            low=row.low,
            median=row.median,
            high=row.high,
            delay=row.delay,
        )
        for row in rows
    ]


def _told(ticket: Ticket) -> list[Noted]:
    """Return what was shown, the first first, each moment once."""
    return list({note["at"]: note for note in shown.all_of(ticket)}.values())


def _row(
    ticket: Ticket,
    note: Noted,
    queue_id: UUID,
    called_at: datetime,
    simpler: dict[datetime, Sequence[Any]],
) -> ShownEstimate:
    made_at = datetime.fromtimestamp(note["at"], UTC)
    waited = max((called_at - made_at).total_seconds(), 0.0)
    since_joining = max((made_at - ticket.joined_at).total_seconds(), 0.0)
    by_median, by_last, by_mean_of_ten = (
        None if figure is None else round(max(figure - since_joining, 0.0))
        for figure in simpler[made_at]
    )
    return ShownEstimate(
        organization_id=ticket.organization_id,
        queue_id=queue_id,
        ticket=ticket,
        made_at=made_at,
        at_joining=note == ticket.first_estimate,
        people_ahead=note["ahead"],
        base=note["base"],
        delay=note["delay"],
        low=note["low"],
        median=note["median"],
        high=note["high"],
        reckoned_from=note["basis"],
        version=note["version"],
        called_at=called_at,
        waited=round(waited),
        by_median=by_median,
        by_last=by_last,
        by_mean_of_ten=by_mean_of_ten,
        by_people=note["by_people"],
    )


def _simpler(ticket: Ticket, queue_id: UUID, notes: list[Noted]) -> dict[datetime, Sequence[Any]]:
    moments = [datetime.fromtimestamp(note["at"], UTC) for note in notes]
    asked = {"at": moments, "queue": queue_id, "organization": ticket.organization_id}
    rows = fetch_all(_SIMPLER, asked, planned=True)
    return {row[0]: tuple(None if v is None else float(v) for v in row[1:]) for row in rows}

"""
Figures of past days, counted from tickets and their periods when asked for.

A day is a service day in the branch's zone. A ticket is *issued* by the queue that gave its number,
and its end counts where it ended. A wait or a service is the whole time that one ticket spent
waiting for, or being served from, one queue; waits are those of the people whom the queue called.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from smartqueue.common import tenancy
from smartqueue.common.db import fetch_all
from smartqueue.common.errors import InvalidInput
from smartqueue.queues.models import Queue

DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 92
# Where a day begins first.
EARLIEST_ZONE: Final = timedelta(hours=14)

Unit = Literal["queue", "branch", "organization"]

_COLUMNS: Final[dict[Unit, tuple[str, ...]]] = {
    "organization": ("organization",),
    "branch": ("organization", "branch"),
    "queue": ("organization", "branch", "queue"),
}
_NAMES: Final = {
    "organization": {"organization_name": F("organization__name")},
    "branch": {"branch_name": F("branch__name")},
    "queue": {"queue": F("pk"), "queue_name": F("name")},
}

_FIGURES: Final = """
WITH counted AS (
    SELECT unit.id AS unit_id, queue.id, queue.branch_id, queue.waiting_count,
           COALESCE(%(until)s, today.date) AS until,
           COALESCE(%(since)s, greatest(
               COALESCE(%(until)s, today.date) - %(days_before)s, DATE '0001-01-01'
           )) AS since
    FROM unnest(%(units)s::uuid[], %(queues)s::uuid[]) AS unit(id, queue_id)
    JOIN queues_queue AS queue ON queue.id = unit.queue_id
    JOIN business_branch AS branch ON branch.id = queue.branch_id
    CROSS JOIN LATERAL (SELECT (%(now)s AT TIME ZONE branch.timezone)::date) AS today(date)
),
-- Transfers stay in the branch, so its queues have issued whatever was counted there.
issuing AS (
    SELECT DISTINCT queue.id, counted.since, counted.until
    FROM counted JOIN queues_queue AS queue ON queue.branch_id = counted.branch_id
),
ticket AS (
    SELECT ticket.id, ticket.queue_id, ticket.issuing_queue_id, ticket.state
    FROM issuing JOIN queues_ticket AS ticket ON ticket.issuing_queue_id = issuing.id
         AND ticket.service_date BETWEEN issuing.since AND issuing.until
),
line AS (
    SELECT unit_id, min(since) AS since, max(until) AS until, sum(waiting_count) AS waiting
    FROM counted GROUP BY unit_id
),
issued AS (
    SELECT unit_id, count(*) AS tickets
    FROM counted JOIN ticket ON ticket.issuing_queue_id = counted.id GROUP BY unit_id
),
ended AS (
    SELECT unit_id, count(*) FILTER (WHERE state = 'completed') AS served,
           count(*) FILTER (WHERE state = 'no_show') AS no_shows,
           count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE state = 'expired') AS expired
    FROM counted JOIN ticket ON ticket.queue_id = counted.id GROUP BY unit_id
),
stay AS (
    SELECT counted.unit_id, bool_or(period.state = 'called') AS was_called,
           sum(spent.seconds) FILTER (WHERE period.state = 'waiting') AS waited,
           sum(spent.seconds) FILTER (WHERE period.state = 'serving') AS served
    FROM ticket
    JOIN queues_ticketperiod AS period ON period.ticket_id = ticket.id
    JOIN counted ON counted.id = period.queue_id
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM period.ended_at - period.started_at)::float8
    ) AS spent(seconds)
    GROUP BY counted.unit_id, counted.id, ticket.id
),
wait AS (
    SELECT unit_id, avg(waited) AS mean,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY waited) AS at
    FROM stay WHERE was_called AND waited IS NOT NULL GROUP BY unit_id
),
service AS (
    SELECT unit_id, avg(served) AS mean,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY served) AS median
    FROM stay WHERE served IS NOT NULL GROUP BY unit_id
)
SELECT line.unit_id, line.since, line.until, COALESCE(issued.tickets, 0),
       COALESCE(ended.served, 0), COALESCE(ended.no_shows, 0),
       COALESCE(ended.cancelled, 0), COALESCE(ended.expired, 0), line.waiting,
       wait.mean, wait.at[1], wait.at[2], service.mean, service.median
FROM line
LEFT JOIN issued USING (unit_id)
LEFT JOIN ended USING (unit_id)
LEFT JOIN wait USING (unit_id)
LEFT JOIN service USING (unit_id)
"""

_LONGEST = """
WITH edge AS (
    SELECT period.queue_id, edge.at, edge.step
    FROM queues_queue AS queue
    JOIN queues_ticket AS ticket ON ticket.issuing_queue_id = queue.id
         AND ticket.service_date = %(day)s
    JOIN queues_ticketperiod AS period ON period.ticket_id = ticket.id
         AND period.state = 'waiting'
    CROSS JOIN LATERAL (VALUES (period.started_at, 1), (period.ended_at, -1)) AS edge(at, step)
    WHERE queue.branch_id = %(branch)s AND edge.at IS NOT NULL
),
line AS (
    SELECT queue_id, at, sum(step) OVER (
        -- Who is put back into line at one moment has not stood there twice.
        PARTITION BY queue_id ORDER BY at, step ROWS UNBOUNDED PRECEDING
    ) AS waiting
    FROM edge
)
SELECT line.queue_id, line.at, line.waiting FROM line
WHERE line.waiting > 0 ORDER BY line.waiting DESC, line.at, line.queue_id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Days:
    """The service days asked for, both ends included; None follows from the other end or today."""

    since: date | None = None
    until: date | None = None

    def check(self, now: datetime) -> None:
        """
        Refuse days that no answer could be given for.

        :raises InvalidInput: the end is before the beginning, or they are too many
        """
        if self.since is None:
            return
        if self.since > (self.until or (now + EARLIEST_ZONE).date()):
            raise InvalidInput.on("since", _("This is after the last day."), "after_until")
        if ((self.until or now.date()) - self.since).days >= MAX_DAYS:
            message = ngettext_lazy(
                "Ask for %(days)s day at most.", "Ask for %(days)s days at most.", MAX_DAYS
            ) % {"days": MAX_DAYS}
            raise InvalidInput.on("since", message, "too_many_days")


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in whole seconds; None when it never happened."""

    mean: int | None
    median: int | None


@dataclass(frozen=True, slots=True)
class Waits(Times):
    p90: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in a queue, a branch or an organization; `waiting_now` is of this moment."""

    since: date
    until: date
    issued: int
    served: int
    no_shows: int
    cancelled: int
    expired: int
    waiting_now: int
    wait_seconds: Waits
    service_seconds: Times


def list_units(queues: "QuerySet[Queue]", unit: Unit) -> "QuerySet[Queue, dict[str, Any]]":
    """Return the queues, or the branches or organizations that they belong to, by name."""
    columns = _COLUMNS[unit]
    named = {name: column for kind in columns for name, column in _NAMES[kind].items()}
    own = [column for column in columns if column != "queue"]
    order = [*(f"{column}_name" for column in columns), unit]
    rows: QuerySet[Queue, dict[str, Any]] = queues.values(*own, **named)
    return rows.distinct().order_by(*order)


def with_figures(
    rows: Iterable[dict[str, Any]],
    queues: "QuerySet[Queue]",
    *,
    unit: Unit,
    days: Days,
    now: datetime,
) -> list[dict[str, Any]]:
    """Return rows of `list_units` with their figures; only `queues` are counted."""
    rows = list(rows)
    name = "pk" if unit == "queue" else f"{unit}_id"
    pairs = list(queues.filter(**{f"{name}__in": [r[unit] for r in rows]}).values_list(name, "pk"))
    found = _figures(pairs, days, now)
    return [row | asdict(found[row[unit]]) for row in rows]


def figures_of(unit: UUID, queues: Iterable[UUID], day: date, now: datetime) -> Figures:
    """Return the figures of some queues of one branch, taken together as `unit`, of one day."""
    found = _figures([(unit, queue) for queue in queues], Days(day, day), now)
    nothing = (0,) * 6
    return found.get(unit) or _read((unit, day, day, *nothing, *(None,) * 5))


def _figures(pairs: list[tuple[UUID, UUID]], days: Days, now: datetime) -> dict[UUID, Figures]:
    asked: dict[str, Any] = {
        "units": [unit for unit, _queue in pairs],
        "queues": [queue for _unit, queue in pairs],
        "since": days.since,
        "until": days.until,
        "days_before": DEFAULT_DAYS - 1,
        "now": now,
    }
    with tenancy.counting("queues_queue", asked["queues"]):
        rows = fetch_all(_FIGURES, asked)
    return {row[0]: _read(row) for row in rows}


def _read(row: tuple[Any, ...]) -> Figures:
    _unit, since, until, *counts, mean, median, p90, service_mean, service_median = row
    issued, served, no_shows, cancelled, expired, waiting = counts
    return Figures(
        since=since,
        until=until,
        issued=issued,
        served=served,
        no_shows=no_shows,
        cancelled=cancelled,
        expired=expired,
        waiting_now=int(waiting),
        wait_seconds=Waits(_whole(mean), _whole(median), _whole(p90)),
        service_seconds=Times(_whole(service_mean), _whole(service_median)),
    )


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


@dataclass(frozen=True, slots=True)
class LongestLine:
    """When on a day the most people waited in one queue."""

    queue_id: UUID
    at: datetime
    waiting: int


def longest_line(branch_id: UUID, day: date) -> LongestLine | None:
    """
    Return the longest line of a branch's service day; None where nobody waited.

    The caller has entered the branch's organization.
    """
    rows = fetch_all(_LONGEST, {"branch": branch_id, "day": day})
    return LongestLine(*rows[0]) if rows else None

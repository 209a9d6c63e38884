"""Scored estimates added up, by queue, week and number of people ahead."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from smartqueue.common import tenancy
from smartqueue.common.db import fetch_all

# The position buckets of the estimator's ratios: 0, 1, 2, 3-4, 5-7, 8-12, 13-20, 21 and more.
BUCKETS: Final = (0, 1, 2, 3, 5, 8, 13, 21)
EARLY_SECONDS: Final = 300

_SUMS: Final = """
    SELECT scored.queue_id, scored.organization_id, scored.week, scored.bucket, scored.at_joining,
           count(*), sum(scored.waited)::float8, sum(scored.median)::float8,
           sum(abs(scored.waited - scored.median))::float8,
           sum(scored.high - scored.low)::float8,
           sum(scored.pinball)::float8,
           count(*) FILTER (WHERE scored.waited < scored.low),
           count(*) FILTER (WHERE scored.waited <= scored.median),
           count(*) FILTER (WHERE scored.waited <= scored.high),
           count(*) FILTER (WHERE scored.waited < scored.low - %(early)s),
           count(*) FILTER (WHERE scored.is_comparable),
           coalesce(sum(abs(scored.waited - scored.median)) FILTER (WHERE scored.is_comparable), 0)
               ::float8,
           coalesce(sum(abs(scored.waited - by_median)) FILTER (WHERE scored.is_comparable), 0)
               ::float8,
           coalesce(sum(abs(scored.waited - by_last)) FILTER (WHERE scored.is_comparable), 0)
               ::float8,
           coalesce(sum(abs(scored.waited - by_mean_of_ten))
               FILTER (WHERE scored.is_comparable), 0)::float8,
           coalesce(sum(abs(scored.waited - by_people)) FILTER (WHERE scored.is_comparable), 0)
               ::float8
    FROM (
        SELECT shown.*,
               date_trunc('week', shown.called_at AT TIME ZONE branch.timezone)::date AS week,
               width_bucket(shown.people_ahead, %(buckets)s::integer[]) - 1 AS bucket,
               num_nonnulls(by_median, by_last, by_mean_of_ten, by_people) = 4 AS is_comparable,
               (greatest(0.1 * (waited - low), 0.9 * (low - waited))
                + 0.5 * abs(waited - median)
                + greatest(0.9 * (waited - high), 0.1 * (high - waited))) / 3 AS pinball
        FROM queues_shownestimate AS shown
        JOIN queues_queue AS queue ON queue.id = shown.queue_id
        JOIN business_branch AS branch ON branch.id = queue.branch_id
        WHERE shown.queue_id = ANY(%(queues)s) AND shown.called_at >= %(since)s
    ) AS scored
    WHERE scored.week >= %(week)s
    GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """
    Sums over the scored estimates of a queue, a week (its Monday at the branch) and a bucket; times
    in seconds.

    `below_low`, `up_to_median` and `up_to_high` count the waits on that side of a quantile, `early`
    the calls more than five minutes before the interval. The last six are over the estimates of
    which every simpler method could have said something as well.
    """

    queue_id: UUID
    organization_id: UUID
    week: date
    bucket: int
    at_joining: bool
    estimates: int
    waited: float
    median: float
    error: float
    width: float
    pinball: float
    below_low: int
    up_to_median: int
    up_to_high: int
    early: int
    compared: int
    compared_error: float
    by_median_error: float
    by_last_error: float
    by_mean_of_ten_error: float
    by_people_error: float


def sums_since(queue_ids: Iterable[UUID], week: date) -> list[Sums]:
    """Return the sums of some queues for all weeks from one (its Monday) on."""
    ids = list(queue_ids)
    asked = {
        "queues": ids,
        "week": week,
        # No zone is more than 14 hours ahead of UTC.
        "since": datetime.combine(week, time(0), tzinfo=UTC) - timedelta(hours=14),
        "buckets": list(BUCKETS),
        "early": EARLY_SECONDS,
    }
    with tenancy.counting("queues_queue", ids):
        return [Sums(*row) for row in fetch_all(_SUMS, asked, planned=True)]

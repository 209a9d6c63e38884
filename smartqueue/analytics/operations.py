"""The doors of analytics: counting anew what the apps below know."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.analytics.models import WaitAccuracy
from smartqueue.business.enums import Ability
from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.queues import policies
from smartqueue.queues.scores import Sums, sums_since

# Within what is kept of single estimates (privacy/retention.py).
WEEKS: Final = 8
NIGHTLY_WEEKS: Final = 2
_KEY: Final = ("queue_id", "week", "bucket", "at_joining")
SUMS: Final = tuple(
    field.name
    for field in WaitAccuracy._meta.concrete_fields
    if field.name
    not in {"id", "organization", "queue", "week", "bucket", "at_joining", "counted_at"}
)


@operation
def count_wait_accuracy(*, actor: Actor, queue_id: UUID, now: datetime) -> int:
    """
    Count anew how right the shown waits of a queue were in the last weeks; return the rows written.

    :raises NotFound: unknown queue, or not the actor's to manage
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE)
    return _count(queue.organization_id, [queue.pk], first_week(now, WEEKS), now)


@operation
def count_wait_accuracy_of(*, organization_id: UUID, queue_ids: list[UUID], now: datetime) -> int:
    """Count this week and the last for queues of one organization; return the rows written."""
    tenancy.enter(organization_id)
    return _count(organization_id, queue_ids, first_week(now, NIGHTLY_WEEKS), now)


def first_week(now: datetime, weeks: int) -> date:
    """Return the Monday with which the last `weeks` weeks begin, a day early for zones ahead."""
    today = now.date()
    return today - timedelta(days=today.weekday() + 7 * (weeks - 1))


def _count(organization_id: UUID, queue_ids: list[UUID], week: date, now: datetime) -> int:
    found = sums_since(queue_ids, week)
    known = {
        tuple(row[:-1]): row[-1]
        for row in WaitAccuracy.objects.filter(
            organization_id=organization_id, queue_id__in=queue_ids, week__gte=week
        ).values_list(*_KEY, "estimates")
    }
    # Single estimates end before their week's figures do; what is left of them says less.
    rows = [
        WaitAccuracy(**asdict(sums), counted_at=now)
        for sums in found
        if sums.estimates >= known.get(_key(sums), 0)
    ]
    WaitAccuracy.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=list(_KEY), update_fields=[*SUMS, "counted_at"]
    )
    return len(rows)


def _key(sums: Sums) -> tuple[UUID, date, int, bool]:
    return sums.queue_id, sums.week, sums.bucket, sums.at_joining

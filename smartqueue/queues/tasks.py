"""What happens to queues by the clock."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from smartqueue.common import clock
from smartqueue.common.jobs import periodic, run_all
from smartqueue.common.purge import delete_where
from smartqueue.queues import operations, queries, shown
from smartqueue.queues.models import ExpectedPeople


@periodic(every_seconds=60)
def expire_due_tickets_task() -> None:
    """End tickets of past service days and of closed lines, and sessions of past days."""
    now = clock.now()
    close = operations.close_forgotten_session
    run_all(
        [
            *(partial(_expire, pk, now) for pk in queries.queues_with_overdue_tickets(now)),
            *(partial(close, session_id=pk, now=now) for pk in queries.sessions_of_past_days(now)),
        ]
    )


def _expire(queue_id: UUID, now: datetime) -> None:
    while operations.expire_tickets(queue_id=queue_id, now=now):
        pass


@periodic(every_seconds=60)
def watch_long_lines_task() -> None:
    """Have managers told of lines that have grown long."""
    operations.watch_long_lines(now=clock.now())


@periodic(every_seconds=3600)
def forget_expected_people_task() -> None:
    """Forget whom appointments expected on past days."""
    yesterday = clock.now() - timedelta(days=1)
    delete_where(ExpectedPeople, "slot_at < %s", [yesterday])


@periodic(every_seconds=60)
def follow_opening_hours_task() -> None:
    """Open and close the queues that follow their branch's hours, at the hours' edges."""
    now = clock.now()
    follow = operations.follow_opening_hours
    run_all(
        partial(follow, queue_id=queue_id, is_open=is_open, now=now, since=since)
        for queue_id, is_open, since in queries.queues_off_their_hours(now)
    )


@periodic(every_seconds=60)
def learn_lessons_task() -> None:
    """Teach the estimators what has ended and can no longer be undone."""
    now = clock.now()
    run_all(partial(_learn, queue_id, now) for queue_id in queries.queues_with_lessons(now))


def _learn(queue_id: UUID, now: datetime) -> None:
    while (over := operations.learn_lessons(queue_id=queue_id, now=now)) is not None:
        shown.forget(over)


@periodic(every_seconds=24 * 3600, lease_seconds=3600)
def learn_habits_task() -> None:
    """
    Note the usual counters of every queue and what organizations know beyond one queue, and learn
    anew what cannot be read.
    """
    now = clock.now()
    run_all(
        partial(_learn_habits, organization_id, queue_ids, now)
        for organization_id, queue_ids in queries.queues_by_organization().items()
    )


def _learn_habits(organization_id: UUID, queue_ids: list[UUID], now: datetime) -> None:
    for queue_id in queue_ids:
        operations.learn_usual_counters(queue_id=queue_id, now=now)
        operations.repair_learned_waits(queue_id=queue_id, now=now)
    operations.learn_from_all_queues(organization_id=organization_id, now=now)

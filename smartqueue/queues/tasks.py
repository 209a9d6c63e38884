"""What happens to queues by the clock."""

from datetime import timedelta

from smartqueue.common import clock
from smartqueue.common.jobs import periodic
from smartqueue.common.purge import delete_where
from smartqueue.queues import operations, queries
from smartqueue.queues.models import ExpectedPeople


@periodic(every_seconds=60)
def expire_due_tickets_task() -> None:
    """End tickets of past service days and of closed lines, and sessions of past days."""
    now = clock.now()
    for queue_id in queries.queues_with_overdue_tickets(now):
        while operations.expire_tickets(queue_id=queue_id, now=now):
            pass
    for session_id in queries.sessions_of_past_days(now):
        operations.close_forgotten_session(session_id=session_id, now=now)


@periodic(every_seconds=3600)
def forget_expected_people_task() -> None:
    """Forget whom appointments expected on past days."""
    yesterday = clock.now() - timedelta(days=1)
    delete_where(ExpectedPeople, "slot_at < %s", [yesterday])


@periodic(every_seconds=60)
def follow_opening_hours_task() -> None:
    """Open and close the queues that follow their branch's hours, at the hours' edges."""
    now = clock.now()
    for queue_id, is_open in queries.queues_off_their_hours(now):
        operations.follow_opening_hours(queue_id=queue_id, is_open=is_open, now=now)

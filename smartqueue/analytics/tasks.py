"""What analytics counts and tells by the clock."""

from functools import partial

from smartqueue.analytics import mornings, operations
from smartqueue.common import clock
from smartqueue.common.jobs import periodic, run_all
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel
from smartqueue.queues import queries as queue_queries


@periodic(every_seconds=24 * 3600, lease_seconds=3600)
def count_wait_accuracy_task() -> None:
    """Count how right the shown waits of every queue were, this week and the last."""
    now = clock.now()
    count = operations.count_wait_accuracy_of
    run_all(
        partial(count, organization_id=organization_id, queue_ids=queue_ids, now=now)
        for organization_id, queue_ids in queue_queries.queues_by_organization().items()
    )


@periodic(every_seconds=600, lease_seconds=1800)
def send_digests_task() -> None:
    """Send managers what yesterday was like, where it is morning; an organization at a time."""
    if not notifications.can_send(Channel.EMAIL):
        return
    now = clock.now()
    send = operations.send_digests_of
    run_all(
        partial(send, organization_id=organization_id, branch_ids=branch_ids, now=now)
        for organization_id, branch_ids in mornings.due_branches(now).items()
    )

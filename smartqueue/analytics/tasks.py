"""What analytics counts by the clock."""

from smartqueue.analytics import operations
from smartqueue.common import clock
from smartqueue.common.jobs import periodic
from smartqueue.queues import queries as queue_queries


@periodic(every_seconds=24 * 3600, lease_seconds=3600)
def count_wait_accuracy_task() -> None:
    """Count how right the shown waits of every queue were, this week and the last."""
    now = clock.now()
    for organization_id, queue_ids in queue_queries.queues_by_organization().items():
        operations.count_wait_accuracy_of(
            organization_id=organization_id, queue_ids=queue_ids, now=now
        )

"""What analytics counts and tells by the clock."""

import logging

from smartqueue.analytics import mornings, operations
from smartqueue.common import clock
from smartqueue.common.jobs import periodic
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel
from smartqueue.queues import queries as queue_queries

logger = logging.getLogger(__name__)


@periodic(every_seconds=24 * 3600, lease_seconds=3600)
def count_wait_accuracy_task() -> None:
    """Count how right the shown waits of every queue were, this week and the last."""
    now = clock.now()
    for organization_id, queue_ids in queue_queries.queues_by_organization().items():
        operations.count_wait_accuracy_of(
            organization_id=organization_id, queue_ids=queue_ids, now=now
        )


@periodic(every_seconds=600, lease_seconds=1800)
def send_digests_task() -> None:
    """Send managers what yesterday was like, where it is morning; an organization at a time."""
    if not notifications.can_send(Channel.EMAIL):
        return
    now = clock.now()
    for organization_id, branch_ids in mornings.due_branches(now).items():
        try:
            operations.send_digests_of(
                organization_id=organization_id, branch_ids=branch_ids, now=now
            )
        except Exception:
            # The next run tries it again; the others have their mail by then.
            logger.exception("a digest failed", extra={"organization": str(organization_id)})

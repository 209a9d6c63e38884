from celery import shared_task

from smartqueue.common.jobs import TASK, periodic
from smartqueue.common.purge import delete_where
from smartqueue.outbox import jobs
from smartqueue.outbox.models import Delivery, DomainEvent, JobRun

DONE_DELIVERY_DAYS = 7
DOMAIN_EVENT_DAYS = 400
JOB_RUN_DAYS = 30

DAY = 24 * 3600


@shared_task(name=TASK)
def run_job_task(name: str) -> None:
    """Run a periodic job, if it is due."""
    jobs.run_if_due(name)


@periodic(every_seconds=DAY)
def purge_outbox_task() -> None:
    """Delete done deliveries, job runs, and events that nothing still waits for, when due."""
    age = "%s * interval '1 day'"
    delete_where(Delivery, f"state = 'done' AND done_at < now() - {age}", [DONE_DELIVERY_DAYS])
    delete_where(JobRun, f"due_at < now() - {age}", [JOB_RUN_DAYS])
    delete_where(
        DomainEvent,
        f"occurred_at < now() - {age} AND NOT EXISTS"
        " (SELECT FROM outbox_delivery WHERE event_id = row.id)",
        [DOMAIN_EVENT_DAYS],
    )

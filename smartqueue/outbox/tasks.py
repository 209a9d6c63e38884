from celery import shared_task

from smartqueue.common.jobs import TASK, periodic
from smartqueue.common.purge import delete_where
from smartqueue.outbox import jobs
from smartqueue.outbox.models import Delivery, JobRun

DONE_DELIVERY_DAYS = 7
JOB_RUN_DAYS = 30

DAY = 24 * 3600


@shared_task(name=TASK)
def run_job_task(name: str) -> None:
    """Run a periodic job, if it is due."""
    jobs.run_if_due(name)


@periodic(every_seconds=DAY)
def purge_outbox_task() -> None:
    """Delete done deliveries and job runs when due; events go with their day of the journal."""
    age = "%s * interval '1 day'"
    delete_where(Delivery, f"state = 'done' AND done_at < now() - {age}", [DONE_DELIVERY_DAYS])
    delete_where(JobRun, f"due_at < now() - {age}", [JOB_RUN_DAYS])

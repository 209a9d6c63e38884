"""
Running periodic jobs, whichever scheduler asks and however often.

Beat asks at least once a minute whether a job is due; `JobRun` (job, due time) lets one asker run
it. A job that was missed or failed is asked for again within its period.
"""

from datetime import datetime
from typing import TypeAlias

from django.db import connection

from smartqueue.common.jobs import Job, job_named

_CLAIM = """
    INSERT INTO outbox_jobrun AS run (job, due_at, started_at)
    VALUES (
        %(job)s,
        to_timestamp(floor(extract(epoch FROM now()) / %(every)s) * %(every)s),
        now()
    )
    ON CONFLICT (job, due_at) DO UPDATE SET started_at = now()
    WHERE run.finished_at IS NULL
      AND run.started_at < now() - make_interval(secs => %(lease)s)
    RETURNING id, started_at
"""
# Whoever outlived the lease finds another's start there, and leaves the run alone.
_FINISH = "UPDATE outbox_jobrun SET finished_at = now() WHERE id = %s AND started_at = %s"
_GIVE_BACK = "DELETE FROM outbox_jobrun WHERE id = %s AND started_at = %s"

Claim: TypeAlias = tuple[int, datetime]


def run_if_due(name: str) -> bool:
    """
    Run a job unless this period's run is done or under way; whether it ran.

    :raises KeyError: no job has this name
    """
    job = job_named(name)
    run = _claim(job)
    if run is None:
        return False
    try:
        job.work()
    except BaseException:
        _execute(_GIVE_BACK, run)
        raise
    _execute(_FINISH, run)
    return True


def _claim(job: Job) -> Claim | None:
    parameters: dict[str, str | int] = {
        "job": job.name,
        "every": job.every_seconds,
        "lease": job.lease_seconds,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        row: Claim | None = cursor.fetchone()
    return row


def _execute(statement: str, run: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, run)

"""Declaring periodic jobs; `outbox` runs them, once per due time."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import InterfaceError, OperationalError

from smartqueue.common.errors import Busy, Problem

logger = logging.getLogger(__name__)

ASK_SECONDS = 60
TASK = "smartqueue.outbox.tasks.run_job_task"

Work: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Job:
    """Work due every `every_seconds`; one that has not ended within its lease may be run again."""

    name: str
    every_seconds: int
    lease_seconds: int
    work: Work


_jobs: dict[str, Job] = {}


def periodic(*, every_seconds: int, lease_seconds: int = 600) -> Callable[[Work], Work]:
    """
    Run a function of no arguments once in every period, counted from midnight UTC.

    The function is left as it is, so that a test calls it directly. The job's name is its module's
    app and its own: `queues.expire_due_tickets_task`.
    """

    def register(work: Work) -> Work:
        app = work.__module__.split(".")[1]
        name = f"{app}.{work.__name__}"
        if name in _jobs and _jobs[name].work is not work:
            raise ValueError(f"two jobs are called {name}")
        _jobs[name] = Job(name, every_seconds, lease_seconds, work)
        return work

    return register


def run_all(works: Iterable[Work]) -> None:
    """
    Do a job's works, also those behind one that fails, which is logged and has its turn again in the
    job's next period.

    :raises Busy: something was not free; the others are done, and the job is asked for again soon
    :raises OperationalError, InterfaceError: the database is away; the rest is not begun
    """
    not_free: Busy | None = None
    for work in works:
        try:
            work()
        except (OperationalError, InterfaceError):
            raise
        except Busy as busy:
            not_free = busy
        except Problem as problem:
            # What it was about has changed since the job looked.
            logger.info("a part of a job is left alone", extra={"code": problem.code})
        except Exception:
            logger.exception("a part of a job failed")
    if not_free is not None:
        raise not_free


def job_named(name: str) -> Job:
    """Return one job; KeyError when no running code has it."""
    return _jobs[name]


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the static schedule of every known job, for Celery's `beat_schedule`."""
    return {
        job.name: {
            "task": TASK,
            "schedule": float(min(job.every_seconds, ASK_SECONDS)),
            "args": (job.name,),
            # A tick that nobody took in time is replaced by the next.
            "options": {"expires": min(job.every_seconds, ASK_SECONDS)},
        }
        for job in _jobs.values()
    }

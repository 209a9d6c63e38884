"""The Celery application; PostgreSQL holds the truth of jobs, Celery executes them."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, import_modules, worker_init

from smartqueue.common.tenancy import trust_this_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("smartqueue")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@import_modules.connect(sender=app)
def schedule_jobs(**_: Any) -> None:
    """Give beat every periodic job, once the apps' tasks are known."""
    from smartqueue.common.jobs import beat_schedule  # noqa: PLC0415  # Django is set up by now

    app.conf.beat_schedule = beat_schedule()


@worker_init.connect
@beat_init.connect
def work_for_everybody(**_: Any) -> None:
    """Let jobs look at every organization; a handler of an event still enters that event's."""
    trust_this_process()

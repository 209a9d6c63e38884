"""The Celery application; PostgreSQL holds the truth of jobs, Celery executes them."""

import os
from typing import Any

from celery import Celery
from celery.signals import import_modules

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("smartqueue")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@import_modules.connect(sender=app)
def schedule_jobs(**_: Any) -> None:
    """Give beat every periodic job, once the apps' tasks are known."""
    from smartqueue.common.jobs import beat_schedule  # noqa: PLC0415  # Django is set up by now

    app.conf.beat_schedule = beat_schedule()

"""The Celery application; PostgreSQL holds the truth of jobs, Celery executes them."""

import functools
import os
from typing import Any

from celery import Celery
from celery.fixups import django as fixups
from celery.signals import beat_init, import_modules, worker_init

from smartqueue.common.tenancy import trust_this_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")


class _KeepsConnections(fixups.DjangoWorkerFixup):  # type: ignore[misc,name-defined]  # the stubs leave it out
    """
    Celery closes a process's connections to PostgreSQL around each task, its pool too: opening them
    again cost five times what a text message does. As between requests, only what is broken or old goes.
    """

    def on_task_prerun(self, sender: Any, **kwargs: Any) -> None:
        self._look_over(sender)

    def on_task_postrun(self, sender: Any, **kwargs: Any) -> None:
        self._look_over(sender)

    def _look_over(self, task: Any) -> None:
        from django.db import close_old_connections  # noqa: PLC0415  # Django is set up by now

        # A task that runs at its caller's is in the caller's transaction.
        if not getattr(task.request, "is_eager", False):
            close_old_connections()


class _Django(fixups.DjangoFixup):
    @functools.cached_property
    def worker_fixup(self) -> _KeepsConnections:
        """What is done in a worker; its settings are not known before one starts."""
        return _KeepsConnections(self.app)


def with_django(of: Celery) -> fixups.DjangoFixup:
    """Return what Celery knows of Django; it asks for it by name."""
    found = _Django(of)
    found.install()
    return found


app = Celery("smartqueue", fixups=[f"{__name__}:with_django"])
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

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from smartqueue.common import jobs as declared
from smartqueue.outbox import jobs, operations, tasks
from smartqueue.outbox.models import Delivery, DomainEvent, JobRun
from smartqueue.outbox.tests import samples

runs: list[int] = []
trouble: list[Exception] = []


@declared.periodic(every_seconds=86_400, lease_seconds=60)
def count_runs() -> None:
    runs.append(1)
    if trouble:
        raise trouble.pop()


NAME = "outbox.count_runs"


@pytest.fixture(autouse=True)
def fresh() -> None:
    runs.clear()
    trouble.clear()


@pytest.mark.django_db(transaction=True)
def test_a_job_runs_once_in_a_period_however_many_ask() -> None:
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        jobs.run_if_due(NAME)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1
    assert JobRun.objects.get().finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_run_that_fails_after_its_lease_leaves_alone_who_took_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow() -> None:
        JobRun.objects.update(started_at=timezone.now() - timedelta(minutes=2))
        assert jobs.run_if_due(NAME)
        raise RuntimeError("too late")

    job = declared.job_named(NAME)
    asked = iter([replace(job, work=slow)])
    monkeypatch.setattr(jobs, "job_named", lambda _: next(asked, job))

    with pytest.raises(RuntimeError):
        jobs.run_if_due(NAME)

    assert JobRun.objects.get().finished_at is not None
    assert not jobs.run_if_due(NAME)
    assert len(runs) == 1


@pytest.mark.django_db
def test_a_job_runs_again_in_the_next_period() -> None:
    jobs.run_if_due(NAME)
    JobRun.objects.update(due_at=JobRun.objects.get().due_at - timedelta(days=1))
    assert jobs.run_if_due(NAME)
    assert len(runs) == 2


@pytest.mark.django_db
def test_a_failed_job_is_run_when_next_asked_for() -> None:
    trouble.append(ValueError("first"))
    with pytest.raises(ValueError, match="first"):
        jobs.run_if_due(NAME)
    assert jobs.run_if_due(NAME)
    assert not jobs.run_if_due(NAME)
    assert len(runs) == 2


@pytest.mark.django_db
def test_a_job_whose_process_died_is_run_again_after_its_lease() -> None:
    jobs.run_if_due(NAME)
    JobRun.objects.update(finished_at=None)
    assert not jobs.run_if_due(NAME)
    JobRun.objects.update(started_at=timezone.now() - timedelta(seconds=61))
    assert jobs.run_if_due(NAME)


def test_beat_asks_for_a_daily_job_every_minute() -> None:
    entry = declared.beat_schedule()[NAME]
    assert entry == {
        "task": tasks.run_job_task.name,
        "schedule": 60.0,
        "args": (NAME,),
        "options": {"expires": 60},
    }


@pytest.mark.django_db
def test_purge_outbox_keeps_what_is_young_pending_or_dead() -> None:
    events = [samples.happened() for _ in range(3)]
    operations.publish(*events)
    old = timezone.now() - timedelta(days=500)
    done, dead, young = DomainEvent.objects.order_by("id")
    Delivery.objects.filter(event=done).update(state="done", done_at=old)
    Delivery.objects.filter(event=dead).update(state="dead")
    Delivery.objects.filter(event=young).update(state="done", done_at=timezone.now())

    tasks.purge_outbox_task()

    assert DomainEvent.objects.count() == 3
    assert not Delivery.objects.filter(event=done).exists()
    assert Delivery.objects.filter(event=dead).count() == 2
    assert Delivery.objects.filter(event=young).count() == 2

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction

from smartqueue.common.ids import new_id
from smartqueue.outbox import operations, relay
from smartqueue.outbox.enums import DeliveryState, HandlerMode
from smartqueue.outbox.events import class_of, rebuild
from smartqueue.outbox.models import Delivery, DomainEvent, JobRun
from smartqueue.outbox.tests import samples

pytestmark = pytest.mark.django_db(transaction=True)


def publish(*events: samples.SampleHappened | samples.SampleSent) -> None:
    with transaction.atomic():
        operations.publish(*events)


def states(handler: str) -> Counter[str]:
    return Counter(Delivery.objects.filter(handler=handler).values_list("state", flat=True))


def make_due() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_delivery SET next_attempt_at = now()")


def test_publish_refuses_to_run_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError):
        operations.publish(samples.happened())
    assert DomainEvent.objects.count() == 0


def test_publish_is_undone_with_its_transaction() -> None:
    with transaction.atomic():
        operations.publish(samples.happened())
        transaction.set_rollback(True)
    assert (DomainEvent.objects.count(), Delivery.objects.count()) == (0, 0)


def test_a_handler_that_does_not_want_an_event_costs_no_delivery() -> None:
    publish(samples.happened(), samples.happened(on_day=date(2026, 3, 2)))

    assert DomainEvent.objects.count() == 2
    assert Delivery.objects.filter(handler="outbox.on_sample_of_a_day").count() == 1
    assert Delivery.objects.filter(handler="outbox.on_sample_note").count() == 2


def test_rebuild_gives_the_event_that_was_published() -> None:
    event = samples.happened(on_day=date(2026, 3, 2), others=(new_id(), new_id()))
    publish(event)
    stored = DomainEvent.objects.get()
    envelope = {
        name: getattr(stored, name)
        for name in ("organization_id", "subject_version", "occurred_at", "actor")
    }
    assert rebuild(class_of(stored.type), envelope, stored.payload | {"later": 1}) == event


def test_each_handler_runs_once_for_each_event() -> None:
    events = [samples.happened() for _ in range(3)]
    publish(*events)

    assert relay.carry_due(HandlerMode.DATABASE) == 6
    assert relay.carry_due(HandlerMode.DATABASE) == 0

    notes = set(JobRun.objects.filter(job__startswith="note").values_list("job", flat=True))
    assert notes == {f"note {event.sample_id}" for event in events}
    assert set(Delivery.objects.values_list("state", "attempts")) == {("done", 1)}


def test_a_handler_that_runs_twice_leaves_the_same_state() -> None:
    publish(samples.happened())
    relay.carry_due(HandlerMode.DATABASE)
    once = list(JobRun.objects.filter(job__startswith="note").values())
    Delivery.objects.filter(handler="outbox.on_sample_note").update(state="pending")
    make_due()

    assert relay.carry_due(HandlerMode.DATABASE) == 1
    assert list(JobRun.objects.filter(job__startswith="note").values()) == once


def test_a_failing_handler_leaves_nothing_and_is_tried_later() -> None:
    event = samples.happened(fails=True)
    publish(event)

    relay.carry_due(HandlerMode.DATABASE)

    failed = Delivery.objects.get(handler="outbox.on_sample_fail")
    assert (failed.state, failed.attempts) == (DeliveryState.PENDING, 1)
    assert failed.last_error == "ValueError: poison ?"
    assert not JobRun.objects.filter(job=f"half {event.sample_id}").exists()
    assert JobRun.objects.filter(job=f"note {event.sample_id}").exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM next_attempt_at - now()) FROM outbox_delivery WHERE id = %s",
            [failed.pk],
        )
        assert 1 < cursor.fetchone()[0] < 3
    assert relay.carry_due(HandlerMode.DATABASE) == 0


def test_poison_ends_dead_while_the_others_go_on() -> None:
    publish(samples.happened(fails=True))
    for _ in range(relay.MAX_ATTEMPTS):
        make_due()
        relay.carry_due(HandlerMode.DATABASE)
        publish(samples.happened())
    make_due()
    relay.carry_due(HandlerMode.DATABASE)

    assert states("outbox.on_sample_fail") == {"dead": 1, "done": relay.MAX_ATTEMPTS}
    assert states("outbox.on_sample_note") == {"done": relay.MAX_ATTEMPTS + 1}


def test_a_handler_that_loses_its_connection_is_counted_and_stops_nothing(
    running: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that computes for longer than a transaction may be idle."""
    losing, later = samples.happened(), samples.happened()
    run = relay.DueDelivery.run

    def losing_run(due: relay.DueDelivery) -> None:
        if due.event().subject_id == losing.sample_id:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        run(due)

    monkeypatch.setattr(relay.DueDelivery, "run", losing_run)
    publish(losing)
    publish(later)
    running()

    wait_for(lambda: JobRun.objects.filter(job=f"note {later.sample_id}").exists(), 20)
    failed = Delivery.objects.filter(event__subject_id=losing.sample_id)
    assert set(failed.values_list("state", flat=True)) == {"pending"}
    assert {attempts > 0 for attempts in failed.values_list("attempts", flat=True)} == {True}


def test_work_that_the_commit_would_refuse_is_counted_and_stops_nothing(
    running: Callable[[], None],
) -> None:
    """A worker that dies of one delivery would leave all others to nobody."""
    publish(samples.happened(orphans=True))
    running()
    wait_for(lambda: Delivery.objects.filter(attempts__gte=1, state="pending").exists(), 20)
    failed = Delivery.objects.get(handler="outbox.on_sample_fail")
    assert "foreign key" in failed.last_error

    later = samples.happened()
    publish(later)
    wait_for(lambda: JobRun.objects.filter(job=f"half {later.sample_id}").exists(), 20)


def test_retry_deliveries_makes_the_dead_due_and_leaves_the_done() -> None:
    publish(samples.happened(), samples.happened())
    relay.carry_due(HandlerMode.DATABASE)
    dead = Delivery.objects.filter(handler="outbox.on_sample_note").first()
    assert dead is not None
    Delivery.objects.filter(pk=dead.pk).update(state="dead", attempts=8)

    assert operations.retry_deliveries(Delivery.objects.values_list("pk", flat=True)) == 1

    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == (DeliveryState.PENDING, 0)
    assert relay.carry_due(HandlerMode.DATABASE) == 1


@pytest.mark.owner
def test_deliveries_of_unknown_handlers_and_events_wait_and_block_nobody() -> None:
    publish(samples.happened(), samples.happened(), samples.happened())
    one, other, _ = DomainEvent.objects.order_by("id")
    Delivery.objects.filter(event=one, handler="outbox.on_sample_note").update(handler="else.where")
    DomainEvent.objects.filter(pk=other.pk).update(type="samples.sample.happened.v9")

    assert relay.carry_due(HandlerMode.DATABASE) == 3
    assert states("else.where") == {"pending": 1}
    assert set(Delivery.objects.filter(event=other).values_list("state")) == {("pending",)}


def test_an_outside_handler_runs_under_a_lease_outside_any_transaction() -> None:
    event = samples.sent(dies=True)
    publish(event)

    with pytest.raises(SystemExit):
        relay.carry_due(HandlerMode.OUTSIDE)

    assert relay.carry_due(HandlerMode.OUTSIDE) == 0
    leased = Delivery.objects.get()
    assert (leased.state, leased.attempts) == (DeliveryState.PENDING, 1)
    make_due()
    assert relay.carry_due(HandlerMode.OUTSIDE) == 1
    assert samples.ran_outside.count(event.sample_id) == 2
    assert Delivery.objects.get().state == DeliveryState.DONE


def test_an_outside_handler_that_kills_its_process_each_time_ends_dead() -> None:
    publish(samples.sent())
    Delivery.objects.update(attempts=relay.MAX_ATTEMPTS)

    relay.carry_due(HandlerMode.OUTSIDE)

    assert Delivery.objects.get().state == DeliveryState.DEAD
    assert samples.ran_outside.count(DomainEvent.objects.get().subject_id) == 0


def test_several_relays_share_the_work_without_doubling_it() -> None:
    publish(*(samples.happened() for _ in range(60)))
    counts: list[int] = []
    barrier = threading.Barrier(4)

    def carry() -> None:
        barrier.wait()
        counts.append(relay.carry_due(HandlerMode.DATABASE))
        connection.close()

    threads = [threading.Thread(target=carry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relay.carry_due(HandlerMode.DATABASE)

    # A doubled run would break the unique (job, due_at) of "half" and show a second attempt.
    assert set(Delivery.objects.values_list("state", "attempts")) == {("done", 1)}
    assert JobRun.objects.count() == 120
    assert sum(count > 0 for count in counts) > 1


def wait_for(condition: Callable[[], bool], seconds: float) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


@pytest.fixture
def running() -> Iterator[Callable[[], None]]:
    relays: list[tuple[relay.Relay, threading.Thread]] = []

    def start() -> None:
        one = relay.Relay(database_workers=1, outside_workers=1)
        thread = threading.Thread(target=one.run)
        thread.start()
        relays.append((one, thread))

    yield start
    for one, thread in relays:
        one.stop()
        thread.join(5)
        assert not thread.is_alive()


def all_done() -> bool:
    return not Delivery.objects.exclude(state="done").exists()


def test_the_relay_is_woken_by_the_commit(running: Callable[[], None]) -> None:
    running()
    time.sleep(0.6)
    delays = []
    for _ in range(5):
        publish(samples.happened(), samples.sent())
        delays.append(wait_for(all_done, 5))
    # By sweeps alone each would take the whole second.
    assert sorted(delays)[2] < 0.7


def test_the_relay_sweeps_when_redis_is_away(
    running: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    running()
    time.sleep(0.3)
    for _ in range(2):
        publish(samples.happened(), samples.sent())
        wait_for(all_done, 3)


_KILLED_AFTER_COMMIT = """
import os, signal, sys
import django
django.setup()
from django.db import transaction
from smartqueue.outbox import operations
from smartqueue.outbox.tests import samples
with transaction.atomic():
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    operations.publish(samples.happened())
"""


def environment() -> dict[str, str]:
    name = connection.settings_dict["NAME"]
    base = settings.DATABASES["default"]
    url = (
        f"postgres://{base['USER']}:{base['PASSWORD']}@{base['HOST'].replace('/', '%2F')}"
        f":{base['PORT']}/{name}"
    )
    return os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "PYTHONPATH": str(settings.BASE_DIR),
    }


@pytest.mark.serial
def test_an_event_whose_publisher_was_killed_after_its_commit_is_swept() -> None:
    killed = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _KILLED_AFTER_COMMIT], env=environment(), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert states("outbox.on_sample_note") == {"pending": 1}

    relay.carry_due(HandlerMode.DATABASE)

    assert states("outbox.on_sample_note") == {"done": 1}


def looks_for_deliveries() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query LIKE '%FROM outbox_delivery%'"
        )
        return cursor.fetchone() is not None


@pytest.mark.serial
def test_run_relay_finishes_on_sigterm() -> None:
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_relay"], env=environment()
    )
    wait_for(looks_for_deliveries, 30)
    assert process.poll() is None
    process.terminate()
    assert process.wait(15) == 0


def test_events_of_an_organization_run_in_its_scope() -> None:
    organization_id: UUID = new_id()
    publish(samples.happened(organization_id=organization_id))
    assert relay.carry_due(HandlerMode.DATABASE) == 2
    assert samples.seen_scopes[-1] == organization_id

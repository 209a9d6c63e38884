"""The real day, replayed on a live server by the command that a newcomer runs."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from smartqueue.common import clock
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import operations
from smartqueue.queues.management.commands import _demonstration as demo
from smartqueue.queues.management.commands._api import Account, Api
from smartqueue.queues.management.commands._real_day import part_of, read_day
from smartqueue.queues.models import CounterSession, Queue, ShownEstimate, Ticket

pytestmark = [pytest.mark.e2e, pytest.mark.serial, pytest.mark.django_db(transaction=True)]

SINCE, UNTIL = 8 * 60, 8 * 60 + 30
SPEED = 60


@pytest.fixture
def clock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "clock.json"
    monkeypatch.setenv(clock.CLOCK_FILE_VARIABLE, str(path))
    return path


@pytest.fixture
def town(transactional_db: None, clock_file: Path) -> Queue:
    call_command("load_demo", stdout=io.StringIO())
    site = demo.TOWN_HALL.sites[0]
    queues: Any = Queue.objects.with_scopes_disabled()
    queue: Queue = queues.get(branch__name=site.name, name=site.lines[0].name)
    return queue


def tickets(queue: Queue) -> Any:
    return Ticket.objects.with_scopes_disabled().filter(queue=queue)


def sessions() -> Any:
    return CounterSession.objects.with_scopes_disabled()


def speed_of(path: Path) -> float:
    speed: float = json.loads(path.read_text())["speed"]
    return speed


def test_half_an_hour_of_the_day_serves_whom_the_table_says(
    town: Queue, live_server: Any, clock_file: Path
) -> None:
    part = part_of(read_day(), SINCE, UNTIL)
    before = clock.now()
    out = io.StringIO()

    call_command(
        "replay_day",
        *("--speed", str(SPEED), "--base-url", live_server.url),
        *("--since", "08:00", "--until", "08:30"),
        stdout=out,
        stderr=io.StringIO(),
    )

    arrivals, calls = sum(row.arrivals for row in part), sum(row.calls for row in part)
    assert calls > 10
    assert f"{arrivals} people joined, {calls} were called, {calls} served." in out.getvalue()
    assert tickets(town).count() == arrivals
    assert tickets(town).filter(state="completed").count() == calls
    assert tickets(town).filter(state="waiting").count() == arrivals - calls
    assert len({session.counter_id for session in sessions().all()}) == max(
        row.counters for row in part
    )
    assert not sessions().exclude(state="ended").exists()
    joined = list(tickets(town).order_by("joined_at").values_list("joined_at", flat=True))
    assert joined[0] > before
    assert {(moment.hour, moment.weekday() < 5) for moment in joined} == {(8, True)}
    assert speed_of(clock_file) == 1
    assert clock.now() >= joined[-1]
    assert_what_was_shown_is_scored(town, live_server.url)


def assert_what_was_shown_is_scored(queue: Queue, url: str) -> None:
    """Learn what the day's handlers noted, and read the accuracy through the API as its owner does."""
    carry_due(HandlerMode.DATABASE)
    while operations.learn_lessons(queue_id=queue.pk, now=clock.now() + timedelta(hours=1)):
        pass
    scored = ShownEstimate.objects.with_scopes_disabled().filter(queue=queue, at_joining=True)
    told = tickets(queue).exclude(first_estimate=None).filter(state="completed")
    owner = Account(Api(url), f"owner@{demo.DOMAIN}", demo.PASSWORD)
    owner.post("/api/analytics/wait-accuracy/", queue=str(queue.pk))
    (week,) = owner.get("/api/analytics/wait-accuracy/", queue=str(queue.pk))["results"]

    assert scored.count() == told.count() > 5
    assert week["figures"]["estimates"] == scored.count()
    inside = sum(row.low <= row.waited <= row.high for row in scored)
    assert week["figures"]["coverage"] == round(inside / scored.count(), 3)


def test_ctrl_c_ends_every_session_and_the_scaled_clock(
    town: Queue, live_server: Any, clock_file: Path
) -> None:
    process = subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, "manage.py", "replay_day", "--speed", "120"),
            *("--base-url", live_server.url, "--since", "08:00"),
        ],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _wait_for(lambda: tickets(town).filter(state="serving").exists())
        assert speed_of(clock_file) == 120
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()

    assert process.returncode == 130, out
    assert "Interrupted" in out
    assert not sessions().exclude(state="ended").exists()
    assert not tickets(town).filter(state__in=["called", "serving"]).exists()
    assert tickets(town).filter(state="completed").exists()
    assert speed_of(clock_file) == 1
    reached = clock.now()
    assert (reached.weekday() < 5, reached.hour) == (True, 8)


def _wait_for(happened: Any, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_that_is_away_is_told(clock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(CommandError, match="does not answer"):
        call_command("replay_day", "--base-url", "http://127.0.0.1:9", stderr=io.StringIO())

    assert not clock_file.exists()


def test_an_empty_demonstration_is_told(
    transactional_db: None, live_server: Any, clock_file: Path
) -> None:
    with pytest.raises(CommandError, match="Load the demonstration"):
        call_command("replay_day", "--base-url", live_server.url, stderr=io.StringIO())

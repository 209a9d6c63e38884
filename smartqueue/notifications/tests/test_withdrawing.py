"""Taking a message back while a worker takes it to send: one of the two gets it, and both know who."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from smartqueue.common.clock import now
from smartqueue.common.db import unit_of_work
from smartqueue.notifications import operations
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.notifications.operations import withdrawing
from smartqueue.notifications.providers.base import Terms
from smartqueue.notifications.tests.carrier import lines
from smartqueue.notifications.tests.conftest import CODE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


@pytest.fixture
def message() -> Iterator[OutgoingMessage]:
    with lines(("carrier", Terms(countries=("SN",), price_minor=10))):
        queued = operations.send_message(
            channel=Channel.SMS,
            recipient="+221771234567",
            template=CODE,
            context={"name": "Awa"},
            language="fr",
            dedupe_key=str(uuid4()),
            now=now(),
        )
        assert queued is not None
        yield queued


def claim(message: OutgoingMessage) -> Any:
    choices = operations.choices_for(message.pk)
    if choices is None:
        return None
    return operations.claim_message(message_id=message.pk, choice=choices.found[0], now=now())


def withdraw(message: OutgoingMessage) -> set[str]:
    return operations.withdraw_messages(keys=[message.dedupe_key], now=now())


def while_claimed(message: OutgoingMessage) -> tuple[Any, set[str]]:
    """Return what a worker claimed, and what a withdrawal that came before its commit found."""
    is_claimed, is_waited_for = threading.Event(), threading.Event()

    def work() -> Any:
        try:
            with unit_of_work():
                found = claim(message)
                is_claimed.set()
                is_waited_for.wait(30)
            return found
        finally:
            is_claimed.set()
            connection.close()

    def take_back() -> set[str]:
        try:
            is_claimed.wait(30)
            return withdraw(message)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        worker, withdrawal = pool.submit(work), pool.submit(take_back)
        ends = time.monotonic() + 30
        while not _somebody_waits() and time.monotonic() < ends:
            time.sleep(0.01)
        is_waited_for.set()
        return worker.result(), withdrawal.result()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_what_a_worker_has_taken_is_known_to_have_left(message: OutgoingMessage) -> None:
    claimed, gone = while_claimed(message)
    assert claimed is not None
    assert gone == {message.dedupe_key}
    message.refresh_from_db()
    assert message.state == "sending"
    assert message.expires_at is not None


def test_what_is_being_withdrawn_no_worker_takes(message: OutgoingMessage) -> None:
    def work() -> Any:
        try:
            return claim(message)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, unit_of_work():
        assert withdraw(message) == set()
        assert pool.submit(work).result() is None
    assert claim(message) is None
    message.refresh_from_db()
    assert message.state == "cancelled"


def test_control_without_the_lock_one_that_is_sent_is_noted_as_stopped(
    message: OutgoingMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlocked(keys: Any, *, without: Any) -> Any:
        return OutgoingMessage.objects.filter(dedupe_key__in=keys).exclude(pk__in=without)

    monkeypatch.setattr(withdrawing, "_locked", unlocked)
    claimed, _gone = while_claimed(message)
    assert claimed is not None
    message.refresh_from_db()
    assert message.state == "cancelled"

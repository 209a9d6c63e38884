"""Numbers are unique and gapless per queue and day, whatever happens at the same time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from smartqueue.common.db import unit_of_work
from smartqueue.queues import policies
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import Place, join, make_place
from tests.checks import check_queue_truth, queue_violations
from tests.concurrency.races import errors_of, meeting, together, without_constraint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

THREADS = 16
JOINS = 25
MIDNIGHT = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)


class GivesUp(Exception):
    """Raised after the ticket was issued, so that its transaction is rolled back."""


def join_and_give_up(place: Place) -> None:
    with unit_of_work():
        join(place)
        raise GivesUp


def joins_of(place: Place, thread: int) -> int:
    """Join JOINS times; every fifth is rolled back after its number was taken."""
    kept = 0
    for turn in range(JOINS):
        if (thread + turn) % 5 == 0:
            with pytest.raises(GivesUp):
                join_and_give_up(place)
        else:
            join(place)
            kept += 1
    return kept


def sequences(place: Place) -> list[int]:
    rows = Ticket.objects.with_scopes_disabled().filter(issuing_queue=place.queue)
    return sorted(rows.values_list("sequence", flat=True))


def test_sixteen_at_once_with_rollbacks_leave_no_gap_and_no_double():
    place = make_place(policy="fifo")

    outcomes = together([lambda n=n: joins_of(place, n) for n in range(THREADS)])

    assert errors_of(outcomes) == []
    kept = sum(outcome.get() for outcome in outcomes)
    assert kept == THREADS * JOINS * 4 // 5
    assert sequences(place) == list(range(1, kept + 1))
    check_queue_truth(place.queue.pk)


def test_numbering_starts_again_at_midnight_while_people_join_on_both_sides():
    place = make_place(policy="fifo")

    def around_midnight(thread: int) -> None:
        for turn in range(10):
            second = timedelta(seconds=thread - THREADS / 2 + 0.5, milliseconds=turn)
            join(place, now=MIDNIGHT + second)

    outcomes = together([lambda n=n: around_midnight(n) for n in range(THREADS)])

    assert errors_of(outcomes) == []
    rows = Ticket.objects.with_scopes_disabled().filter(issuing_queue=place.queue)
    for date in ("2026-11-23", "2026-11-24"):
        of_day = rows.filter(service_date=date).order_by("sequence")
        assert list(of_day.values_list("sequence", flat=True)) == list(range(1, 81))
    check_queue_truth(place.queue.pk)


def race_two_joins_without_lock(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(policies, "_LOCK", "")
    read = meeting(policies.access_queue_to_join, parties=2)
    monkeypatch.setattr(policies, "access_queue_to_join", read)
    return together([lambda: join(place), lambda: join(place)])


def test_control_without_the_lock_the_database_refuses_the_double(monkeypatch):
    place = make_place()

    outcomes = race_two_joins_without_lock(place, monkeypatch)

    assert errors_of(outcomes) == ["IntegrityError"]


@pytest.mark.owner
def test_control_without_lock_and_constraint_the_checker_sees_the_double(monkeypatch):
    place = make_place()

    with without_constraint(Ticket, "ticket_number_once_per_day"):
        # The topic's own key refuses the double too, so it goes as well.
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE realtime_topicevent DROP CONSTRAINT realtime_topicevent_pkey"
            )
        outcomes = race_two_joins_without_lock(place, monkeypatch)
        found = queue_violations(place.queue.pk)
        doubles = sequences(place)
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE realtime_topicevent;"
                "ALTER TABLE realtime_topicevent ADD CONSTRAINT realtime_topicevent_pkey"
                " PRIMARY KEY (topic, version)"
            )

    assert errors_of(outcomes) == []
    assert doubles == [1, 1]
    assert any("numbers of" in text for text in found)
    assert any("waiting_count" in text for text in found)
    assert any("messages" in text for text in found)


def test_a_number_counts_only_when_its_transaction_commits():
    place = make_place()
    with pytest.raises(GivesUp):
        join_and_give_up(place)

    assert join(place).number == "A001"
    check_queue_truth(place.queue.pk)

"""An outage that two managers declare, and people who come back with one ticket twice."""

from datetime import date, datetime, timedelta

import pytest

from smartqueue.queues import operations, policies, queries
from smartqueue.queues.models import Queue, Ticket
from smartqueue.queues.operations import joining
from smartqueue.queues.tests.factories import NOW, Place, join, make_place
from smartqueue.queues.tokens import actor_of_token, token_of
from tests.checks import check_queue_truth
from tests.concurrency.races import errors_of, meeting, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

LATER = NOW + timedelta(minutes=5)


def sent_home(people: int) -> tuple[Place, list[Ticket], datetime]:
    """Return a place that is open again after an outage, the tickets of whom it sent home, and when."""
    place = make_place()
    tickets = [join(place) for _ in range(people)]

    def declare(day: date) -> None:
        operations.close_for_outage(actor=place.owner, queue_id=place.queue.pk, now=LATER, day=day)
        while operations.expire_tickets(queue_id=place.queue.pk, now=LATER, limit=3):
            pass

    days = [date(2026, 11, 24), date(2026, 11, 25)]
    outcomes = together([lambda day=day: declare(day) for day in days])
    assert errors_of(outcomes) == []
    rows = Ticket.objects.with_scopes_disabled().filter(queue=place.queue)
    (day,) = set(rows.values_list("returns_on", flat=True))
    closed = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)
    # Opened, paused nowhere, closed once: the second manager changed nothing.
    assert (closed.returns_on, closed.waiting_count) == (day, 0)
    again = NOW + (day - NOW.date())
    operations.open_queue(actor=place.owner, queue_id=place.queue.pk, now=again)
    return place, tickets, again


def come_back(ticket: Ticket, now: datetime) -> Ticket:
    return operations.use_return_ticket(
        actor=actor_of_token(token_of(ticket.pk)), ticket_id=ticket.pk, now=now
    )


def numbers(place: Place, day: date) -> list[int]:
    rows = Ticket.objects.with_scopes_disabled().filter(queue=place.queue, service_date=day)
    return sorted(rows.values_list("sequence", flat=True))


def test_two_managers_and_double_comers_leave_one_place_each_and_no_gap():
    place, tickets, again = sent_home(8)
    calls = [lambda t=ticket: come_back(t, again) for ticket in tickets for _ in range(2)]
    newcomers = [lambda: join(place, now=again)] * 4
    outcomes = together([*calls, *newcomers])
    assert errors_of(outcomes) == []
    assert numbers(place, again.date()) == list(range(1, 13))
    check_queue_truth(place.queue.pk)


def test_control_without_the_lock_only_the_constraint_stops_the_second_place(monkeypatch):
    _place, (ticket,), again = sent_home(1)
    unlocked = policies._SELECT_TICKET_LOCKED.replace(
        "FOR NO KEY UPDATE OF queue, ticket", "OFFSET 0"
    )
    monkeypatch.setattr(policies, "_SELECT_TICKET_LOCKED", unlocked)
    monkeypatch.setattr(joining.queries, "returned_as", meeting(queries.returned_as, 2))
    assert errors_of(together([lambda: come_back(ticket, again)] * 2)) == ["IntegrityError"]

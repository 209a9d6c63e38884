"""Several workers note and learn at once: every lesson is learned, and once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from smartqueue.outbox.models import Delivery
from smartqueue.queues import operations
from smartqueue.queues.events import TicketCancelled
from smartqueue.queues.models import QueueWaits, Ticket
from smartqueue.queues.tests.factories import NOW, Place, join, make_place

pytestmark = [pytest.mark.serial, pytest.mark.django_db(transaction=True)]

PEOPLE = 12


def together(work: Callable[[Any], None], on: Iterable[Any]) -> None:
    def one(what: Any) -> None:
        try:
            work(what)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, on))


def cancelled(place: Place, ticket: Ticket) -> TicketCancelled:
    """Let somebody leave after ten minutes; return what is told of it."""
    left_at = NOW + timedelta(minutes=10)
    left = operations.cancel_ticket(actor=place.agent, ticket_id=ticket.pk, now=left_at)
    return TicketCancelled(
        organization_id=left.organization_id,
        subject_version=left.version,
        occurred_at=left_at,
        actor=place.agent.label,
        ticket_id=left.pk,
        queue_id=left.queue_id,
        branch_id=left.branch_id,
        queue_version=1,
        from_state="waiting",
        state="cancelled",
        service_id=left.service_id,
        customer_id=None,
        counter_id=None,
        agent_id=None,
        priority=left.priority,
        channel=left.channel,
        calls=0,
    )


@pytest.mark.parametrize("is_readable", [True, False], ids=["readable", "unreadable"])
def test_workers_at_once_learn_everything_once(is_readable: bool) -> None:
    place = make_place()
    tickets = [join(place, actor=place.agent) for _ in range(PEOPLE)]
    if not is_readable:
        QueueWaits.objects.create(queue=place.queue, state={"version": 99}, updated_at=NOW)
    events = [cancelled(place, ticket) for ticket in tickets]
    Delivery.objects.all().delete()

    together(lambda event: operations.note_lesson(event=event), events)
    assert len(QueueWaits.objects.get(queue=place.queue).pending) == PEOPLE
    later = NOW + timedelta(hours=1)
    together(
        lambda queue_id: operations.learn_lessons(queue_id=queue_id, now=later),
        [place.queue.pk] * 6,
    )

    learned = QueueWaits.objects.get(queue=place.queue)
    assert learned.pending == []
    assert learned.state["leaving"]["tickets"] == PEOPLE

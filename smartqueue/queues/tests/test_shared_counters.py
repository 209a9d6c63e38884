"""Counters that serve several queues: whoever came first is called first, whatever the line."""

from datetime import datetime, timedelta

import pytest
from django.utils import translation

from smartqueue.common import tenancy
from smartqueue.queues import estimates, operations, queries
from smartqueue.queues.models import Queue
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, make_queue, sit_down
from smartqueue.waits import Estimate

pytestmark = pytest.mark.django_db


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def estimate_of(queue: Queue, ahead: int, seconds: float) -> Estimate:
    """Return what a fresh profile says, read as the public reads it."""
    estimates.forget_profiles()
    with tenancy.public():
        row = Queue.objects.with_scopes_disabled().select_related("branch").get(pk=queue.pk)
        return estimates.for_place(row, ahead, at(seconds), lambda: (None, None))


def line_up(place: Place, queue: Queue, people: int, seconds: float = 0.0) -> None:
    for _ in range(people):
        join(place, queue_id=queue.pk, actor=place.agent, now=at(seconds))


def test_a_counter_that_serves_two_queues_is_not_twice_a_counter():
    place = make_place(agents=1)
    other = make_queue(place, "B")
    sit_down(place)
    for _ in range(10):
        join(place, actor=place.agent)
    estimates.forget_profiles()
    queue = Queue.objects.with_scopes_disabled().select_related("branch").get(pk=place.queue.pk)
    alone = estimates.for_place(queue, 9, at(1), lambda: (None, None))
    for _ in range(10):
        join(place, queue_id=other.pk, actor=place.agent)
    estimates.forget_profiles()
    queue.refresh_from_db()
    shared = estimates.for_place(queue, 9, at(1), lambda: (None, None))

    assert shared.median > 1.5 * alone.median


def test_each_counter_calls_its_part_of_a_line():
    place = make_place(agents=2)
    other = make_queue(place, "B")
    sit_down(place)
    sit_down(place, 1, queue_ids=[other.pk])
    line_up(place, other, 10)

    told = estimate_of(place.queue, 0, 60)

    assert told.explanation.elsewhere == 5
    assert told.explanation.people_ahead == 0


def test_who_came_later_elsewhere_is_not_before_anybody():
    place = make_place(agents=1)
    other = make_queue(place, "B")
    sit_down(place)
    line_up(place, place.queue, 2)
    line_up(place, other, 10, seconds=600)

    assert estimate_of(place.queue, 0, 660).explanation.elsewhere == 0
    assert estimate_of(place.queue, 2, 660).explanation.elsewhere == 10


def test_a_line_of_other_counters_or_a_paused_one_is_not_before_anybody():
    place = make_place(agents=2)
    other, paused = make_queue(place, "B"), make_queue(place, "C")
    sit_down(place, queue_ids=[place.queue.pk, paused.pk])
    sit_down(place, 1, queue_ids=[other.pk])
    line_up(place, other, 5)
    line_up(place, paused, 5)
    operations.pause_queue(actor=place.owner, queue_id=paused.pk, now=NOW)

    assert estimate_of(place.queue, 0, 60).explanation.elsewhere == 0


def test_who_waits_elsewhere_is_told_and_noted():
    place = make_place(agents=1)
    other = make_queue(place, "B")
    sit_down(place)
    line_up(place, other, 3)
    estimates.forget_profiles()

    ticket = join(place, now=at(60))

    with translation.override("en"):
        view = queries.ticket_view(ticket, at(60))
    assert view["people_ahead"] == 0
    assert "3 people before you wait in other lines" in view["why"]["text"]
    assert ticket.first_estimate["ahead"] == 3

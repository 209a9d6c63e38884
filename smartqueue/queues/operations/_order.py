"""
Where in line somebody enters: one static key per ticket, set under the queue's lock.

The key is the effective time of `smartqueue/waits/order.py`, bounded so that nobody is overtaken
more than the queue's cap allows.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import F

from smartqueue.queues.enums import ORDINARY, Policy, TicketState
from smartqueue.queues.models import Queue, QueuePriority, Ticket
from smartqueue.waits.order import EMERGENCY_HEAD_START, effective_time

STEP = timedelta(microseconds=1)
# Between two who join together, room for somebody put behind the first.
SPACE = timedelta(milliseconds=1)
# A day in line takes up a minute and a half after midnight, before anybody can have come.
RETURNS_PER_DAY: Final = 1000


def key_on_joining(queue: Queue, priority: QueuePriority | None, now: datetime) -> datetime:
    """Return the order key of somebody who joins now."""
    if priority is None:
        return key_last(queue, now)
    if priority.is_emergency:
        return _with_head_start(now, EMERGENCY_HEAD_START)
    if queue.policy == Policy.HEAD_START:
        wanted = _with_head_start(now, priority.head_start_minutes * 60)
        return _overtaking(queue, wanted)
    if queue.policy == Policy.ONE_IN_N:
        return _in_turn(queue, now)
    return key_last(queue, now)


def key_of_slot(
    queue: Queue, slot_at: datetime, head_start_minutes: int, now: datetime
) -> datetime:
    """
    Return the key of somebody who arrived in time for an appointment: the slot's, less the head
    start, or the one of a walk-in where coming early makes that the better one.
    """
    last = key_last(queue, now)
    key = effective_time(
        now.timestamp(), slot_at=slot_at.timestamp(), head_start=head_start_minutes * 60
    )
    wanted = datetime.fromtimestamp(key, UTC)
    return _overtaking(queue, _not_beyond_cap(queue, wanted)) if wanted < last else last


def key_of_return(queue: Queue, ticket: Ticket) -> datetime:
    """
    Return the key of somebody whom an outage had sent home: before everybody who comes that day for
    the first time, in the order of then, and behind an emergency, which is a day early.
    """
    zone = ZoneInfo(queue.branch.timezone)
    today = datetime.combine(queue.number_date or ticket.service_date, time.min, zone)
    earned = ticket.order_key - datetime.combine(ticket.service_date, time.min, zone)
    return _overtaking(queue, today + earned / RETURNS_PER_DAY)


def key_last(queue: Queue, now: datetime) -> datetime:
    """
    Return a key behind everybody of the queue.

    Who waited for the lock may have come before who got it first: the order is that of the
    numbers, and the last in line is known without looking at the line.
    """
    last = queue.last_order_key
    return now if last is None else max(now, last + SPACE)


def _with_head_start(now: datetime, seconds: float) -> datetime:
    return datetime.fromtimestamp(effective_time(now.timestamp(), head_start=seconds), UTC)


def _not_beyond_cap(queue: Queue, wanted: datetime) -> datetime:
    """Stay behind the last person who has been overtaken as often as the cap allows."""
    spent = (
        Ticket.objects.filter(
            queue=queue,
            state=TicketState.WAITING,
            order_key__gte=wanted,
            overtaken__gte=queue.overtake_cap,
        )
        .order_by("-order_key")
        .values_list("order_key", flat=True)
        .first()
    )
    return spent + STEP if spent else wanted


def _overtaking(queue: Queue, wanted: datetime) -> datetime:
    key = _not_beyond_cap(queue, wanted)
    Ticket.objects.filter(queue=queue, state=TicketState.WAITING, order_key__gte=key).update(
        overtaken=F("overtaken") + 1
    )
    return key


def _in_turn(queue: Queue, now: datetime) -> datetime:
    """Stand behind as many ordinary people as must pass after the priority person before."""
    line = Ticket.objects.filter(queue=queue, state=TicketState.WAITING)
    last_priority = line.exclude(priority=ORDINARY).order_by("-order_key").first()
    ordinary = line.filter(priority=ORDINARY).order_by("order_key", "id")
    must_pass = queue.ordinary_per_priority
    if last_priority is not None:
        ordinary = ordinary.filter(order_key__gt=last_priority.order_key)
    else:
        must_pass -= _ordinary_since_priority(queue)
    keys = list(ordinary.values_list("order_key", flat=True)[: max(must_pass, 1)])
    if must_pass <= 0:
        return _overtaking(queue, keys[0] - STEP) if keys else key_last(queue, now)
    if len(keys) < must_pass:
        return key_last(queue, now)
    return _overtaking(queue, keys[-1] + STEP)


def _ordinary_since_priority(queue: Queue) -> int:
    """Count the ordinary people called since the last priority person, up to what must pass."""
    recent = (
        Ticket.objects.filter(
            issuing_queue=queue, service_date=queue.number_date, called_at__isnull=False
        )
        .order_by("-called_at")
        .values_list("priority", flat=True)[: queue.ordinary_per_priority]
    )
    for passed, priority in enumerate(recent):
        if priority != ORDINARY:
            return passed
    return queue.ordinary_per_priority


def key_behind(queue: Queue, ticket: Ticket, people: int) -> datetime:
    """Return the key just behind the person who stands `people` places after a waiting ticket."""
    behind = list(
        Ticket.objects.filter(
            queue=queue, state=TicketState.WAITING, order_key__gt=ticket.order_key
        )
        .exclude(pk=ticket.pk)
        .order_by("order_key", "id")
        .values_list("order_key", flat=True)[:people]
    )
    return behind[-1] + STEP if behind else ticket.order_key


def key_first(queue: Queue, now: datetime) -> datetime:
    """Return a key before everybody who waits."""
    head = (
        Ticket.objects.filter(queue=queue, state=TicketState.WAITING)
        .order_by("order_key", "id")
        .values_list("order_key", flat=True)
        .first()
    )
    return min(head - STEP, now) if head else now

"""
What must be true of a queue whatever happened before, read from the tables alone.

`queue_violations` returns one sentence for each thing that is wrong; tests of races, of the state
machine and of killed processes all end with it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

from smartqueue.outbox import registry
from smartqueue.outbox.events import class_of, rebuild
from smartqueue.outbox.models import Delivery, DomainEvent
from smartqueue.queues import live
from smartqueue.queues.enums import (
    AT_COUNTER,
    TRANSITIONS,
    UNDO_TRANSITIONS,
    SessionState,
    TicketState,
)
from smartqueue.queues.models import CounterSession, Queue, Ticket, TicketPeriod
from smartqueue.realtime.models import TopicEvent

ENVELOPE = ("organization_id", "subject_version", "occurred_at", "actor")

# Ended, yet an agent may bring the ticket back.
REVERSIBLE = {TicketState.NO_SHOW, TicketState.COMPLETED}


def check_queue_truth(*queue_ids: UUID) -> None:
    """Fail with everything that is wrong with these queues and their tickets."""
    violations = [text for pk in queue_ids for text in queue_violations(pk)]
    assert violations == []


def queue_violations(queue_id: UUID) -> list[str]:
    """Return what is wrong with one queue, one sentence each."""
    queue = Queue.objects.with_scopes_disabled().get(pk=queue_id)
    tickets = list(
        Ticket.objects.with_scopes_disabled().filter(queue=queue).select_related("counter")
    )
    found = [
        *_figures(queue, tickets),
        *_numbers(queue),
        *_queue_versions(queue),
        *_ticket_versions(tickets),
        *_periods(tickets),
        *_deliveries(queue),
    ]
    return [f"{queue.prefix}: {text}" for text in found]


def _figures(queue: Queue, tickets: list[Ticket]) -> Iterator[str]:
    """The figures kept on the queue's row say what tickets and sessions say."""
    waiting = sum(ticket.state == TicketState.WAITING for ticket in tickets)
    if queue.waiting_count != waiting:
        yield f"waiting_count is {queue.waiting_count}, {waiting} wait"
    sessions = CounterSession.objects.with_scopes_disabled().filter(
        state=SessionState.OPEN, queue_ids__contains=[queue.pk]
    )
    if queue.open_counters != sessions.count():
        yield f"open_counters is {queue.open_counters}, {sessions.count()} sessions are open"
    serving = [_entry(ticket) for ticket in tickets if ticket.state in AT_COUNTER]
    shown = queue.live["now_serving"]
    if _sorted(shown) != _sorted(serving):
        yield f"now_serving shows {shown}, the counters have {serving}"
    called = [entry["ticket"] for entry in queue.live["last_called"]]
    if len(called) > live.LAST_CALLED or len(called) != len(set(called)):
        yield f"last_called shows {called}"
    counters = [ticket.counter_id for ticket in tickets if ticket.state in AT_COUNTER]
    served = Ticket.objects.with_scopes_disabled().filter(
        counter__in=counters, state__in=AT_COUNTER
    )
    for counter, count in Counter(served.values_list("counter__name", flat=True)).items():
        if count > 1:
            yield f"counter {counter} has {count} people"


def _entry(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket": str(ticket.pk),
        "number": ticket.number,
        "counter": ticket.counter.name if ticket.counter else None,
        "state": ticket.state,
        "called_at": live.iso(ticket.called_at),
    }


def _sorted(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: str(entry["number"]))


def _numbers(queue: Queue) -> Iterator[str]:
    """Numbers run from one without gaps on each service day, wherever the tickets are now."""
    by_day = defaultdict(list)
    issued = Ticket.objects.with_scopes_disabled().filter(issuing_queue=queue)
    for date, sequence, number in issued.values_list("service_date", "sequence", "number"):
        by_day[date].append(sequence)
        if number != f"{queue.prefix}{sequence:03d}":
            yield f"number {number} for sequence {sequence}"
    for date, sequences in by_day.items():
        if sorted(sequences) != list(range(1, len(sequences) + 1)):
            yield f"numbers of {date} are {sorted(sequences)}"
    if queue.number_date is not None and queue.last_sequence != len(by_day[queue.number_date]):
        yield f"last_sequence is {queue.last_sequence} on {queue.number_date}"


def _queue_versions(queue: Queue) -> Iterator[str]:
    """Every version has one message and one event, and the messages add up to the row."""
    messages = list(TopicEvent.objects.filter(topic=f"queue:{queue.pk}").order_by("version"))
    versions = [message.version for message in messages]
    if versions != list(range(1, queue.version + 1)):
        yield f"version {queue.version}, messages {versions}"
        return
    own = [m.version for m in messages if not m.data.get("elsewhere")]
    events = list(DomainEvent.objects.filter(subject_id=queue.pk).values_list("subject_version"))
    events += DomainEvent.objects.filter(
        subject_type="ticket", payload__queue_id=str(queue.pk)
    ).values_list("payload__queue_version")
    published = sorted(version for (version,) in events)
    if published != own:
        yield f"messages {own}, events {published}"
    status = {**live.status_facts(queue), "state": "closed", "waiting_count": 0}
    status |= {"now_serving": [], "last_called": [], "open_counters": 0, "version": 0}
    for message in messages:
        status = live.apply_to_status(status, message_of(message))
    if status != live.status_facts(queue):
        yield f"messages add up to {status}, the row says {live.status_facts(queue)}"


def message_of(event: TopicEvent) -> dict[str, Any]:
    """Return what a socket gets for a topic event, as far as the reducer reads it."""
    return {"version": event.version, "event": event.type, "data": event.data}


def _ticket_versions(tickets: list[Ticket]) -> Iterator[str]:
    """Each version of a ticket has one message for its holder and one event, by legal steps."""
    messages = defaultdict(list)
    topics = [f"ticket:{ticket.pk}" for ticket in tickets]
    for message in TopicEvent.objects.filter(topic__in=topics).order_by("version"):
        messages[message.topic].append(message)
    events = defaultdict(list)
    ids = [ticket.pk for ticket in tickets]
    for event in DomainEvent.objects.filter(subject_id__in=ids).order_by("subject_version"):
        events[event.subject_id].append(event)
    for ticket in tickets:
        wanted = list(range(1, ticket.version + 1))
        told = messages[f"ticket:{ticket.pk}"]
        published = events[ticket.pk]
        if [m.version for m in told] != wanted:
            yield f"{ticket.number} has version {ticket.version}, messages {told}"
        elif told[-1].data != live.ticket_facts(ticket):
            yield f"{ticket.number} was last told {told[-1].data}"
        if [e.subject_version for e in published] != wanted:
            yield f"{ticket.number} has version {ticket.version}, events {published}"
        yield from _steps(ticket, published)


def _steps(ticket: Ticket, published: list[DomainEvent]) -> Iterator[str]:
    path = [event.payload["state"] for event in published]
    if path and path[-1] != ticket.state:
        yield f"{ticket.number} is {ticket.state}, its last event says {path[-1]}"
    for before, event in pairwise([None, *published]):
        from_state = event.payload["from_state"]
        if from_state != (before.payload["state"] if before else None):
            yield f"{ticket.number}: event {event.subject_version} starts from {from_state}"
        elif before is not None and not _is_legal(from_state, event):
            yield f"{ticket.number} went from {from_state} to {event.payload['state']}"


def _is_legal(from_state: str, event: DomainEvent) -> bool:
    before, after = TicketState(from_state), TicketState(event.payload["state"])
    if event.payload["reason"] == "undo" and (before, after) in UNDO_TRANSITIONS:
        return True
    return before == after or after in TRANSITIONS[before]


def _periods(tickets: list[Ticket]) -> Iterator[str]:
    """One open period for a ticket that has not ended, none otherwise; no gaps between them."""
    by_ticket = defaultdict(list)
    rows = TicketPeriod.objects.with_scopes_disabled().filter(ticket__in=tickets)
    for period in rows.order_by("started_at", "id"):
        by_ticket[period.ticket_id].append(period)
    for ticket in tickets:
        periods = by_ticket[ticket.pk]
        running = [period for period in periods if period.ended_at is None]
        if len(running) != (ticket.ended_at is None):
            yield f"{ticket.number} is {ticket.state} with {len(running)} open periods"
        for period in running:
            here = (period.state, period.queue_id, period.counter_id)
            if here != (ticket.state, ticket.queue_id, ticket.counter_id):
                yield f"{ticket.number} is {ticket.state}, its period says {here}"
        for before, after in pairwise(periods):
            if before.ended_at != after.started_at and before.state not in REVERSIBLE:
                yield f"{ticket.number}: {before.state} ends {before.ended_at}, next {after.started_at}"


def _deliveries(queue: Queue) -> Iterator[str]:
    """Every event of the queue and its tickets has one delivery for each of its handlers."""
    events = DomainEvent.objects.filter(payload__queue_id=str(queue.pk))
    handlers = defaultdict(list)
    for event_id, handler in Delivery.objects.filter(event__in=events).values_list(
        "event_id", "handler"
    ):
        handlers[event_id].append(handler)
    for event in events:
        facts = {n: getattr(event, n) for n in ENVELOPE}
        told = rebuild(class_of(event.type), facts, event.payload)
        wanted = sorted(handler.name for handler in registry.handlers_for(told))
        if sorted(handlers[event.pk]) != wanted:
            yield f"{event.type} is delivered to {handlers[event.pk]}, not {wanted}"

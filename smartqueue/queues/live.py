"""
What screens see of a queue and of a ticket, and how one event changes it.

Servers and clients apply the same rules, so a snapshot followed by events equals a fresh read.
"""

from datetime import datetime
from typing import Any, Final

from smartqueue.queues.enums import AT_COUNTER, TicketState
from smartqueue.queues.models import Queue, Ticket

LAST_CALLED: Final = 5
CALLS: Final = ("ticket.called", "ticket.recalled")

Status = dict[str, Any]


def iso(at: datetime | None) -> str | None:
    """Return a time in its form on the wire."""
    return at.isoformat() if at else None


def shown_count(queue: Queue, *, inside: bool = False) -> int | None:
    """Return how many people wait, None where the public is not told; `inside` is the staff."""
    return queue.waiting_count if inside or not queue.hides_waiting_count else None


def status_facts(queue: Queue, *, inside: bool = False) -> Status:
    """Return the versioned part of a queue's status, for the public or for staff inside."""
    return {
        "queue": str(queue.pk),
        "state": queue.state,
        "version": queue.version,
        "waiting_count": shown_count(queue, inside=inside),
        "open_counters": queue.open_counters,
        "now_serving": queue.live["now_serving"],
        "last_called": queue.live["last_called"],
    }


def queue_facts(queue: Queue) -> dict[str, Any]:
    """Return what every event of a queue tells everybody of the queue itself."""
    return {
        "queue_state": queue.state,
        "waiting_count": shown_count(queue),
        "open_counters": queue.open_counters,
    }


def inside_facts(queue: Queue) -> dict[str, Any] | None:
    """Return what an event tells staff otherwise than everybody, if anything."""
    return {"waiting_count": queue.waiting_count} if queue.hides_waiting_count else None


def ticket_event_facts(ticket: Ticket, *, undo: bool) -> dict[str, Any]:
    """Return what an event tells the public of one ticket: never why somebody has priority."""
    facts = {
        "ticket": str(ticket.pk),
        "number": ticket.number,
        "state": ticket.state,
        "counter": ticket.counter.name if ticket.counter else None,
        "called_at": iso(ticket.called_at),
    }
    return facts | {"undo": True} if undo else facts


def ticket_facts(ticket: Ticket) -> dict[str, Any]:
    """Return the versioned part of what a ticket's holder sees."""
    return {
        "id": str(ticket.pk),
        "number": ticket.number,
        "state": ticket.state,
        "queue": str(ticket.queue_id),
        "service": str(ticket.service_id) if ticket.service_id else None,
        "priority": ticket.priority,
        "channel": ticket.channel,
        "counter": ticket.counter.name if ticket.counter else None,
        "call_reason": ticket.call_reason,
        "calls": ticket.calls,
        "joined_at": iso(ticket.joined_at),
        "called_at": iso(ticket.called_at),
        "started_at": iso(ticket.started_at),
        "ended_at": iso(ticket.ended_at),
        "returns_on": ticket.returns_on.isoformat() if ticket.returns_on else None,
        "version": ticket.version,
    }


def apply_to_figures(
    figures: dict[str, list[Any]], event_type: str, data: dict[str, Any]
) -> dict[str, list[Any]]:
    """
    Return now_serving and last_called after an event.

    A ticket at a counter stands once in now_serving, where it first appeared; a call or a recall
    puts it first in last_called; an undone call takes it out of both. A new day forgets the calls.
    Tickets are told apart by id: past midnight two of them may bear one number.
    """
    serving, called = figures["now_serving"], figures["last_called"]
    if data.get("new_day"):
        called = []
    ticket = data.get("ticket")
    if ticket is None:
        return {"now_serving": serving, "last_called": called}
    if data.get("elsewhere"):
        return {"now_serving": _without(serving, ticket), "last_called": _without(called, ticket)}
    entry = {key: data[key] for key in ("ticket", "number", "counter", "state", "called_at")}
    if data["state"] not in AT_COUNTER:
        serving = _without(serving, ticket)
    elif any(e["ticket"] == ticket for e in serving):
        serving = [entry if e["ticket"] == ticket else e for e in serving]
    else:
        serving = [*serving, entry]
    if event_type in CALLS:
        called = [entry, *_without(called, ticket)][:LAST_CALLED]
    elif data.get("undo") and data["state"] == TicketState.WAITING:
        called = _without(called, ticket)
    return {"now_serving": serving, "last_called": called}


def _without(entries: list[Any], ticket: str) -> list[Any]:
    return [e for e in entries if e["ticket"] != ticket]


def apply_to_status(status: Status, event: dict[str, Any]) -> Status:
    """Return a queue's status after one message of its topic, the reference for every client."""
    data = event["data"]
    return {
        **status,
        **apply_to_figures(status, event["event"], data),
        "version": event["version"],
        "state": data["queue_state"],
        "waiting_count": data["waiting_count"],
        "open_counters": data["open_counters"],
    }

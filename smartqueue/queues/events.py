"""What queues tells the apps above. The part of a name after "queues." is its type on the wire."""

import dataclasses
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueueEvent(Event):
    """Something about a queue as a whole; `subject_version` is the queue's version."""

    subject: ClassVar[str] = "queue"

    queue_id: UUID
    branch_id: UUID
    reason: str = ""


class QueueOpened(QueueEvent):
    name = "queues.queue.opened"


class QueuePaused(QueueEvent):
    name = "queues.queue.paused"


class QueueClosed(QueueEvent):
    name = "queues.queue.closed"


class QueueVisibilityChanged(QueueEvent):
    """The organization shows the public other figures of its queues than before."""

    name = "queues.queue.visibility_changed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueueGrewLong(QueueEvent):
    """
    As many people wait as its managers want to be told of; `waiting` is how many. `spell` numbers
    the times.
    """

    name = "queues.queue.grew_long"

    waiting: int
    spell: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class CounterEvent(QueueEvent):
    """A counter that serves the queue opened, paused or closed."""

    counter_id: UUID
    session_id: UUID
    agent_id: UUID


class CounterOpened(CounterEvent):
    name = "queues.counter.opened"


class CounterPaused(CounterEvent):
    name = "queues.counter.paused"


class CounterClosed(CounterEvent):
    name = "queues.counter.closed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TicketEvent(Event):
    """
    A change of one ticket; `subject_version` is the ticket's version.

    `reason` says why in a word ("undo", "closing"); `queue_version` is the queue's version after it.
    `is_reachable` says that its holder has an account or left a phone number.
    """

    subject: ClassVar[str] = "ticket"

    ticket_id: UUID
    queue_id: UUID
    branch_id: UUID
    queue_version: int
    from_state: str | None
    state: str
    service_id: UUID | None
    customer_id: UUID | None
    counter_id: UUID | None
    agent_id: UUID | None
    priority: str
    channel: str
    calls: int
    reason: str = ""
    is_reachable: bool = False


class TicketIssued(TicketEvent):
    name = "queues.ticket.issued"


class TicketCalled(TicketEvent):
    name = "queues.ticket.called"


class TicketRecalled(TicketEvent):
    name = "queues.ticket.recalled"


class TicketStarted(TicketEvent):
    name = "queues.ticket.started"


class TicketCompleted(TicketEvent):
    name = "queues.ticket.completed"


class TicketNoShow(TicketEvent):
    name = "queues.ticket.no_show"


class TicketReinstated(TicketEvent):
    name = "queues.ticket.reinstated"


class TicketParked(TicketEvent):
    name = "queues.ticket.parked"


class TicketResumed(TicketEvent):
    name = "queues.ticket.resumed"


class TicketReturned(TicketEvent):
    name = "queues.ticket.returned"


class TicketDelayed(TicketEvent):
    name = "queues.ticket.delayed"


class TicketTransferred(TicketEvent):
    name = "queues.ticket.transferred"


class TicketCancelled(TicketEvent):
    name = "queues.ticket.cancelled"


class TicketExpired(TicketEvent):
    name = "queues.ticket.expired"


def wire_type(event: type[Event]) -> str:
    """Return the type that sockets see, "ticket.called"."""
    return event.name.removeprefix("queues.")

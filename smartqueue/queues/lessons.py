"""Steps to learn from once they stand."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from smartqueue.queues.enums import UNDO_WITHIN, TicketState
from smartqueue.waits.capacity import UNANNOUNCED_PAUSE_LIMIT

# A step that was asked for in time may still be waiting for its lock.
SETTLED_AFTER: Final = UNDO_WITHIN + timedelta(minutes=1)
# A counter that calls nobody for longer is not at work.
LONGEST_GAP: Final = UNANNOUNCED_PAUSE_LIMIT
ENDS_OF_WAITS: Final = frozenset({TicketState.CALLED, TicketState.CANCELLED})
ENDS_OF_SERVICES: Final = frozenset({TicketState.COMPLETED, TicketState.NO_SHOW})


@dataclass(frozen=True, slots=True)
class Lesson:
    """A step that ended a wait or a service, to be learned once it can no longer be undone."""

    at: datetime
    ticket_id: UUID
    state: TicketState

    @property
    def due_at(self) -> datetime:
        """When it is known for good; a service also waits for its counter's next call."""
        waits = self.state in ENDS_OF_WAITS
        return self.at + SETTLED_AFTER + timedelta(seconds=0 if waits else LONGEST_GAP)

    def stored(self) -> list[str]:
        """Return it as `QueueWaits.pending` keeps it."""
        return [self.at.isoformat(), str(self.ticket_id), self.state.value]

    @property
    def mark(self) -> str:
        """What `QueueWaits.done` knows it by once it was learned, twelve hexadecimal digits."""
        text = " ".join(self.stored())
        return hashlib.blake2s(text.encode(), digest_size=6).hexdigest()

    @classmethod
    def read(cls, kept: Sequence[str]) -> "Lesson":
        """Return a lesson as it was stored."""
        at, ticket_id, state = kept
        return cls(datetime.fromisoformat(at), UUID(ticket_id), TicketState(state))

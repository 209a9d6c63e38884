"""The facts that this app publishes: its public contract."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class JournalExported(Event):
    """Somebody took a copy of the journal of an organization."""

    name: ClassVar[str] = "audit.journal.exported"
    subject: ClassVar[str] = "organization"

    organization_id: UUID
    subject_version: int = 0

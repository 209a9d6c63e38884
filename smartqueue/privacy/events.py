"""What privacy tells other apps, without personal data."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class ExportRequested(Event):
    """A person asked for everything that is stored of them."""

    name: ClassVar[str] = "privacy.export.requested"
    subject: ClassVar[str] = "export"

    export_id: UUID
    user_id: UUID
    organization_id: UUID | None = None
    subject_version: int = 0


@dataclass(frozen=True, kw_only=True)
class ExportReady(Event):
    """The archive can be downloaded by the person."""

    name: ClassVar[str] = "privacy.export.ready"
    subject: ClassVar[str] = "export"

    export_id: UUID
    user_id: UUID
    organization_id: UUID | None = None
    subject_version: int = 1


@dataclass(frozen=True, kw_only=True)
class ErasureRequested(Event):
    """Somebody without an account proved a phone; what is stored under it goes."""

    name: ClassVar[str] = "privacy.erasure.requested"
    subject: ClassVar[str] = "erasure"

    erasure_id: UUID
    organization_id: UUID | None = None
    subject_version: int = 0


@dataclass(frozen=True, kw_only=True)
class ErasureFinished(Event):
    """Every table has been gone through."""

    name: ClassVar[str] = "privacy.erasure.finished"
    subject: ClassVar[str] = "erasure"

    erasure_id: UUID
    organization_id: UUID | None = None
    subject_version: int = 1


@dataclass(frozen=True, kw_only=True)
class ConsentRecorded(Event):
    """A person agreed to a purpose, or took that back."""

    name: ClassVar[str] = "privacy.consent.recorded"
    subject: ClassVar[str] = "user"

    user_id: UUID
    purpose: str
    is_given: bool
    organization_id: UUID | None = None
    subject_version: int = 0


@dataclass(frozen=True, kw_only=True)
class RegisterChanged(Event):
    """An organization's own entry in its register of processing was added, changed or removed."""

    name: ClassVar[str] = "privacy.register.changed"
    subject: ClassVar[str] = "entry"

    entry_id: UUID
    subject_version: int = 0

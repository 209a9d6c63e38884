"""Reading consents, exports and registers."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from smartqueue.business.models import Organization
from smartqueue.common.errors import Text
from smartqueue.privacy import consents
from smartqueue.privacy.enums import Purpose
from smartqueue.privacy.models import Consent, Export, RegisterEntry


def has_consent(user_id: UUID, purpose: Purpose) -> bool:
    """Whether a person agrees to a purpose, in the words that are in force; not unless they said so."""
    newest = Consent.objects.filter(user=user_id, purpose=purpose).order_by("-id").first()
    version = consents.text_in_force(purpose).version
    return newest is not None and newest.is_given and newest.text_version == version


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a person is asked, and their newest word on it; `said_at` is None without one."""

    purpose: Purpose
    title: Text
    version: int
    text: Text
    is_given: bool
    said_at: datetime | None


def consents_of(user_id: UUID) -> list[ConsentState]:
    """Return every purpose with a person's newest word, in one query."""
    newest = {
        row.purpose: row
        for row in Consent.objects.filter(user=user_id)
        .order_by("purpose", "-id")
        .distinct("purpose")
    }
    return [_state(purpose, newest.get(purpose)) for purpose in Purpose]


def _state(purpose: Purpose, newest: Consent | None) -> ConsentState:
    text = consents.text_in_force(purpose)
    is_given = newest is not None and newest.is_given and newest.text_version == text.version
    return ConsentState(
        purpose=purpose,
        title=purpose.label,
        version=text.version,
        text=text.text,
        is_given=is_given,
        said_at=newest.at if newest else None,
    )


def list_consents(user_id: UUID) -> "QuerySet[Consent]":
    """Return everything a person said, newest first."""
    return Consent.objects.filter(user=user_id).order_by("-id")


def list_exports(user_id: UUID) -> "QuerySet[Export]":
    """Return a person's exports, newest first."""
    return Export.objects.filter(user=user_id).order_by("-id")


def list_entries(organization: Organization) -> "QuerySet[RegisterEntry]":
    """Return an organization's own entries of the register, by name."""
    rows: QuerySet[RegisterEntry] = RegisterEntry.objects.filter(organization=organization)
    return rows.order_by("name", "id")

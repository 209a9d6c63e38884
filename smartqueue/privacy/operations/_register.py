"""What an organization adds to its register of processing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import operation
from smartqueue.common.errors import FieldError, InvalidInput
from smartqueue.outbox import operations as outbox
from smartqueue.privacy import policies
from smartqueue.privacy.events import RegisterChanged
from smartqueue.privacy.models import RegisterEntry

FIELDS: Final = (
    "name",
    "purpose",
    "people",
    "data",
    "basis",
    "recipients",
    "transfers",
    "retention",
    "security",
    "declaration",
)


@operation
def add_entry(
    *, actor: Actor, organization_id: UUID, values: Mapping[str, str], now: datetime
) -> RegisterEntry:
    """
    Add a processing of an organization's own; `values` holds any of `FIELDS`.

    :raises NotFound: unknown, or not owned by the actor
    :raises InvalidInput: a wrong field
    """
    organization = policies.access_register(actor, organization_id)
    entry = RegisterEntry(organization=organization, created_at=now)
    _write(entry, values)
    _publish(entry, actor, now)
    return entry


@operation
def change_entry(
    *, actor: Actor, entry_id: UUID, values: Mapping[str, str], now: datetime
) -> RegisterEntry:
    """
    Change any of `FIELDS` of an entry.

    :raises NotFound: unknown, or not owned by the actor
    :raises InvalidInput: a wrong field
    """
    entry = policies.access_entry(actor, entry_id)
    entry.version += 1
    _write(entry, values)
    _publish(entry, actor, now)
    return entry


@operation
def remove_entry(*, actor: Actor, entry_id: UUID, now: datetime) -> None:
    """
    Remove an entry.

    :raises NotFound: unknown, or not owned by the actor
    """
    entry = policies.access_entry(actor, entry_id)
    entry.version += 1
    _publish(entry, actor, now)
    entry.delete()


def _write(entry: RegisterEntry, values: Mapping[str, Any]) -> None:
    for name in FIELDS:
        if name in values:
            setattr(entry, name, values[name].strip())
    try:
        entry.clean_fields(exclude=("organization",))
    except ValidationError as error:
        raise InvalidInput(
            errors=tuple(
                FieldError(name, e.code or "invalid", e.messages[0])
                for name, problems in error.error_dict.items()
                for e in problems
            )
        ) from error
    entry.save()


def _publish(entry: RegisterEntry, actor: Actor, now: datetime) -> None:
    outbox.publish(
        RegisterChanged(
            organization_id=entry.organization_id,
            entry_id=entry.pk,
            subject_version=entry.version,
            occurred_at=now,
            actor=actor.label,
        )
    )

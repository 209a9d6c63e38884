"""
Which organizations listen to which events, kept in each process; docs/decisions/012-webhooks.md.

Asked for every event that is published, also in the transaction of a call: an answer costs no
statement, but for one in `WEBHOOKS_LISTENERS_SECONDS` that reads all of them anew. What this process
changed itself, it knows at once.
"""

import time
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from smartqueue.outbox.events import Event
from smartqueue.webhooks import catalogue, queries


@dataclass(slots=True)
class _Kept:
    """The chosen types by organization; None are all of them. Read again once `until` is over."""

    types: dict[UUID, frozenset[str] | None] = field(default_factory=dict)
    until: float = 0.0


_kept = _Kept()


def wants(event: Event) -> bool:
    """Whether some endpoint may want an event; the handler looks again, at the rows themselves."""
    if event.organization_id is None:
        return False
    seconds = settings.WEBHOOKS_LISTENERS_SECONDS
    if seconds is not None and time.monotonic() >= _kept.until:
        # In this order: who asks meanwhile reads as well, where there was nothing to go by yet.
        until = time.monotonic() + seconds
        _kept.types = _united(queries.list_listening())
        _kept.until = until
    chosen = _kept.types.get(event.organization_id, frozenset())
    return chosen is None or catalogue.type_of(type(event)) in chosen


def reload(organization_id: UUID) -> None:
    """Take note of what an organization listens to now."""
    known = {key: types for key, types in _kept.types.items() if key != organization_id}
    _kept.types = known | _united(queries.list_listening(organization_id))


def _united(rows: list[tuple[UUID, list[str] | None]]) -> dict[UUID, frozenset[str] | None]:
    found: dict[UUID, frozenset[str] | None] = {}
    for organization_id, types in rows:
        known = found.get(organization_id, frozenset())
        whole = known is None or types is None
        found[organization_id] = None if whole else frozenset((*(known or ()), *(types or ())))
    return found

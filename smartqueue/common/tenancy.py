"""
The third ring of tenancy: which organization's rows this code may see.

Rows of `TenantModel` raise when read without a scope. Policies fetch one row by id with
`with_scopes_disabled()`, check the actor, then call `enter` for the rest of the unit of work.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django_scopes import scope
from django_scopes.state import state


def enter(organization_id: UUID) -> None:
    """Narrow the scope to one organization until the surrounding unit of work or request ends."""
    state.set({"organization": organization_id, "customer": None, "_enabled": True})


@contextmanager
def organizations(ids: Iterable[UUID]) -> Iterator[None]:
    """Read the rows of these organizations only; an empty set sees nothing."""
    with scope(organization=list(ids), customer=None):
        yield


@contextmanager
def citizen(user_id: UUID) -> Iterator[None]:
    """Read one person's own tickets, whatever the organization."""
    with scope(organization=None, customer=user_id):
        yield


@contextmanager
def public() -> Iterator[None]:
    """
    Read across organizations what anybody may see: names, places, opening hours, live counts.

    Tickets stay closed: they need a customer as well.
    """
    with scope(organization=None):
        yield


@contextmanager
def restored() -> Iterator[None]:
    """Put back on leaving whatever scope was there on entering."""
    token = state.set(state.get())
    try:
        yield
    finally:
        state.reset(token)

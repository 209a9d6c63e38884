"""
The third ring of tenancy: which organization's rows this code may see.

Rows of `TenantModel` raise when read without a scope. Policies fetch one row by id with
`with_scopes_disabled()`, check the actor, then call `enter` for the rest of the unit of work.

The same scope is told to PostgreSQL as a set of keys (`keys_now`), which its row policies ask for
whatever the managers have let through; docs/decisions/003-tenancy.md.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from django_scopes import scope
from django_scopes.state import state

SETTING: Final = "smartqueue.keys"
NO_KEYS: Final = "{}"
EVERY_KEY: Final = "{ffffffff-ffff-ffff-ffff-ffffffffffff}"
PLATFORM_KEY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class KeysOf:
    """The keys to the organizations that some rows belong to, which only the database knows."""

    table: str
    ids: tuple[UUID, ...]


class AtLeast(str):
    """Keys of which a statement needs no others, and that it does not mind being among more."""

    __slots__ = ()


Keys: TypeAlias = str | KeysOf
"""An array of ids as PostgreSQL writes it, of organizations and people, or how to find them."""

_own: ContextVar[UUID | None] = ContextVar("own_key", default=None)
_statement: ContextVar[Keys | None] = ContextVar("keys_of_this_statement", default=None)
_serving: ContextVar[bool] = ContextVar("serving", default=False)
_trusted = False


def enter(organization_id: UUID) -> None:
    """Narrow the scope to one organization until the surrounding unit of work or request ends."""
    state.set({"organization": organization_id, "customer": None, "_enabled": True})


def enter_platform() -> None:
    """
    Narrow the scope to the platform's own rows, which have no organization, until the surrounding
    unit of work or request ends. The managers find none of them: read past the scope.
    """
    enter(PLATFORM_KEY)


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
    """Put back on leaving whatever scope and person were there on entering."""
    token, own = state.set(state.get()), _own.set(_own.get())
    try:
        yield
    finally:
        _own.reset(own)
        state.reset(token)


@contextmanager
def serving() -> Iterator[None]:
    """
    Answer somebody from outside: the scope and person that it enters end with it, and without
    a scope it reads what is public and nothing else, in whichever process.
    """
    token = _serving.set(True)
    try:
        with restored():
            yield
    finally:
        _serving.reset(token)


# --- What the database is told -------------------------------------------------------------------


def identify(user_id: UUID | None) -> None:
    """Let the rows of the signed-in person be read until the request ends: roles, tickets, session."""
    _own.set(user_id)


def trust_this_process() -> None:
    """Let code without a scope read everything: workers, the relay, commands; not what is `serving`."""
    global _trusted
    _trusted = True


@contextmanager
def with_keys(keys: Keys | None) -> Iterator[None]:
    """Run statements with these keys, whatever the scope; None leaves them to the scope."""
    token = _statement.set(keys)
    try:
        yield
    finally:
        _statement.reset(token)


def is_of_organizations() -> bool:
    """Whether the scope is that of one or several organizations."""
    return (state.get() or {}).get("organization") is not None


def choose_keys(keys: Keys | None) -> None:
    """Take other keys until the surrounding `with_keys` ends."""
    _statement.set(keys)


@contextmanager
def with_key_of(user_id: UUID) -> Iterator[None]:
    """Read one person's own rows before anything else is known of them."""
    with with_keys(AtLeast(f"{{{user_id}}}")):
        yield


@contextmanager
def without_keys() -> Iterator[None]:
    """Read what no wall stands before: accounts, sessions, public rows."""
    with with_keys(AtLeast(NO_KEYS)):
        yield


@contextmanager
def counting(table: str, ids: Iterable[UUID]) -> Iterator[None]:
    """Count over everybody's rows around some that anybody may see; an entered scope stays."""
    if is_of_organizations() or keys_now() == EVERY_KEY:
        yield
    else:
        with with_keys(KeysOf(table, tuple(ids))):
            yield


def keys_now() -> Keys:
    """Return the keys that the next statement goes with."""
    keys = _statement.get()
    if keys is not None:
        return keys
    return keys_of_scope()


def keys_of_scope() -> str:
    """Return the keys of the present scope, whatever the next statement needs."""
    return keys_of(state.get())


def keys_of(current: dict[str, object] | None) -> str:
    """Return the keys of a scope of the managers."""
    if not current:
        return EVERY_KEY if _trusted and not _serving.get() else _written([])
    if not current.get("_enabled", True):
        return EVERY_KEY
    found: list[object] = []
    for dimension in ("organization", "customer"):
        value = current.get(dimension)
        if isinstance(value, list | tuple):
            found += value
        elif value is not None:
            found.append(value)
    return _written(found)


def own_key() -> str | None:
    """Return the key of the signed-in person, as text."""
    own = _own.get()
    return str(own) if own else None


def _written(ids: list[object] | list[UUID]) -> str:
    own = _own.get()
    # Through UUID, so that nothing else can ever come to stand in a statement.
    texts = [str(one if isinstance(one, UUID) else UUID(str(one))) for one in ids]
    if own is not None and str(own) not in texts[:1]:
        texts.insert(0, str(own))
    return f"{{{','.join(texts)}}}"

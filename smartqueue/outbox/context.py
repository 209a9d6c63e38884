"""Where a request came from, for the journal; set by the entrance, read by `publish`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The caller's address and the id of the request, as the logs have it."""

    address: str | None = None
    request_id: str = ""


NOWHERE = Origin()
current: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


@contextmanager
def nowhere() -> Iterator[None]:
    """Publish without an address, and so let handlers: what tells of an erasure must not bring it back."""
    token = current.set(NOWHERE)
    try:
        yield
    finally:
        current.reset(token)

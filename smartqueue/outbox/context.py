"""Where a request came from, for the journal; set by the entrance, read by `publish`."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The caller's address and the id of the request, as the logs have it."""

    address: str | None = None
    request_id: str = ""


NOWHERE = Origin()
current: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)

"""Structured logs: one JSON object a line on standard error, without locals."""

import json
import logging
import logging.config
import re
import sys
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import structlog

from smartqueue.common import tenancy
from smartqueue.common.crypto import keyed_digest

# The tokens of tickets, kiosks, displays, appointments, waitlists and calendars stand in addresses,
# and open them; so do the secrets of the addresses that providers call.
_TOKEN = re.compile(r"/([tkwal]|calendar|webhooks/[\w.-]+/[a-z]+)/[\w-]{30,}")


def without_tokens(text: str) -> str:
    """Return a text in which no address of a ticket's or a device's page opens it."""
    return _TOKEN.sub(r"/\1/*", text)


def _hide_tokens(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Any:
    line.pop("request", None)
    line["event"] = without_tokens(str(line["event"]))
    return line


_refusal: ContextVar[dict[str, str | None] | None] = ContextVar("refusal", default=None)

_FAILURES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    _hide_tokens,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(_FAILURES),
]


def configure(settings: dict[str, str]) -> None:
    """Set up logging; Django calls this with the LOGGING setting, which holds the level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings["level"])
    # fido2 names the credential of whoever signs in.
    for noisy in ("httpx", "urllib3", "asyncio", "fido2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def mark_of(address: str | None) -> str | None:
    """Return what stands for a network address in the log: the same for the same address, no more."""
    return keyed_digest("address in the log", address).hex()[:16] if address else None


def note_refusal(code: str) -> None:
    """Remember why a request is refused, and whom it named, for its line in the log."""
    _refusal.set({"code": code, "person": tenancy.own_key()})


def forget_refusal() -> None:
    """Begin a request that nothing has refused yet."""
    _refusal.set(None)


def request_line(address: Callable[[], str | None], **facts: Any) -> None:
    """
    Write the line of one request, in the form of all others; of a refused one also the reason's
    code, the person and what stands for the network address.

    It is written for every request, so it takes none of the way through the logging module.
    """
    if logging.getLogger("smartqueue.request").isEnabledFor(logging.INFO):
        at = datetime.now(UTC).isoformat()
        line = {**facts, "event": "request", "level": "info", "timestamp": at}
        refusal = _refusal.get()
        if refusal is not None:
            line |= refusal | {"address": mark_of(address())}
        sys.stderr.write(json.dumps(line) + "\n")

"""Answers of mail servers as ours (RFC 5321, RFC 3463)."""

import re
from typing import Final

from smartqueue.notifications.providers.base import ProviderError

_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
# No such mailbox, domain or host; moved without an address; disabled; takes no mail at all.
_GONE: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_GONE_CODES: Final = frozenset({550, 551, 553})
GREYLIST_SECONDS: Final = 300.0


def status_of(text: str) -> str:
    """Return the enhanced status in an answer, "5.1.1"; "" where there is none."""
    found = _STATUS.search(text)
    return found.group(1) if found else ""


def is_gone(status: str) -> bool:
    """Whether an enhanced status says that nobody has the address."""
    return status in _GONE


def refusal(code: int, said: bytes | str, *, is_recipient: bool) -> ProviderError:
    """
    Return what a refusal means. `is_recipient`: it was the answer to the address, and not to the
    sender or the text.
    """
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    status = status_of(text)
    name = f"smtp_{code}_{status}" if status else f"smtp_{code}"
    if code < 500:
        is_greylisted = is_recipient and (code in {450, 451} or status == "4.7.1")
        wait = GREYLIST_SECONDS if is_greylisted else None
        return _later(name, wait)
    is_dead = is_recipient and (is_gone(status) if status else code in _GONE_CODES)
    return ProviderError(name, retryable=False, is_recipient=is_dead)


def _later(name: str, wait: float | None) -> ProviderError:
    return ProviderError(name, retryable=True, retry_after=wait)

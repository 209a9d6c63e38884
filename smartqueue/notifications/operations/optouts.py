"""
Who wants no more text messages. They get only what is vital: their turn, a code, a security notice.

A stopped number is kept as a digest, so that the register outlives an erased account and tells
nobody a number.
"""

from datetime import datetime
from typing import Final

from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.notifications.models import OptOut

STOP_WORDS: Final = frozenset({"stop", "arret", "arrêt", "arreter", "arrêter", "قف", "توقف"})
START_WORDS: Final = frozenset({"start", "reprendre", "ابدأ"})


def _digest(phone: str) -> bytes:
    return keyed_digest("text opt-out", phone)


def has_opted_out(phone: str) -> bool:
    """Whether the owner of a number wrote STOP, and not START since."""
    return OptOut.objects.filter(digest=_digest(phone)).exists()


@operation
def opt_out(*, phone: str, now: datetime) -> None:
    """Send a number nothing but what is vital from now on."""
    row, is_new = OptOut.objects.get_or_create(digest=_digest(phone), defaults={"stopped_at": now})
    if not is_new:
        OptOut.objects.filter(pk=row.pk, stopped_at__lt=now).update(stopped_at=now)


@operation
def opt_in(*, phone: str, now: datetime) -> bool:
    """
    Send a number again whatever concerns its owner; False where they wrote STOP after `now`, when they
    wished it.
    """
    stopped = OptOut.objects.filter(digest=_digest(phone))
    stopped.filter(stopped_at__lte=now).delete()
    return not stopped.exists()


def wish_in(text: str) -> bool | None:
    """Return False for a text that says STOP, True for one that says START, None for any other."""
    word = text.strip().strip(".!\"'« »").casefold()
    if word in STOP_WORDS:
        return False
    return True if word in START_WORDS else None

"""
Who wants no more e-mails of an organization, and which addresses nobody reads.

Both are kept as digests, so that they tell nobody an address. Who stopped an organization's mails
gets only what is vital, and the same goes for an address that mail came back from: it may be wrong
about a code that somebody waits for.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models.functions import Now

from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.errors import NotFound
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import DeadAddress, OptOut, OutgoingMessage

ADDRESS_DEAD: Final = "address_dead"
UNSUBSCRIBED: Final = "opted_out"
DEAD_FOR: Final = timedelta(days=90)
_signer = signing.Signer(salt="unsubscribe")


def _digest(address: str, organization_id: UUID | None) -> bytes:
    return keyed_digest("mail opt-out", address.lower(), str(organization_id or ""))


def _dead_digest(address: str) -> bytes:
    return keyed_digest("dead address", address.lower())


def refusal(address: str, organization_id: UUID | None) -> str:
    """Return why an address is sent nothing but what is vital; empty when it is."""
    if OptOut.objects.filter(digest=_digest(address, organization_id)).exists():
        return UNSUBSCRIBED
    dead = DeadAddress.objects.filter(digest=_dead_digest(address), noted_at__gt=Now() - DEAD_FOR)
    return ADDRESS_DEAD if dead.exists() else ""


# --- Leaving ------------------------------------------------------------------------------------


def unsubscribe_url(address: str, organization_id: UUID | None) -> str:
    """Return where a mail program or a person stops an organization's mails, without signing in."""
    token = _signer.sign(_digest(address, organization_id).hex())
    return f"{settings.PUBLIC_URL.rstrip('/')}/unsubscribe/{token}/"


def _digest_of(token: str) -> bytes:
    try:
        return bytes.fromhex(_signer.unsign(token))
    except (signing.BadSignature, ValueError) as error:
        raise NotFound from error


def is_unsubscribed(token: str) -> bool:
    """
    Whether the mails of an address's link are stopped.

    :raises NotFound: no link of ours
    """
    return OptOut.objects.filter(digest=_digest_of(token)).exists()


@operation
def unsubscribe(*, token: str, now: datetime) -> None:
    """
    Stop an organization's mails to the address of a link.

    :raises NotFound: no link of ours
    """
    OptOut.objects.get_or_create(digest=_digest_of(token), defaults={"stopped_at": now})


@operation
def subscribe_again(*, token: str, now: datetime) -> None:
    """
    Send an organization's mails again to the address of a link.

    :raises NotFound: no link of ours
    """
    OptOut.objects.filter(digest=_digest_of(token)).delete()


# --- Coming back --------------------------------------------------------------------------------


def note_dead_address(message: OutgoingMessage, code: str, now: datetime) -> None:
    """Remember that mail to a message's address comes back."""
    if message.channel == Channel.EMAIL:
        DeadAddress.objects.update_or_create(
            digest=_dead_digest(message.recipient), defaults={"code": code[:60], "noted_at": now}
        )


@operation
def remove_old_dead_addresses() -> int:
    """Delete what is known of addresses after 90 days: they may be read again."""
    deleted, _ = DeadAddress.objects.filter(noted_at__lt=Now() - DEAD_FOR).delete()
    return deleted

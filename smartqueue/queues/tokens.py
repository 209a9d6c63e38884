"""
Tokens that stand for one ticket: its id and a MAC, so none is stored.

Form: URL-safe base64 of 16 bytes of id and the first 12 bytes of HMAC-SHA256, 38 characters.
"""

import base64
import binascii
import hmac
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind

MAC_BYTES = 12


def _mac(key: str, purpose: str, identifier: bytes) -> bytes:
    return hmac.digest(key.encode(), purpose.encode() + b":" + identifier, sha256)[:MAC_BYTES]


def sign(purpose: str, identifier: UUID) -> str:
    """Return the token that stands for a row, for one purpose."""
    raw = identifier.bytes
    return (
        base64.urlsafe_b64encode(raw + _mac(settings.TOKEN_KEY, purpose, raw)).decode().rstrip("=")
    )


def read(purpose: str, token: str) -> UUID | None:
    """Return the row that a token of this purpose stands for; None for one that is not ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + MAC_BYTES:
        return None
    identifier, mac = raw[:16], raw[16:]
    # Links made under an earlier key go on while it is accepted.
    keys = (settings.TOKEN_KEY, *settings.TOKEN_KEY_FALLBACKS)
    known = any(hmac.compare_digest(mac, _mac(key, purpose, identifier)) for key in keys)
    return UUID(bytes=identifier) if known else None


def token_of(ticket_id: UUID) -> str:
    """Return the token that opens a ticket without an account."""
    return sign("ticket", ticket_id)


def ticket_id_of(token: str) -> UUID | None:
    """Return the ticket that a token opens; None for a token that is not ours."""
    return read("ticket", token)


def actor_of_token(token: str) -> Actor | None:
    """Return the ticket's holder that a token stands for; None for a token that is not ours."""
    if ticket_id := ticket_id_of(token):
        return Actor(kind=ActorKind.TICKET, ticket_id=ticket_id)
    return None

"""
Tokens as strings: making them and reading them, without the database.

An access token is a JWT of one algorithm. A refresh token, the token of an unfinished sign-in and a
socket ticket are opaque: the id of their row and a secret of which the row has a digest.
"""

import base64
import binascii
import functools
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings

from smartqueue.common.ids import new_id

ALGORITHM = "HS256"
AUDIENCE = "smartqueue"
ISSUER = "smartqueue"
ACCESS_TYPE = "access"
ACCESS_SECONDS = 600
SECRET_BYTES = 32

_REQUIRED = ["aud", "exp", "iat", "iss", "jti", "sid", "sub", "type"]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Whose token it is, and under which session."""

    user_id: UUID
    session_id: UUID


@functools.lru_cache(maxsize=8)
def _keyring(keys: tuple[str, ...]) -> tuple[str, dict[str, bytes]]:
    """Return the id of the signing key, and every key that is accepted by its id."""
    ring = {hashlib.sha256(key.encode()).hexdigest()[:8]: key.encode() for key in keys}
    return next(iter(ring)), ring


def _current_keys() -> tuple[str, ...]:
    return (settings.TOKEN_KEY, *settings.TOKEN_KEY_FALLBACKS)


def make_access_token(user_id: UUID, session_id: UUID) -> str:
    """Return a token that opens the API for ten minutes, as long as its session lives."""
    issued = int(time.time())
    key_id, ring = _keyring(_current_keys())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "type": ACCESS_TYPE,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": secrets.token_hex(8),
        "iat": issued,
        "exp": issued + ACCESS_SECONDS,
    }
    return jwt.encode(claims, ring[key_id], algorithm=ALGORITHM, headers={"kid": key_id})


def read_access_token(token: str) -> AccessClaims | None:
    """Return what a valid access token says; None for anything else."""
    try:
        claims, expires_at = _verified(token, _current_keys())
    except (jwt.PyJWTError, ValueError, AttributeError, TypeError):
        return None
    return claims if expires_at > time.time() else None


# A client shows one token hundreds of times in its ten minutes; what was signed once stays signed.
@functools.lru_cache(maxsize=8192)
def _verified(token: str, keys: tuple[str, ...]) -> tuple[AccessClaims, int]:
    key_id = jwt.get_unverified_header(token).get("kid")
    key = _keyring(keys)[1].get(key_id) if isinstance(key_id, str) else None
    if key is None:
        raise jwt.InvalidKeyError("unknown key")
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": _REQUIRED},
    )
    if claims["type"] != ACCESS_TYPE:
        raise jwt.InvalidTokenError("of another kind")
    return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"])), int(claims["exp"])


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """A row's id and the digest of the secret that proves it; `text` is what the client keeps."""

    id: UUID
    digest: bytes
    text: str


def make_opaque_token(row_id: UUID | None = None) -> OpaqueToken:
    """Return a new token of 256 random bits, for a row of this id or one that is yet to be made."""
    return _opaque((row_id or new_id()).bytes + secrets.token_bytes(SECRET_BYTES))


def random_bytes() -> bytes:
    """Return 256 random bits, for a device to sign."""
    return secrets.token_bytes(SECRET_BYTES)


def read_opaque_token(text: str) -> OpaqueToken | None:
    """Return the parts of a token in our form; None for anything else."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    token = _opaque(raw) if len(raw) == 16 + SECRET_BYTES else None
    return token if token and token.text == text else None


def _opaque(raw: bytes) -> OpaqueToken:
    # 48 bytes need no padding, so one token has one text.
    text = base64.urlsafe_b64encode(raw).decode()
    return OpaqueToken(UUID(bytes=raw[:16]), hashlib.sha256(raw).digest(), text)

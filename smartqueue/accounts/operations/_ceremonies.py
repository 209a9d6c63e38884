"""
What devices are asked to sign (WebAuthn), and the relying party that asks: the host of PUBLIC_URL.

docs/decisions/009-second-factors.md.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    UserVerificationRequirement,
)

from smartqueue.accounts import queries, tokens
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import PasskeyPurpose
from smartqueue.accounts.models import PasskeyChallenge
from smartqueue.common.db import fetch_one, operation

CHALLENGE_LIFE = timedelta(minutes=5)
# ES256, EdDSA and RS256: what devices offer, without the curves and hashes that few check well.
ALGORITHMS = frozenset({-7, -8, -257})

# What a client's bytes can make the parsers of fido2 raise.
MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    AssertionError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    struct.error,
    UnsupportedAlgorithm,
)

# What a device has signed, in the JSON form of WebAuthn.
Credential: TypeAlias = Mapping[str, Any]
# What is given for a second factor: a code, or what a device has signed.
Answer: TypeAlias = str | Credential


@dataclass(frozen=True, slots=True)
class Ceremony:
    """
    What a device is asked to sign: `options` in the JSON form that browsers and apps parse. `token`
    comes back with the device's answer, once, before `expires_at`.
    """

    token: str
    options: dict[str, Any]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A challenge that was used up; whoever comes second finds none."""

    challenge: bytes
    user_id: UUID | None
    session_id: UUID | None
    must_verify: bool
    expires_at: datetime

    @property
    def state(self) -> dict[str, Any]:
        verification = (
            UserVerificationRequirement.REQUIRED
            if self.must_verify
            else UserVerificationRequirement.PREFERRED
        )
        return {"challenge": websafe_encode(self.challenge), "user_verification": verification}


def _origins() -> frozenset[str]:
    site = urlsplit(settings.PUBLIC_URL)
    return frozenset({f"{site.scheme}://{site.netloc}", *settings.WEBAUTHN_APP_ORIGINS})


def relying_party() -> Any:
    host = urlsplit(settings.PUBLIC_URL).hostname
    server: Any = Fido2Server(
        PublicKeyCredentialRpEntity(id=host, name="SmartQueue"),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin in _origins(),
    )
    server.allowed_algorithms = [p for p in server.allowed_algorithms if p.alg in ALGORITHMS]
    server.timeout = int(CHALLENGE_LIFE.total_seconds() * 1000)
    return server


def descriptors_of(user_id: UUID) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY,
            id=bytes(passkey.credential_id),
            transports=[AuthenticatorTransport(name) for name in passkey.transports] or None,
        )
        for passkey in queries.list_passkeys(user_id)
    ]


def ask_device(purpose: PasskeyPurpose, *, must_verify: bool, **bound_to: Any) -> tuple[str, Taken]:
    token, challenge = tokens.make_opaque_token(), tokens.random_bytes()
    wall = wall_now()
    row = PasskeyChallenge.objects.create(
        id=token.id,
        digest=token.digest,
        purpose=purpose,
        challenge=challenge,
        must_verify=must_verify,
        created_at=wall,
        expires_at=wall + CHALLENGE_LIFE,
        **bound_to,
    )
    return token.text, Taken(challenge, row.user_id, row.session_id, must_verify, row.expires_at)


# Deleting is using: of two answers to one challenge only one finds it.
_TAKE = """
    DELETE FROM accounts_passkeychallenge WHERE id = %s AND digest = %s AND purpose = %s
    RETURNING challenge, user_id, session_id, must_verify, expires_at
"""
_TAKE_OF_SIGN_IN = """
    DELETE FROM accounts_passkeychallenge WHERE mfa_id = %s AND purpose = 'confirm'
    RETURNING challenge, user_id, session_id, must_verify, expires_at
"""


@operation
def take_challenge(token: str, purpose: PasskeyPurpose) -> Taken | None:
    """Use a challenge up, whatever becomes of the answer."""
    read = tokens.read_opaque_token(token)
    row = fetch_one(_TAKE, [read.id, read.digest, purpose.value]) if read else None
    return _alive(row)


@operation
def take_challenge_of(mfa_id: UUID) -> Taken | None:
    """Use up the challenge that a sign-in's second factor was asked with."""
    return _alive(fetch_one(_TAKE_OF_SIGN_IN, [mfa_id]))


def _alive(row: tuple[Any, ...] | None) -> Taken | None:
    if row is None:
        return None
    taken = Taken(bytes(row[0]), *row[1:])
    return taken if taken.expires_at > wall_now() else None

"""
Passkeys and security keys (WebAuthn): adding, naming, removing them, and signing in with them.

The relying party is the host of PUBLIC_URL; docs/decisions/009-passkeys.md.
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
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorAttachment,
    AuthenticatorData,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from smartqueue.accounts import policies, queries, tokens
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.backends import may_sign_in
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import KeyKind, Method, PasskeyPurpose
from smartqueue.accounts.errors import PasskeyKnown, PasskeyRefused, TooManyPasskeys
from smartqueue.accounts.events import PasskeyCopied, PasskeyRenamed, SecondFactorUsed
from smartqueue.accounts.models import MfaChallenge, Passkey, PasskeyChallenge, User
from smartqueue.accounts.operations import _factors
from smartqueue.common.db import fetch_one, operation
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.common.ids import new_id
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox

CHALLENGE_LIFE = timedelta(minutes=5)
MOST_PASSKEYS = 20
NAME_LENGTH = 60
# ES256, EdDSA and RS256: what devices offer, without the curves and hashes that few check well.
ALGORITHMS = frozenset({-7, -8, -257})
TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)

# What a client's bytes can make the parsers of fido2 raise.
_MALFORMED = (
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
class NewPasskey:
    """A passkey, and the recovery codes that come with a first second factor, to be shown once."""

    passkey: Passkey
    recovery_codes: list[str] | None


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


# --- The relying party ------------------------------------------------------------------------


def _origins() -> frozenset[str]:
    site = urlsplit(settings.PUBLIC_URL)
    return frozenset({f"{site.scheme}://{site.netloc}", *settings.WEBAUTHN_APP_ORIGINS})


def _server() -> Any:
    host = urlsplit(settings.PUBLIC_URL).hostname
    server: Any = Fido2Server(
        PublicKeyCredentialRpEntity(id=host, name="SmartQueue"),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin in _origins(),
    )
    server.allowed_algorithms = [p for p in server.allowed_algorithms if p.alg in ALGORITHMS]
    server.timeout = int(CHALLENGE_LIFE.total_seconds() * 1000)
    return server


def _descriptors(user_id: UUID) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY,
            id=bytes(passkey.credential_id),
            transports=[AuthenticatorTransport(name) for name in passkey.transports] or None,
        )
        for passkey in queries.list_passkeys(user_id)
    ]


def _ask(purpose: PasskeyPurpose, *, must_verify: bool, **bound_to: Any) -> tuple[str, Taken]:
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
def _take(token: str, purpose: PasskeyPurpose) -> Taken | None:
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


# --- Adding, naming, removing ------------------------------------------------------------------


@operation
def begin_passkey(*, actor: Actor, kind: KeyKind, now: datetime) -> Ceremony:
    """
    Return what the device is asked in order to become a passkey or a security key of the actor.

    A passkey is found by the device itself and checks its owner, so that it signs in alone; a
    security key need do neither.

    :raises NotSignedIn: nobody is signed in
    :raises ReauthenticationNeeded: the sign-in is too long ago
    :raises TooManyPasskeys: the person has twenty
    """
    user = _factors.own_account(actor, now=now)
    _require_room(user)
    is_passkey = kind is KeyKind.PASSKEY
    token, asked = _ask(
        PasskeyPurpose.REGISTER,
        must_verify=is_passkey,
        user=user,
        session_id=actor.session_id,
    )
    options, _state = _server().register_begin(
        user=PublicKeyCredentialUserEntity(
            id=user.pk.bytes, name=user.email or user.phone, display_name=str(user)
        ),
        credentials=_descriptors(user.pk),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED
        if is_passkey
        else ResidentKeyRequirement.DISCOURAGED,
        user_verification=asked.state["user_verification"],
        authenticator_attachment=None if is_passkey else AuthenticatorAttachment.CROSS_PLATFORM,
        challenge=asked.challenge,
        extensions={"credProps": True},
    )
    return Ceremony(token, dict(options.public_key), asked.expires_at)


def _require_room(user: User) -> None:
    if Passkey.objects.filter(user=user).count() >= MOST_PASSKEYS:
        raise TooManyPasskeys


def add_passkey(
    *, actor: Actor, token: str, credential: Credential, name: str, now: datetime
) -> NewPasskey:
    """
    Add the passkey that a device made for `begin_passkey`, in the session that asked for it.

    With a first second factor, sessions begun without one end, but for the actor's own. Call it
    outside a transaction: a challenge is used up whether or not the answer is right.

    :raises PasskeyRefused: the answer is not right, or its challenge was used or is too old
    :raises PasskeyKnown: somebody has added this credential
    :raises TooManyPasskeys: the person has twenty
    :raises InvalidInput: no name, or a long one
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    given_name = _checked_name(name)
    taken = _take(token, PasskeyPurpose.REGISTER)
    is_own = (
        taken is not None
        and taken.user_id == actor.user_id
        and taken.session_id == actor.session_id
    )
    if taken is None or not is_own:
        raise PasskeyRefused
    return _add(actor=actor, name=given_name, made=_made(taken, credential), now=now)


def _checked_name(name: str) -> str:
    checked = " ".join(name.split())
    if not checked or "\0" in checked or len(checked) > NAME_LENGTH:
        raise InvalidInput.on("name", _("Give a name of at most 60 characters."), "required")
    return checked


@dataclass(frozen=True, slots=True)
class _Made:
    """A key as the device that has made it describes it."""

    credential: AttestedCredentialData
    transports: list[str]
    sign_count: int
    is_discoverable: bool
    is_synced: bool


def _made(taken: Taken, credential: Credential) -> _Made:
    """
    Return the key that a device has made, checked.

    :raises PasskeyRefused: malformed, or not an answer to this challenge from our pages or apps
    """
    try:
        response = RegistrationResponse.from_dict(credential)
        data: AuthenticatorData = _server().register_complete(taken.state, response)
        key = data.credential_data
        is_ours = (
            key is not None
            and not response.response.client_data.cross_origin
            and key.credential_id == response.raw_id
            and key.public_key[3] in ALGORITHMS
        )
    except _MALFORMED as error:
        raise PasskeyRefused from error
    if key is None or not is_ours:
        raise PasskeyRefused
    properties = response.client_extension_results.get("credProps")
    return _Made(
        credential=key,
        transports=_transports(credential),
        sign_count=data.counter,
        is_discoverable=isinstance(properties, Mapping) and properties.get("rk") is True,
        is_synced=data.is_backed_up(),
    )


def _transports(credential: Credential) -> list[str]:
    """Return how the device says it is reached, which stands beside the signed parts."""
    told = credential["response"].get("transports")
    return sorted(TRANSPORTS.intersection(filter(_is_text, told))) if isinstance(told, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


@operation
def _add(*, actor: Actor, name: str, made: _Made, now: datetime) -> NewPasskey:
    user = _factors.own_account(actor, now=now)
    _require_room(user)
    passkey = Passkey(
        id=new_id(),
        user=user,
        name=name,
        credential_id=made.credential.credential_id,
        credential=bytes(made.credential),
        transports=made.transports,
        sign_count=made.sign_count,
        is_discoverable=made.is_discoverable,
        is_synced=made.is_synced,
        created_at=wall_now(),
    )
    try:
        with transaction.atomic():
            passkey.save(force_insert=True)
    except IntegrityError as error:
        raise PasskeyKnown from error
    codes = _factors.after_adding(actor, user, Method.PASSKEY, now=now, passkey_id=passkey.pk)
    return NewPasskey(passkey, codes)


@operation
def rename_passkey(*, actor: Actor, passkey_id: UUID, name: str, now: datetime) -> Passkey:
    """
    Give a passkey another name.

    :raises NotFound: unknown, or somebody else's
    :raises InvalidInput: no name, or a long one
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    _factors.own_account(actor, now=now)
    passkey = policies.access_passkey(actor, passkey_id, lock=True)
    passkey.name = _checked_name(name)
    passkey.save(update_fields=["name"])
    outbox.publish(
        PasskeyRenamed(
            user_id=passkey.user_id, passkey_id=passkey.pk, occurred_at=now, actor=actor.label
        )
    )
    return passkey


@operation
def remove_passkey(*, actor: Actor, passkey_id: UUID, now: datetime) -> None:
    """
    Remove a passkey; other sessions end, and the recovery codes go with the last factor.

    :raises NotFound: unknown, or somebody else's
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user = _factors.own_account(actor, now=now)
    passkey = policies.access_passkey(actor, passkey_id, lock=True)
    passkey.delete()
    _factors.after_removing(actor, user, Method.PASSKEY, now=now, passkey_id=passkey_id)


# --- Signing in --------------------------------------------------------------------------------


def begin_passkey_sign_in(*, now: datetime) -> Ceremony:
    """
    Return what a device is asked in order to sign somebody in, whoever it knows.

    :raises TooManyRequests: with the seconds to wait
    """
    limits.check("passkey")
    return _begin_sign_in()


@operation
def _begin_sign_in() -> Ceremony:
    token, asked = _ask(PasskeyPurpose.SIGN_IN, must_verify=True)
    options, _state = _server().authenticate_begin(
        user_verification=UserVerificationRequirement.REQUIRED, challenge=asked.challenge
    )
    return Ceremony(token, dict(options.public_key), asked.expires_at)


def sign_in_with_passkey(*, token: str, credential: Credential, now: datetime) -> User:
    """
    Return the person whose passkey this is. The device has checked its owner, so it is both factors.

    Call it outside a transaction: a challenge is used up whether or not the answer is right.

    :raises PasskeyRefused: the answer is not right, or its challenge was used or is too old, or
        the device did not check its owner, or counted lower than before
    :raises TooManyRequests: with the seconds to wait
    """
    limits.check("passkey")
    taken = _take(token, PasskeyPurpose.SIGN_IN)
    response = _assertion(credential)
    if taken is None or response.response.user_handle is None:
        raise PasskeyRefused
    outcome = _sign_in(taken, response, now=now)
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


@operation
def _sign_in(taken: Taken, response: AuthenticationResponse, *, now: datetime) -> User | Problem:
    passkey = _used(taken, response, now=now)
    if passkey is None or not may_sign_in(passkey.user):
        return PasskeyRefused()
    outbox.publish(
        SecondFactorUsed(
            user_id=passkey.user_id,
            method=Method.PASSKEY.value,
            occurred_at=now,
            actor=f"user:{passkey.user_id}",
        )
    )
    return passkey.user


def begin_passkey_confirmation(*, mfa_token: str, now: datetime) -> dict[str, Any]:
    """
    Return what a device is asked in order to confirm a sign-in; asking again voids the earlier one.

    :raises MfaExpired: no such sign-in, answered already, or too old
    :raises PasskeyRefused: the person has no passkey
    :raises TooManyRequests: with the seconds to wait
    """
    limits.check("passkey")
    return _begin_confirmation(mfa_token)


@operation
def _begin_confirmation(mfa_token: str) -> dict[str, Any]:
    challenge = policies.access_mfa_challenge(mfa_token)
    allowed = _descriptors(challenge.user_id)
    if not allowed:
        raise PasskeyRefused
    # Two tabs that ask at once wait for each other here, and leave one challenge.
    MfaChallenge.objects.select_for_update(of=("self",), no_key=True).get(pk=challenge.pk)
    PasskeyChallenge.objects.filter(mfa=challenge).delete()
    _token, asked = _ask(
        PasskeyPurpose.CONFIRM, must_verify=False, user_id=challenge.user_id, mfa=challenge
    )
    options, _state = _server().authenticate_begin(
        credentials=allowed,
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=asked.challenge,
    )
    return dict(options.public_key)


def is_confirmed(taken: Taken | None, answer: Answer, *, user_id: UUID, now: datetime) -> bool:
    """Whether a device's answer confirms the sign-in of a person; counts the use of the passkey."""
    if taken is None or taken.user_id != user_id or isinstance(answer, str):
        return False
    try:
        response = _assertion(answer)
    except PasskeyRefused:
        return False
    return _used(taken, response, now=now) is not None


def _assertion(credential: Credential) -> AuthenticationResponse:
    """
    Return a device's answer in its parts.

    :raises PasskeyRefused: it is malformed
    """
    try:
        return AuthenticationResponse.from_dict(credential)
    except _MALFORMED as error:
        raise PasskeyRefused from error


def _used(taken: Taken, response: AuthenticationResponse, *, now: datetime) -> Passkey | None:
    """Return the passkey whose answer to the challenge this is, its count taken down; else None."""
    passkey = (
        Passkey.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(credential_id=response.raw_id)
        .first()
    )
    if passkey is None or not _is_answered_by(passkey, taken, response):
        return None
    given = response.response.authenticator_data
    # Devices that do not count stay at 0.
    if (given.counter or passkey.sign_count) and given.counter <= passkey.sign_count:
        outbox.publish(
            PasskeyCopied(
                user_id=passkey.user_id,
                passkey_id=passkey.pk,
                occurred_at=now,
                actor=f"user:{passkey.user_id}",
            )
        )
        return None
    passkey.sign_count = given.counter
    passkey.is_synced = given.is_backed_up()
    passkey.last_used_at = wall_now()
    passkey.save(update_fields=["sign_count", "is_synced", "last_used_at"])
    return passkey


def _is_answered_by(passkey: Passkey, taken: Taken, response: AuthenticationResponse) -> bool:
    handle = response.response.user_handle
    is_theirs = handle in {None, passkey.user_id.bytes} and taken.user_id in {
        None,
        passkey.user_id,
    }
    if not is_theirs or response.response.client_data.cross_origin:
        return False
    known = AttestedCredentialData(bytes(passkey.credential))
    try:
        _server().authenticate_complete(taken.state, [known], response)
    except _MALFORMED:
        return False
    return True

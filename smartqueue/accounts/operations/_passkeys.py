"""Passkeys and security keys of a person: adding, naming, removing them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticatorAttachment,
    AuthenticatorData,
    AuthenticatorTransport,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
)

from smartqueue.accounts import policies
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import KeyKind, Method, PasskeyPurpose
from smartqueue.accounts.errors import PasskeyKnown, PasskeyRefused, TooManyPasskeys
from smartqueue.accounts.events import PasskeyRenamed
from smartqueue.accounts.models import Passkey, User
from smartqueue.accounts.operations import _factors
from smartqueue.accounts.operations._ceremonies import (
    ALGORITHMS,
    MALFORMED,
    Ceremony,
    Credential,
    Taken,
    ask_device,
    descriptors_of,
    relying_party,
    take_challenge,
)
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox

MOST_PASSKEYS = 20
NAME_LENGTH = 60
TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey, and the recovery codes that come with a first second factor, to be shown once."""

    passkey: Passkey
    recovery_codes: list[str] | None


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
    token, asked = ask_device(
        PasskeyPurpose.REGISTER,
        must_verify=is_passkey,
        user=user,
        session_id=actor.session_id,
    )
    options, _state = relying_party().register_begin(
        user=PublicKeyCredentialUserEntity(
            id=user.pk.bytes, name=user.email or user.phone, display_name=str(user)
        ),
        credentials=descriptors_of(user.pk),
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
    taken = take_challenge(token, PasskeyPurpose.REGISTER)
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
        data: AuthenticatorData = relying_party().register_complete(taken.state, response)
        key = data.credential_data
        is_ours = (
            key is not None
            and not response.response.client_data.cross_origin
            and key.credential_id == response.raw_id
            and key.public_key[3] in ALGORITHMS
        )
    except MALFORMED as error:
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

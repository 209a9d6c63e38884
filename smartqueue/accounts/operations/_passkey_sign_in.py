"""Signing in with a passkey, and confirming a sign-in with one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    UserVerificationRequirement,
)

from smartqueue.accounts import policies
from smartqueue.accounts.backends import may_sign_in
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Method, PasskeyPurpose
from smartqueue.accounts.errors import PasskeyRefused
from smartqueue.accounts.events import PasskeyCopied, SecondFactorUsed
from smartqueue.accounts.models import MfaChallenge, Passkey, PasskeyChallenge, User
from smartqueue.accounts.operations._ceremonies import (
    MALFORMED,
    Answer,
    Ceremony,
    Credential,
    Taken,
    ask_device,
    descriptors_of,
    relying_party,
    take_challenge,
)
from smartqueue.common.db import operation
from smartqueue.common.errors import Problem
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox


def begin_passkey_sign_in(*, now: datetime) -> Ceremony:
    """
    Return what a device is asked in order to sign somebody in, whoever it knows.

    :raises TooManyRequests: with the seconds to wait
    """
    limits.check("passkey")
    return _begin_sign_in()


@operation
def _begin_sign_in() -> Ceremony:
    token, asked = ask_device(PasskeyPurpose.SIGN_IN, must_verify=True)
    options, _state = relying_party().authenticate_begin(
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
    taken = take_challenge(token, PasskeyPurpose.SIGN_IN)
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
    allowed = descriptors_of(challenge.user_id)
    if not allowed:
        raise PasskeyRefused
    # Two tabs that ask at once wait for each other here, and leave one challenge.
    MfaChallenge.objects.select_for_update(of=("self",), no_key=True).get(pk=challenge.pk)
    PasskeyChallenge.objects.filter(mfa=challenge).delete()
    _token, asked = ask_device(
        PasskeyPurpose.CONFIRM, must_verify=False, user_id=challenge.user_id, mfa=challenge
    )
    options, _state = relying_party().authenticate_begin(
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
    except MALFORMED as error:
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
        relying_party().authenticate_complete(taken.state, [known], response)
    except MALFORMED:
        return False
    return True

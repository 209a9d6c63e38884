"""Signing in with a password, and the second factor after it."""

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib import auth
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from smartqueue.accounts import identifiers, queries, tokens
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ChallengePurpose, Channel, Method
from smartqueue.accounts.errors import (
    InvalidCredentials,
    MfaExpired,
    MfaRequired,
    NewFactorAwaited,
    WrongCode,
)
from smartqueue.accounts.events import SecondFactorUsed
from smartqueue.accounts.models import MfaChallenge, User
from smartqueue.accounts.operations import _totp
from smartqueue.accounts.operations._ceremonies import Answer, Taken, take_challenge_of
from smartqueue.accounts.operations._factor_resets import use_factor_reset
from smartqueue.accounts.operations._passkey_sign_in import is_confirmed
from smartqueue.common.db import operation
from smartqueue.common.errors import FieldError, InvalidInput, Problem
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox

CHALLENGE_LIFE = timedelta(minutes=5)
MAX_ATTEMPTS = 5
MAX_PASSWORD = 128


def authenticate(*, identifier: str, password: str, now: datetime) -> User:
    """
    Return the person who knows this password; nobody is signed in yet.

    :raises InvalidInput: the identifier is neither an e-mail address nor a phone number
    :raises InvalidCredentials: unknown, closed, or not the password
    :raises MfaRequired: the password is right; go on with `confirm_second_factor`
    :raises TooManyRequests: with the seconds to wait
    """
    known = identifiers.parse(identifier)
    limits.check("login", identifier=known.value)
    name = "email" if known.channel is Channel.EMAIL else "phone"
    user = (
        auth.authenticate(None, password=password, **{name: known.value})
        if len(password) <= MAX_PASSWORD
        else None
    )
    if not isinstance(user, User):
        raise InvalidCredentials
    limits.forget("login", identifier=known.value)
    require_second_factor(user)
    return user


def require_second_factor(user: User, purpose: ChallengePurpose = ChallengePurpose.SIGN_IN) -> None:
    """
    Let a person pass who has enrolled no second factor.

    :raises MfaRequired: they have; the challenge to answer is open
    :raises NewFactorAwaited: theirs were just removed, and a new one is being added elsewhere
    """
    methods = queries.second_factors_of(user.pk)
    if not methods and purpose is not ChallengePurpose.REAUTHENTICATION:
        if queries.awaits_new_factor(user.pk):
            raise NewFactorAwaited
        return
    if purpose is not ChallengePurpose.SIGN_IN:
        methods = [method for method in methods if method != Method.RESET]
    if methods:
        raise MfaRequired(mfa={"token": _open_challenge(user, purpose), "methods": methods})


def check_password(password: str, user: User) -> None:
    """
    Refuse a password that is easy to guess.

    :raises InvalidInput: naming every rule that it breaks
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            errors=tuple(
                FieldError("password", e.code or "invalid", e.message % (e.params or {}))
                for e in error.error_list
            )
        ) from error


@operation
def _open_challenge(user: User, purpose: ChallengePurpose = ChallengePurpose.SIGN_IN) -> str:
    # As it was when it was proven: a change of password that came between has undone the proof.
    proven = User.objects.filter(pk=user.pk, is_active=True, password=user.password)
    if proven.select_for_update(of=("self",), no_key=True).first() is None:
        raise InvalidCredentials
    token = tokens.make_opaque_token()
    wall = wall_now()
    MfaChallenge.objects.create(
        id=token.id,
        digest=token.digest,
        user=user,
        purpose=purpose,
        created_at=wall,
        expires_at=wall + CHALLENGE_LIFE,
    )
    return token.text


def confirm_second_factor(
    *,
    token: str,
    method: str,
    code: Answer,
    now: datetime,
    purpose: ChallengePurpose = ChallengePurpose.SIGN_IN,
) -> User:
    """
    Return the person whose sign-in this second factor confirms; each code works once.

    For a passkey `code` is what the device signed for `begin_passkey_confirmation`. Call it outside
    a transaction: a wrong answer is counted, then raised.

    :raises MfaExpired: no such sign-in, begun for another purpose, answered already, too old, or
        five wrong answers
    :raises WrongCode: not a code of theirs, or one that was used
    :raises TooManyRequests: with the seconds to wait
    """
    read = tokens.read_opaque_token(token)
    challenge = MfaChallenge.objects.filter(pk=read.id, purpose=purpose).first() if read else None
    if read is None or challenge is None or not hmac.compare_digest(challenge.digest, read.digest):
        raise MfaExpired
    # By person, not by challenge: each right password opens another challenge.
    limits.check("mfa", user=str(challenge.user_id))
    given = Method(method)
    # Used up now, whatever becomes of the answer.
    asked = take_challenge_of(read.id) if given is Method.PASSKEY else None
    outcome = _confirm(read.id, given, code, asked, now=now)
    if isinstance(outcome, Problem):
        raise outcome
    limits.forget("mfa", user=str(challenge.user_id))
    return outcome


@operation
def _confirm(
    challenge_id: UUID,
    method: Method,
    code: Answer,
    asked: Taken | None,
    *,
    now: datetime,
) -> User | Problem:
    challenge = (
        MfaChallenge.objects.select_for_update(of=("self",))
        .select_related("user")
        .get(pk=challenge_id)
    )
    wall = wall_now()
    is_open = challenge.used_at is None and challenge.expires_at > wall
    if not is_open or challenge.attempts >= MAX_ATTEMPTS or not challenge.user.is_active:
        return MfaExpired()
    if not _is_right(challenge, method, code, asked, now=now):
        challenge.attempts += 1
        challenge.save(update_fields=["attempts"])
        return WrongCode()
    challenge.used_at = wall
    challenge.save(update_fields=["used_at"])
    outbox.publish(
        SecondFactorUsed(
            user_id=challenge.user_id,
            method=method.value,
            occurred_at=now,
            actor=f"user:{challenge.user_id}",
        )
    )
    return challenge.user


def _is_right(
    challenge: MfaChallenge,
    method: Method,
    code: Answer,
    asked: Taken | None,
    *,
    now: datetime,
) -> bool:
    user = challenge.user
    if method is Method.PASSKEY:
        return is_confirmed(asked, code, user_id=user.pk, now=now)
    if method is Method.RESET:
        is_sign_in = challenge.purpose == ChallengePurpose.SIGN_IN
        return is_sign_in and isinstance(code, str) and use_factor_reset(user, code, now=now)
    return _is_code_of(user, method, code)


def _is_code_of(user: User, method: Method, code: Answer) -> bool:
    authenticator = (
        Authenticator.objects.select_for_update(of=("self",))
        .filter(user=user, type=method.value)
        .first()
    )
    if authenticator is None or not isinstance(code, str):
        return False
    if method is Method.RECOVERY_CODES:
        is_right: bool = RecoveryCodes(authenticator).validate_code(code)
        return is_right
    return _totp.spend(authenticator, code)

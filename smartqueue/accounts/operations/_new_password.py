"""A new password: from the old one, or from a code for somebody who forgot it."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator

from smartqueue.accounts import policies, queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ChallengePurpose, CodePurpose, EndReason
from smartqueue.accounts.errors import ResetExpired, WrongPassword
from smartqueue.accounts.events import PasswordChanged
from smartqueue.accounts.models import MfaChallenge, User, VerificationCode
from smartqueue.accounts.operations._ceremonies import Answer
from smartqueue.accounts.operations._passwords import (
    MAX_PASSWORD,
    check_password,
    confirm_second_factor,
    require_second_factor,
)
from smartqueue.accounts.operations._sessions import end_sessions_of
from smartqueue.accounts.operations._sign_in_codes import answer_code
from smartqueue.common.db import operation
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox


class _Grants(PasswordResetTokenGenerator):
    """A leave to set a password: for ten minutes (PASSWORD_RESET_TIMEOUT), and once, because it holds
    a digest of the password that it replaces."""

    key_salt = "smartqueue.accounts.password_reset"


_grants = _Grants()


def open_password_reset(*, token: str, code: str, now: datetime) -> str:
    """
    Return a leave to set a new password, for the code that `ask_code` sent.

    :raises WrongCode: not the code, used, or asked for by an identifier without an account
    :raises CodeExpired: too late, or not a token of ours
    :raises TooManyTries: answered wrongly five times
    :raises MfaRequired: it is right; go on with `open_password_reset_with_second_factor`
    :raises TooManyRequests: with the seconds to wait
    """
    user = answer_code(token=token, code=code, purpose=CodePurpose.PASSWORD_RESET)
    require_second_factor(user, ChallengePurpose.PASSWORD_RESET)
    return _grant(user)


def open_password_reset_with_second_factor(
    *, token: str, method: str, code: Answer, now: datetime
) -> str:
    """
    Return a leave to set a new password, for the second factor after the code.

    :raises MfaExpired: no such challenge, answered already, or too old
    :raises WrongCode: not a code of theirs, or one that was used
    :raises TooManyRequests: with the seconds to wait
    """
    return _grant(
        confirm_second_factor(
            token=token,
            method=method,
            code=code,
            now=now,
            purpose=ChallengePurpose.PASSWORD_RESET,
        )
    )


def _grant(user: User) -> str:
    return f"{user.pk}.{_grants.make_token(user)}"


def _of_grant(grant: str) -> tuple[User, str]:
    owner, _, rest = grant.partition(".")
    try:
        user = queries.get_person(UUID(owner))
    except ValueError:
        user = None
    if user is None or not _grants.check_token(user, rest):
        raise ResetExpired
    return user, rest


def reset_password(*, grant: str, password: str, now: datetime) -> None:
    """
    Set a new password, end every session and undo every open code; nobody is signed in by it.

    :raises ResetExpired: not a leave of ours, used, or older than ten minutes
    :raises InvalidInput: the password is easy to guess
    """
    user, rest = _of_grant(grant)
    check_password(password, user)
    _reset(user_id=user.pk, rest=rest, password=make_password(password), now=now)


@operation
def _reset(*, user_id: UUID, rest: str, password: str, now: datetime) -> None:
    # Before the person's row, as whoever answers a code does.
    VerificationCode.objects.filter(user_id=user_id).delete()
    MfaChallenge.objects.filter(user_id=user_id).delete()
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    if not user.is_active or not _grants.check_token(user, rest):
        raise ResetExpired
    # Once more: a sign-in that knew the password before may have asked while this one waited.
    MfaChallenge.objects.filter(user_id=user_id).delete()
    _set(user, password, actor=f"user:{user_id}", is_reset=True, keep=None, now=now)


def change_password(*, actor: Actor, old_password: str, password: str, now: datetime) -> User:
    """
    Set a new password of a person who knows the old one; every other session of theirs ends.

    :raises ReauthenticationNeeded: the sign-in is not recent
    :raises WrongPassword: not the old one
    :raises InvalidInput: the new one is easy to guess
    :raises TooManyRequests: with the seconds to wait
    """
    user = policies.access_user(actor, actor.require_user())
    policies.require_recent_sign_in(actor, now)
    limits.check("reauthenticate", user=str(user.pk))
    if len(old_password) > MAX_PASSWORD or not user.check_password(old_password):
        raise WrongPassword
    limits.forget("reauthenticate", user=str(user.pk))
    check_password(password, user)
    return _change(actor=actor, old=user.password, new=make_password(password), now=now)


@operation
def _change(*, actor: Actor, old: str, new: str, now: datetime) -> User:
    user_id = actor.require_user()
    VerificationCode.objects.filter(user_id=user_id, purpose=CodePurpose.PASSWORD_RESET).delete()
    user = policies.access_user(actor, user_id, lock=True)
    if user.password != old:
        # Another change came first, from the same old one.
        raise WrongPassword
    _set(user, new, actor=actor.label, is_reset=False, keep=actor.session_id, now=now)
    return user


def _set(
    user: User, password: str, *, actor: str, is_reset: bool, keep: UUID | None, now: datetime
) -> None:
    user.password = password
    user.save(update_fields=["password"])
    end_sessions_of(user_id=user.pk, reason=EndReason.PASSWORD, ended_by=actor, now=now, keep=keep)
    outbox.publish(
        PasswordChanged(user_id=user.pk, is_reset=is_reset, occurred_at=now, actor=actor)
    )

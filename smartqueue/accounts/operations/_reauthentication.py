"""Proving once more who one is, before a dangerous change."""

from datetime import datetime

from smartqueue.accounts import policies
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ChallengePurpose
from smartqueue.accounts.errors import MfaExpired, PasskeyRefused, WrongPassword
from smartqueue.accounts.events import SignInConfirmed
from smartqueue.accounts.models import Session
from smartqueue.accounts.operations._ceremonies import Answer, Credential
from smartqueue.accounts.operations._passkey_sign_in import sign_in_with_passkey
from smartqueue.accounts.operations._passwords import (
    MAX_PASSWORD,
    confirm_second_factor,
    require_second_factor,
)
from smartqueue.common.db import operation
from smartqueue.common.errors import NotSignedIn
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox


def reauthenticate(*, actor: Actor, password: str, now: datetime) -> None:
    """
    Take the password of a person who is signed in; their sign-in counts as recent from now on.

    :raises WrongPassword: it is not theirs
    :raises MfaRequired: it is; go on with `reauthenticate_with_second_factor`
    :raises TooManyRequests: with the seconds to wait
    """
    user = policies.access_user(actor, actor.require_user())
    limits.check("reauthenticate", user=str(user.pk))
    if len(password) > MAX_PASSWORD or not user.check_password(password):
        raise WrongPassword
    limits.forget("reauthenticate", user=str(user.pk))
    require_second_factor(user, ChallengePurpose.REAUTHENTICATION)
    note_recent_sign_in(actor=actor, now=now)


def reauthenticate_with_second_factor(
    *, actor: Actor, token: str, method: str, code: Answer, now: datetime
) -> None:
    """
    Take the second factor after the password; the sign-in counts as recent from now on.

    :raises MfaExpired: not a challenge of this person, answered already, or too old
    :raises WrongCode: not a code of theirs, or one that was used
    :raises TooManyRequests: with the seconds to wait
    """
    user = confirm_second_factor(
        token=token,
        method=method,
        code=code,
        now=now,
        purpose=ChallengePurpose.REAUTHENTICATION,
    )
    if user.pk != actor.user_id:
        raise MfaExpired
    note_recent_sign_in(actor=actor, now=now)


def reauthenticate_with_passkey(
    *, actor: Actor, token: str, credential: Credential, now: datetime
) -> None:
    """
    Take a passkey instead of the password; the sign-in counts as recent from now on.

    :raises PasskeyRefused: not an answer to `begin_passkey_sign_in` by a passkey of this person
    :raises TooManyRequests: with the seconds to wait
    """
    user = sign_in_with_passkey(token=token, credential=credential, now=now)
    if user.pk != actor.user_id:
        raise PasskeyRefused
    note_recent_sign_in(actor=actor, now=now)


@operation
def note_recent_sign_in(*, actor: Actor, now: datetime) -> None:
    """
    Let the caller's session count as just signed in; every proof must have been given before.

    :raises NotSignedIn: the caller has no session, or it has ended
    """
    user_id = actor.require_user()
    session_id = actor.session_id
    if session_id is None:
        raise NotSignedIn
    own = Session.objects.filter(pk=session_id, user_id=user_id, ended_at=None)
    if not own.update(authenticated_at=wall_now()):
        raise NotSignedIn
    outbox.publish(
        SignInConfirmed(user_id=user_id, session_id=session_id, occurred_at=now, actor=actor.label)
    )

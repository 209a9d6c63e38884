"""Second factors of a person: the authenticator app, the recovery codes, what a change entails."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.utils import decrypt, encrypt

from smartqueue.accounts import policies, queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import EndReason, Method
from smartqueue.accounts.errors import EnrolmentExpired, NoSecondFactor, WrongCode
from smartqueue.accounts.events import RecoveryCodesMade, SecondFactorAdded, SecondFactorRemoved
from smartqueue.accounts.models import TotpEnrolment, User
from smartqueue.accounts.operations import _totp
from smartqueue.accounts.operations._sessions import end_sessions_of
from smartqueue.common.db import operation
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.outbox import operations as outbox

ENROLMENT_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AppSetup:
    """What an authenticator app needs to know; `uri` is also drawn as a QR code."""

    secret: str
    uri: str
    expires_at: datetime


@operation
def begin_app(*, actor: Actor, now: datetime) -> AppSetup:
    """
    Make the secret for a new authenticator app; it counts once a code of it has come back.

    Beginning again makes another secret. An app that was added before stays until then.

    :raises NotSignedIn: nobody is signed in
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user = own_account(actor, now=now)
    secret = generate_totp_secret()
    expires_at = wall_now() + ENROLMENT_LIFE
    TotpEnrolment.objects.filter(user=user).delete()
    TotpEnrolment.objects.create(
        user=user,
        session_id=_session_of(actor),
        secret=encrypt(secret),
        expires_at=expires_at,
    )
    return AppSetup(secret, get_adapter().build_totp_url(user, secret), expires_at)


@operation
def app_being_added(*, actor: Actor, now: datetime) -> AppSetup:
    """
    Return what `begin_app` gave, to show it again after a wrong code.

    :raises EnrolmentExpired: nothing was begun, or it took too long
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user = own_account(actor, now=now)
    row = _enrolment_of(actor)
    secret = decrypt(row.secret)
    return AppSetup(secret, get_adapter().build_totp_url(user, secret), row.expires_at)


def _session_of(actor: Actor) -> UUID:
    if actor.session_id is None:
        raise NotSignedIn
    return actor.session_id


def _enrolment_of(actor: Actor) -> TotpEnrolment:
    own = TotpEnrolment.objects.filter(user_id=actor.require_user(), session_id=_session_of(actor))
    row = own.filter(expires_at__gt=wall_now()).first()
    if row is None:
        raise EnrolmentExpired
    return row


@operation
def confirm_app(*, actor: Actor, code: str, now: datetime) -> list[str] | None:
    """
    Add the authenticator app that shows this code, in place of an earlier one.

    Return the recovery codes that come with a first second factor, to be shown once. Sessions that
    were begun without this app end, but for the actor's own.

    :raises EnrolmentExpired: nothing was begun, or it took too long
    :raises WrongCode: not a code of the new app
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user = own_account(actor, now=now)
    row = _enrolment_of(actor)
    secret = decrypt(row.secret)
    step = _totp.step_of(secret, code)
    if step is None:
        raise WrongCode
    row.delete()
    earlier = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP)
    is_replacing = bool(earlier.delete()[0])
    app = TOTP.activate(user, secret).instance
    app.data["last_counter"] = step
    app.save(update_fields=["data"])
    if is_replacing:
        end_other_sessions(actor, now=now)
    return after_adding(actor, user, Method.TOTP, now=now)


@operation
def remove_app(*, actor: Actor, now: datetime) -> None:
    """
    Remove the authenticator app; other sessions end, and the recovery codes go with the last factor.

    :raises NotFound: there is none
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user = own_account(actor, now=now)
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()[0]:
        raise NotFound
    after_removing(actor, user, Method.TOTP, now=now)


@operation
def make_recovery_codes(*, actor: Actor, now: datetime) -> list[str]:
    """
    Return new recovery codes, to be shown once; the earlier ones are void.

    :raises NoSecondFactor: there is nothing that they could stand in for
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user = own_account(actor, now=now)
    if not queries.has_second_factor(user.pk):
        raise NoSecondFactor
    return _new_recovery_codes(actor, user, now=now)


def _new_recovery_codes(actor: Actor, user: User, *, now: datetime) -> list[str]:
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    outbox.publish(RecoveryCodesMade(user_id=user.pk, occurred_at=now, actor=actor.label))
    return codes


def own_account(actor: Actor, *, now: datetime) -> User:
    """
    Return the actor's own account, locked, for a change of what confirms its sign-ins.

    :raises NotSignedIn: nobody is signed in
    :raises ReauthenticationNeeded: the sign-in is too long ago
    """
    user_id = actor.require_user()
    policies.require_recent_sign_in(actor, now)
    return policies.access_user(actor, user_id, lock=True)


def after_adding(
    actor: Actor, user: User, method: Method, *, now: datetime, passkey_id: UUID | None = None
) -> list[str] | None:
    """Publish the change; at a first factor end the sessions begun without, and make recovery codes."""
    outbox.publish(
        SecondFactorAdded(
            user_id=user.pk,
            method=method.value,
            passkey_id=passkey_id,
            occurred_at=now,
            actor=actor.label,
        )
    )
    codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES)
    if codes.exists():
        return None
    end_other_sessions(actor, now=now)
    return _new_recovery_codes(actor, user, now=now)


def after_removing(
    actor: Actor, user: User, method: Method, *, now: datetime, passkey_id: UUID | None = None
) -> None:
    """Publish the change, end the other sessions, and drop recovery codes that stand in for nothing."""
    if not queries.has_second_factor(user.pk):
        Authenticator.objects.filter(user=user).delete()
    end_other_sessions(actor, now=now)
    outbox.publish(
        SecondFactorRemoved(
            user_id=user.pk,
            method=method.value,
            passkey_id=passkey_id,
            occurred_at=now,
            actor=actor.label,
        )
    )


def end_other_sessions(actor: Actor, *, now: datetime) -> None:
    """End every session of the actor but the one that acts."""
    end_sessions_of(
        user_id=actor.require_user(),
        reason=EndReason.REVOKED,
        ended_by=actor.label,
        now=now,
        keep=actor.session_id,
    )

"""Sessions: signing in, single-use refresh tokens, signing out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.sessions.models import Session as Cookie
from django.db import connection

from smartqueue.accounts import policies, tokens
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.device import Device, network_of
from smartqueue.accounts.enums import EndReason, SessionKind
from smartqueue.accounts.errors import (
    InvalidCredentials,
    InvalidToken,
    SessionEnded,
    TokenReused,
)
from smartqueue.accounts.events import SessionRevoked, SessionStarted, SignedOutEverywhere
from smartqueue.accounts.models import REFRESH_LIFE, RefreshToken, Session, User
from smartqueue.accounts.tokens import OpaqueToken
from smartqueue.common.db import insert_rows, operation
from smartqueue.common.errors import Problem
from smartqueue.common.ids import new_id
from smartqueue.limits import operations as limits
from smartqueue.outbox import context
from smartqueue.outbox import operations as outbox

SESSION_LIFE = timedelta(days=180)
# A phone that lost the answer asks again; within this time that is no theft.
REUSE_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client keeps, and whose it is."""

    access: str
    refresh: str
    user_id: UUID
    session_id: UUID


@operation
def sign_in(*, user: User, device: Device, now: datetime, continued: Actor | None = None) -> Tokens:
    """
    Start a session of a person who has proven to be themselves.

    `continued` is the caller where the proof was one identifier of theirs only: for a person who
    was signed in already, the new session is no more recent than that one.

    :raises InvalidCredentials: the password was changed or the account closed since the proof
    """
    session = _start(user, SessionKind.TOKENS, device, cookie_key="", now=now)
    if continued and continued.session_id and continued.user_id == user.pk:
        earlier = Session.objects.values_list("authenticated_at", flat=True)
        Session.objects.filter(pk=session.pk).update(
            authenticated_at=earlier.get(pk=continued.session_id)
        )
    return Tokens(
        access=tokens.make_access_token(user.pk, session.pk),
        refresh=_add_refresh_token(session.pk, device),
        user_id=user.pk,
        session_id=session.pk,
    )


@operation
def start_cookie_session(*, user: User, cookie_key: str, device: Device, now: datetime) -> UUID:
    """
    Return the id of a session of the pages, whose cookie Django keeps under `cookie_key`.

    :raises InvalidCredentials: the password was changed or the account closed since the proof
    """
    return _start(user, SessionKind.COOKIE, device, cookie_key=cookie_key, now=now).pk


def _start(
    user: User, kind: SessionKind, device: Device, *, cookie_key: str, now: datetime
) -> Session:
    wall = wall_now()
    earlier = Session.objects.filter(user_id=user.pk)
    is_new_device = earlier.exists() and not earlier.filter(device=device.kind).exists()
    session = Session(
        id=new_id(),
        user_id=user.pk,
        kind=kind.value,
        device_name=device.name,
        device=device.kind,
        network=network_of(context.current.get().address),
        cookie_key=cookie_key,
        authenticated_at=wall,
        created_at=wall,
        last_used_at=wall,
        expires_at=wall + SESSION_LIFE,
        end_reason="",
    )
    # Another password or an erasure that came after the proof has ended every session; this one
    # waits for it here, and must not outlive it.
    proven = User.objects.filter(pk=user.pk, is_active=True, password=user.password)
    if not proven.update(last_login=wall):
        raise InvalidCredentials
    insert_rows([session])
    outbox.publish(
        SessionStarted(
            user_id=user.pk,
            session_id=session.pk,
            kind=kind.value,
            is_new_device=is_new_device,
            occurred_at=now,
            actor=f"user:{user.pk}",
        )
    )
    return session


def _add_refresh_token(session_id: UUID, device: Device) -> str:
    token = tokens.make_opaque_token()
    wall = wall_now()
    row = RefreshToken(
        id=token.id,
        digest=token.digest,
        session_id=session_id,
        device=device.fingerprint,
        created_at=wall,
        expires_at=wall + REFRESH_LIFE,
    )
    insert_rows([row])
    return token.text


# The condition on used_at is the whole of single use: whoever comes second waits for the row,
# looks at it again, and finds nothing.
_SPEND = """
    UPDATE accounts_refreshtoken AS t SET used_at = %(wall)s
    FROM accounts_session AS s JOIN accounts_user AS u ON u.id = s.user_id
    WHERE t.id = %(id)s AND t.digest = %(digest)s AND t.used_at IS NULL
      AND t.expires_at > %(wall)s AND s.id = t.session_id
      AND s.ended_at IS NULL AND s.expires_at > %(wall)s AND u.is_active
    RETURNING t.session_id, s.user_id
"""


def refresh_tokens(*, refresh: str, device: Device, now: datetime) -> Tokens:
    """
    Exchange a refresh token for its one successor and a new access token.

    Call it outside a transaction: a stolen token ends its session, then is refused.

    :raises TokenReused: it was exchanged before; unless that was within ten seconds on the same
        device, its session has ended now
    :raises SessionEnded: its session is over
    :raises InvalidToken: unknown or expired
    :raises TooManyRequests: with the seconds to wait
    """
    read = tokens.read_opaque_token(refresh)
    limits.check("refresh", token=str(read.id) if read else "")
    if read is None:
        raise InvalidToken
    outcome = _rotate(read, device, now=now)
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


@operation
def _rotate(read: OpaqueToken, device: Device, *, now: datetime) -> Tokens | Problem:
    wall = wall_now()
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, {"id": read.id, "digest": read.digest, "wall": wall})
        spent = cursor.fetchone()
    if spent is None:
        return _refusal(read, device, wall=wall, now=now)
    session_id, user_id = spent
    refresh = _add_refresh_token(session_id, device)
    Session.objects.filter(pk=session_id).update(last_used_at=wall)
    return Tokens(tokens.make_access_token(user_id, session_id), refresh, user_id, session_id)


def _refusal(read: OpaqueToken, device: Device, *, wall: datetime, now: datetime) -> Problem:
    row = (
        RefreshToken.objects.select_related("session")
        .filter(pk=read.id, digest=read.digest)
        .first()
    )
    if row is None:
        return InvalidToken()
    if row.used_at is not None:
        is_lost_answer = (
            wall - row.used_at <= REUSE_GRACE and bytes(row.device) == device.fingerprint
        )
        if not is_lost_answer:
            end_session(
                session_id=row.session_id,
                reason=EndReason.TOKEN_REUSED,
                ended_by=f"user:{row.session.user_id}",
                now=now,
            )
        return TokenReused()
    return InvalidToken() if row.expires_at <= wall else SessionEnded()


@operation
def sign_out(*, refresh: str, now: datetime) -> None:
    """End the session of a refresh token; what is unknown or over already stays as it is."""
    read = tokens.read_opaque_token(refresh)
    if read is None:
        return
    row = (
        RefreshToken.objects.select_related("session")
        .filter(pk=read.id, digest=read.digest)
        .first()
    )
    if row is not None:
        end_session(
            session_id=row.session_id,
            reason=EndReason.SIGNED_OUT,
            ended_by=f"user:{row.session.user_id}",
            now=now,
        )


@operation
def end_session(*, session_id: UUID, reason: EndReason, ended_by: str, now: datetime) -> bool:
    """
    End a session at once: its tokens, its cookie and, through the event, its sockets.

    Return False when it was over already or never was. `ended_by` is an actor's label.
    """
    session = (
        Session.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk=session_id, ended_at=None)
        .first()
    )
    if session is None:
        return False
    session.ended_at = wall_now()
    session.end_reason = reason
    session.save(update_fields=["ended_at", "end_reason"])
    if session.cookie_key:
        Cookie.objects.filter(session_key=session.cookie_key).delete()
    outbox.publish(
        SessionRevoked(
            user_id=session.user_id,
            session_id=session.pk,
            reason=reason.value,
            occurred_at=now,
            actor=ended_by,
        )
    )
    return True


@operation
def end_cookie_session(*, session_id: UUID, now: datetime) -> None:
    """End the session of a person who signs out of the pages."""
    owner = Session.objects.filter(pk=session_id).values_list("user_id", flat=True).first()
    end_session(
        session_id=session_id, reason=EndReason.SIGNED_OUT, ended_by=f"user:{owner}", now=now
    )


@operation
def end_sessions_of(
    *, user_id: UUID, reason: EndReason, ended_by: str, now: datetime, keep: UUID | None = None
) -> int:
    """End every session of a person but `keep`; return how many there were."""
    alive = Session.objects.filter(user_id=user_id, ended_at=None).order_by("pk")
    ended = [
        end_session(session_id=pk, reason=reason, ended_by=ended_by, now=now)
        for pk in alive.values_list("pk", flat=True)
        if pk != keep
    ]
    return sum(ended)


@operation
def end_own_session(*, actor: Actor, session_id: UUID, now: datetime) -> None:
    """
    End one session of the caller: this one, or one on another device.

    :raises NotFound: unknown, over, or somebody else's
    :raises ReauthenticationNeeded: it is another device's, and the sign-in is not recent
    """
    session = policies.access_session(actor, session_id)
    is_this = session.pk == actor.session_id
    if not is_this:
        policies.require_recent_sign_in(actor, now)
    end_session(
        session_id=session.pk,
        reason=EndReason.SIGNED_OUT if is_this else EndReason.REVOKED,
        ended_by=actor.label,
        now=now,
    )


@operation
def sign_out_everywhere(*, actor: Actor, keep_current: bool, now: datetime) -> int:
    """
    End every session of the caller, or all but this one; return how many.

    :raises ReauthenticationNeeded: the sign-in is not recent
    """
    user_id = actor.require_user()
    policies.require_recent_sign_in(actor, now)
    ended = end_sessions_of(
        user_id=user_id,
        reason=EndReason.REVOKED,
        ended_by=actor.label,
        now=now,
        keep=actor.session_id if keep_current else None,
    )
    outbox.publish(
        SignedOutEverywhere(user_id=user_id, ended_count=ended, occurred_at=now, actor=actor.label)
    )
    return ended

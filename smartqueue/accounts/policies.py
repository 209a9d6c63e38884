"""Who may see and change an account."""

from datetime import datetime, timedelta
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.errors import ReauthenticationNeeded
from smartqueue.accounts.models import Session, User
from smartqueue.common.errors import NotFound

RECENT = timedelta(minutes=10)


def access_user(actor: Actor, user_id: UUID, *, lock: bool = False) -> User:
    """
    Return an open account that is the actor's own, or any to a platform administrator.

    :raises NotFound: unknown, not proven yet, erased, or somebody else's
    """
    if actor.user_id != user_id and not actor.is_platform_admin:
        raise NotFound
    rows = User.objects.filter(pk=user_id, is_active=True)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    user = rows.first()
    if user is None:
        raise NotFound
    return user


def require_recent_sign_in(actor: Actor, now: datetime) -> None:
    """
    Let pass only who has proven within ten minutes who they are, with every factor they have:
    for changes that would let a thief of an open session keep the account.

    The system's own work passes. A caller without a session of their own never does.

    :raises ReauthenticationNeeded: longer ago; go on with `operations.reauthenticate`
    """
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.session_id is None or actor.user_id is None:
        raise ReauthenticationNeeded
    own = Session.objects.filter(pk=actor.session_id, user_id=actor.user_id, ended_at=None)
    if not own.filter(authenticated_at__gt=wall_now() - RECENT).exists():
        raise ReauthenticationNeeded

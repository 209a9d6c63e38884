"""Who may see and change an account."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.common.errors import NotFound


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

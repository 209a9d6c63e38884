"""Whose page an address opens that holds a device's token."""

from uuid import UUID

from smartqueue.accounts import ports
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.common.errors import NotFound


def device_of(token: str, kind: ActorKind) -> tuple[Actor, UUID]:
    """
    Return the device of a kind that a token proves, and its branch.

    :raises NotFound: unknown, revoked, or a device of another kind
    """
    actor = ports.devices().actor_of(token)
    if actor is None or actor.kind is not kind or actor.branch_id is None:
        raise NotFound
    return actor, actor.branch_id

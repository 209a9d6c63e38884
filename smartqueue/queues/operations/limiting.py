"""How many tickets one phone, device, account or network may take."""

import functools
from typing import NamedTuple
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.business.enums import Ability
from smartqueue.business.policies import can
from smartqueue.common.errors import TooManyRequests
from smartqueue.limits import operations as limits
from smartqueue.queues import queries
from smartqueue.queues.errors import TooManyTickets


class _Where(NamedTuple):
    organization_id: UUID
    branch_id: UUID


@functools.lru_cache(maxsize=4096)
def _where(queue_id: UUID) -> _Where:
    """Return a queue's place, which it never leaves."""
    queue = queries.get_queue(queue_id)
    return _Where(queue.organization_id, queue.branch_id)


def count_joining(
    *,
    actor: Actor,
    queue_id: UUID,
    phone: str = "",
    device: str = "",
    once: str = "",
    people: int = 1,
) -> None:
    """
    Count the tickets that somebody is about to take; call it before `issue_ticket`'s transaction.

    Kiosks and the staff of the branch take tickets for everybody and are not counted. `phone` is
    E.164 and counts for the branch; the same `once` again is a retry.

    :raises NotFound: unknown queue
    :raises TooManyTickets: with the seconds to wait
    """
    where = _where(queue_id)
    if actor.kind is ActorKind.KIOSK:
        return
    if actor.user_id and can(actor, where.organization_id, Ability.SERVE, where.branch_id):
        return
    try:
        limits.check(
            "join",
            once=f"{actor.label} {once}" if once else "",
            cost=people,
            account=str(actor.user_id) if actor.user_id else None,
            phone=f"{where.branch_id} {phone}" if phone else None,
            device=device,
        )
    except TooManyRequests as error:
        raise TooManyTickets(error.detail, retry_after=error.retry_after) from error

"""Platform staff with somebody's account: for a reason, for an hour, in that person's sight."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import policies, queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.errors import AccountAccessOpen
from smartqueue.accounts.events import AccountAccessClosed, AccountAccessOpened
from smartqueue.accounts.models import ACCOUNT_ACCESS_LIFE, AccountAccess
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.outbox import operations as outbox

SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 300


@operation
def open_account_access(
    *, actor: Actor, whose: UUID | str, reason: str, now: datetime
) -> AccountAccess:
    """
    Let a platform administrator read, change and erase somebody's account for an hour; the person
    is told, with the reason.

    :param whose: the account's id, or the e-mail address or phone number that it is known by
    :raises NotFound: unknown, the actor's own, or the actor is no platform administrator
    :raises InvalidInput: a reason of less than ten characters or a very long one, or what is no
        identifier
    :raises AccountAccessOpen: the actor has access already
    """
    user = policies.access_user_to_open(actor, whose)
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise InvalidInput.on("reason", _("Say in a sentence why; the person reads it."), "length")
    admin_id = actor.require_user()
    if queries.open_accesses(admin_id).filter(user=user).exists():
        raise AccountAccessOpen
    opened_at = wall_now()
    access = AccountAccess.objects.create(
        user=user,
        admin_id=admin_id,
        reason=reason,
        opened_at=opened_at,
        expires_at=opened_at + ACCOUNT_ACCESS_LIFE,
    )
    outbox.publish(
        AccountAccessOpened(
            user_id=user.pk,
            account_access_id=access.pk,
            admin_id=admin_id,
            expires_at=access.expires_at,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return access


@operation
def close_account_access(*, actor: Actor, access_id: UUID, now: datetime) -> AccountAccess:
    """
    End an open access before its time; its administrator may, and the person whose account it is.

    :raises NotFound: unknown, over, or not the actor's
    """
    access = policies.access_account_access(actor, access_id)
    access.closed_at = wall_now()
    access.save(update_fields=["closed_at"])
    outbox.publish(
        AccountAccessClosed(
            user_id=access.user_id,
            account_access_id=access.pk,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return access

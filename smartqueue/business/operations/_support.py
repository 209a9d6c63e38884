"""Platform staff inside an organization: for a reason, for a while, in the owners' sight."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.business import policies
from smartqueue.business.errors import SupportAlreadyOpen
from smartqueue.business.events import SupportClosed, SupportOpened
from smartqueue.business.models import LONGEST_SUPPORT, SupportAccess
from smartqueue.business.operations._checks import check
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.outbox import operations as outbox
from smartqueue.realtime import operations as realtime

SHORTEST_REASON: Final = 10


@operation
def open_support_access(
    *, actor: Actor, organization_id: UUID, reason: str, minutes: int, now: datetime
) -> SupportAccess:
    """
    Let a platform administrator act as an owner in an organization for at most four hours; its
    owners are told, with the reason.

    :raises NotFound: unknown organization, or the actor is no platform administrator
    :raises InvalidInput: a reason of less than ten characters, or too long a time
    :raises SupportAlreadyOpen: the actor is in there already
    """
    organization = policies.access_supported_organization(actor, organization_id)
    reason = " ".join(reason.split())
    if len(reason) < SHORTEST_REASON:
        raise InvalidInput.on("reason", _("Say in a sentence why; the owners read it."), "short")
    lasts = timedelta(minutes=minutes)
    if not timedelta() < lasts <= LONGEST_SUPPORT:
        raise InvalidInput.on("minutes", _("At most four hours at a time."), "out_of_range")
    own = SupportAccess.objects.filter(admin=actor.require_user(), closed_at=None)
    if own.filter(expires_at__gt=now).exists():
        raise SupportAlreadyOpen
    access = SupportAccess(
        organization=organization,
        admin_id=actor.require_user(),
        reason=reason,
        opened_at=now,
        expires_at=now + lasts,
    )
    check(access)
    access.save(force_insert=True)
    _look_again(actor, access)
    outbox.publish(
        SupportOpened(
            organization_id=organization.pk,
            support_access_id=access.pk,
            user_id=access.admin_id,
            expires_at=access.expires_at,
            subject_version=1,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return access


@operation
def close_support_access(*, actor: Actor, access_id: UUID, now: datetime) -> SupportAccess:
    """
    End an open support access before its time; its administrator may, and every owner.

    :raises NotFound: unknown, ended, or not the actor's
    """
    access = policies.access_support(actor, access_id)
    access.closed_at = now
    access.save(update_fields=["closed_at"])
    _look_again(actor, access)
    outbox.publish(
        SupportClosed(
            organization_id=access.organization_id,
            support_access_id=access.pk,
            user_id=access.admin_id,
            subject_version=2,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return access


def _look_again(actor: Actor, access: SupportAccess) -> None:
    actor.forget_memberships()
    realtime.review_user_after_commit(access.admin_id)

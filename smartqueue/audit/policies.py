"""Who reads the journal: the owners of an organization, and platform staff with a reason."""

from datetime import datetime
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Role
from smartqueue.audit import ports
from smartqueue.audit.errors import ReasonNeeded
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound

READERS = frozenset({Role.OWNER})


def access_journal(actor: Actor, organization_id: UUID, now: datetime) -> None:
    """
    Let an owner, or platform staff whose support access is open, read one organization's journal;
    narrows the scope to it.

    :raises NotFound: not an owner of it
    :raises ReasonNeeded: platform staff without open support access
    """
    if not actor.has_role(organization_id, READERS):
        if not actor.is_platform_admin:
            raise NotFound
        if not ports.has_support_access(actor.require_user(), organization_id, now):
            raise ReasonNeeded
    tenancy.enter(organization_id)

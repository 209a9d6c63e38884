"""Who reads the journal: the owners of an organization, and platform staff with a reason."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Role
from smartqueue.audit.errors import ReasonNeeded
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound

READERS = frozenset({Role.OWNER})


def access_journal(actor: Actor, organization_id: UUID) -> None:
    """
    Let an owner read one organization's journal, and narrow the scope to it; open support access,
    which has its reason, is an owner's role.

    :raises NotFound: not an owner of it
    :raises ReasonNeeded: platform staff without open support access
    """
    if not actor.has_role(organization_id, READERS):
        raise ReasonNeeded if actor.is_platform_admin else NotFound
    tenancy.enter(organization_id)

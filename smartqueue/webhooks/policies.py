"""An organization's webhooks are set up by who manages it as a whole; unknown and forbidden are one."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.policies import access_organization, require
from smartqueue.common.errors import NotFound
from smartqueue.webhooks.models import Endpoint, Message


def managed_organizations(actor: Actor) -> list[UUID]:
    """
    Return the organizations that the actor manages as a whole.

    :raises NotSignedIn: nobody is signed in
    """
    actor.require_user()
    managing = ROLES_WITH[Ability.MANAGE]
    return [
        m.organization_id
        for m in actor.memberships
        if m.branch_ids is None and actor.has_role(m.organization_id, managing)
    ]


def access_webhooks(actor: Actor, organization_id: UUID, *, lock: bool = False) -> None:
    """
    Enter a live organization whose webhooks the actor sets up; locked, nobody else does meanwhile.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, closed, or not managed by the actor
    """
    actor.require_user()
    access_organization(actor, organization_id, Ability.MANAGE, lock=lock)


def access_endpoint(actor: Actor, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    """
    Return an endpoint of an organization that the actor manages.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or another's
    """
    actor.require_user()
    rows = Endpoint.objects.with_scopes_disabled().filter(pk=endpoint_id)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    endpoint: Endpoint | None = rows.first()
    if endpoint is None:
        raise NotFound
    require(actor, endpoint.organization_id, Ability.MANAGE)
    return endpoint


def access_message(actor: Actor, message_id: UUID, *, lock: bool = False) -> Message:
    """
    Return a message with its endpoint, of an organization that the actor manages; locked, the
    endpoint is too, and first.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or another's
    """
    actor.require_user()
    rows = Message.objects.with_scopes_disabled().filter(pk=message_id)
    endpoint_id = rows.values_list("endpoint_id", flat=True).first()
    if endpoint_id is None:
        raise NotFound
    endpoint = access_endpoint(actor, endpoint_id, lock=lock)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    message: Message | None = rows.first()
    if message is None:
        raise NotFound
    message.endpoint = endpoint
    return message

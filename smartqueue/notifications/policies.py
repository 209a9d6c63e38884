"""A notification is its person's; an organization's messages are seen and sent by who manages it."""

from typing import Final
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Role
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.notifications.models import Batch, Notification, OutgoingMessage, PushToken

MANAGING: Final = frozenset({Role.OWNER, Role.MANAGER})


def access_notification(actor: Actor, notification_id: UUID) -> Notification:
    """
    Return a notification of the actor's own.

    :raises NotFound: unknown, or somebody else's
    """
    notification = Notification.objects.filter(
        pk=notification_id, user_id=actor.require_user()
    ).first()
    if notification is None:
        raise NotFound
    return notification


def managed_organizations(actor: Actor) -> list[UUID]:
    """
    Return the organizations that the actor manages as a whole.

    :raises NotSignedIn: nobody is signed in
    """
    actor.require_user()
    held = actor.memberships
    return [m.organization_id for m in held if m.role in MANAGING and m.branch_ids is None]


def access_messages(actor: Actor, organization_id: UUID) -> None:
    """
    Enter an organization whose messages the actor sees and sends.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or not managed by the actor
    """
    actor.require_user()
    if not actor.has_role(organization_id, MANAGING):
        raise NotFound
    tenancy.enter(organization_id)


def access_message(actor: Actor, message_id: UUID) -> OutgoingMessage:
    """
    Return a message of an organization that the actor manages.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or another's
    """
    actor.require_user()
    message = OutgoingMessage.objects.filter(pk=message_id, organization_id__isnull=False).first()
    if message is None or message.organization_id is None:
        raise NotFound
    access_messages(actor, message.organization_id)
    return message


def access_batch(actor: Actor, batch_id: UUID, *, lock: bool = False) -> Batch:
    """
    Return a batch of an organization that the actor manages.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or another's
    """
    actor.require_user()
    rows = Batch.objects.with_scopes_disabled().filter(pk=batch_id)
    batch: Batch | None = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if batch is None:
        raise NotFound
    access_messages(actor, batch.organization_id)
    return batch


def access_providers(actor: Actor) -> list[UUID] | None:
    """
    Return whose messages the actor sees providers by: those of the organizations that it manages;
    None for platform staff, who see all of them, and what the accounts at providers still have.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: manages nothing
    """
    actor.require_user()
    if actor.is_platform_admin:
        return None
    managed = managed_organizations(actor)
    if not managed:
        raise NotFound
    return managed


def access_push_token(actor: Actor, push_token_id: UUID) -> PushToken:
    """
    Return a phone of the actor's own.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or somebody else's
    """
    row = PushToken.objects.filter(pk=push_token_id, user_id=actor.require_user()).first()
    if row is None:
        raise NotFound
    return row


def access_browsers(actor: Actor) -> dict[str, UUID]:
    """
    Return whose browsers the actor adds and removes: those of the ticket held, or of the account.

    :raises NotSignedIn: holds no ticket, and nobody is signed in
    """
    if actor.ticket_id is not None:
        return {"ticket_id": actor.ticket_id}
    if actor.user_id is None:
        raise NotSignedIn
    return {"user_id": actor.user_id}

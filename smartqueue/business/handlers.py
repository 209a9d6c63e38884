"""Reactions: invitations meet accounts, and people are told where they have become members."""

from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.enums import Role
from smartqueue.accounts.events import UserErased, UserVerified
from smartqueue.business import operations, queries
from smartqueue.business.events import (
    InvitationAccepted,
    InvitationResent,
    InvitationSent,
    MemberInvited,
    MemberJoined,
    SupportOpened,
)
from smartqueue.business.models import Invitation, Organization, SupportAccess
from smartqueue.notifications import operations as notification_operations
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.events import Event
from smartqueue.outbox.registry import subscribe

INVITATION = "business_invitation"
INVITATION_ACCEPTED = "business_invitation_accepted"
MEMBER_JOINED = "business_member_joined"
SUPPORT_OPENED = "business_support_opened"

register_text(
    INVITATION,
    subject=_("%(organization)s invites you"),
    body=_(
        "%(organization)s invites you to work with them on SmartQueue (%(role)s). "
        "Open your account with this address or number, and you are in: %(link)s"
    ),
)
register_text(
    INVITATION_ACCEPTED,
    subject=_("An invitation to %(organization)s was accepted"),
    body=_("Somebody you invited has joined %(organization)s. See who under Members."),
)
register_text(
    SUPPORT_OPENED,
    subject=_("SmartQueue support has access to %(organization)s"),
    body=_(
        "A member of the SmartQueue staff opened access to %(organization)s. "
        "The reason given: %(reason)s You see it under Support access, and can end it there."
    ),
)
register_text(
    MEMBER_JOINED,
    subject=_("You now belong to %(organization)s"),
    body=_("You are a member of %(organization)s on SmartQueue. Sign in again to see your tools."),
)


@subscribe(MemberInvited, InvitationResent)
def on_member_invited_send(event: InvitationSent) -> None:
    """Send the invitation, unless its person has proven the identifier in the meantime."""
    invitation = (
        Invitation.objects.with_scopes_disabled()
        .select_related("organization")
        .filter(pk=event.invitation_id, accepted_at=None)
        .first()
    )
    if invitation is None or operations.accept_if_known(
        invitation_id=invitation.pk, now=event.occurred_at
    ):
        return
    with translation.override(invitation.language):
        role = str(Role(invitation.role).label)
    channel = Channel.EMAIL if "@" in invitation.identifier else Channel.SMS
    token = operations.invitation_token(invitation)
    notification_operations.send_message(
        channel=channel,
        recipient=invitation.identifier,
        template=INVITATION,
        context={
            "organization": invitation.organization.name,
            "role": role,
            "link": f"{settings.PUBLIC_URL}/register/?invitation={token}",
        },
        language=invitation.language,
        dedupe_key=f"invitation:{token}",
        now=event.occurred_at,
        expires_at=invitation.expires_at,
    )


@subscribe(MemberJoined)
def on_member_joined_tell(event: MemberJoined) -> None:
    """Tell a person whom somebody else made a member."""
    if event.actor == f"user:{event.user_id}" or event.organization_id is None:
        return
    organization = Organization.objects.only("name").get(pk=event.organization_id)
    notification_operations.notify(
        user_id=event.user_id,
        code=MEMBER_JOINED,
        data={
            "organization_id": str(organization.pk),
            "organization": organization.name,
            "role": event.role,
        },
        dedupe_key=f"member:{event.membership_id}",
        now=event.occurred_at,
        organization_id=organization.pk,
    )


@subscribe(InvitationAccepted)
def on_invitation_accepted_tell_owners(event: InvitationAccepted) -> None:
    """Tell every owner, but one who has just become one by it."""
    _tell_owners(event, INVITATION_ACCEPTED, f"accepted:{event.invitation_id}", but=event.user_id)


@subscribe(SupportOpened)
def on_support_opened_tell_owners(event: SupportOpened) -> None:
    """Tell every owner who let themselves in, and why."""
    access = SupportAccess.objects.with_scopes_disabled().get(pk=event.support_access_id)
    key = f"support:{event.support_access_id}"
    _tell_owners(event, SUPPORT_OPENED, key, but=event.user_id, reason=access.reason)


def _tell_owners(event: Event, code: str, key: str, but: UUID, **facts: str) -> None:
    assert event.organization_id is not None  # noqa: S101  # these events belong to one
    organization = Organization.objects.only("name").get(pk=event.organization_id)
    for owner in queries.owners_of(organization.pk):
        if owner != but:
            notification_operations.notify(
                user_id=owner,
                code=code,
                data={
                    "organization_id": str(organization.pk),
                    "organization": organization.name,
                    **facts,
                },
                dedupe_key=key,
                now=event.occurred_at,
                organization_id=organization.pk,
            )


@subscribe(UserVerified)
def on_user_verified_accept_invitations(event: UserVerified) -> None:
    operations.accept_open_invitations(user_id=event.user_id, now=event.occurred_at)


@subscribe(UserErased)
def on_user_erased_leave(event: UserErased) -> None:
    operations.remove_erased_person(user_id=event.user_id, now=event.occurred_at)

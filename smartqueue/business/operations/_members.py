"""Who works in an organization: joining, being invited, changing role, leaving."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.accounts.enums import Language, Role
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import User
from smartqueue.business import policies, queries
from smartqueue.business.errors import (
    AlreadyMember,
    InvitationForAnother,
    InvitationOver,
    LastOwner,
    SentJustNow,
    SentTooOften,
)
from smartqueue.business.events import (
    InvitationAccepted,
    InvitationResent,
    InvitationWithdrawn,
    MemberChanged,
    MemberInvited,
    MemberJoined,
    MemberRemoved,
)
from smartqueue.business.models import Branch, Invitation, Membership, Organization
from smartqueue.business.policies import StaffRight
from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn
from smartqueue.outbox import operations as outbox
from smartqueue.realtime import operations as realtime

INVITATION_LIFE: Final = timedelta(days=7)
RESEND_AFTER: Final = timedelta(minutes=1)
MOST_SENT: Final = 5
_UUID_BYTES: Final = 16


def invitation_token(invitation: Invitation) -> str:
    """Return the token of an invitation's message; a renewed invitation has another."""
    mac = hmac.digest(
        settings.TOKEN_KEY.encode(),
        b"invitation" + invitation.pk.bytes + invitation.expires_at.isoformat().encode(),
        hashlib.sha256,
    )
    return base64.urlsafe_b64encode(invitation.pk.bytes + mac[:_UUID_BYTES]).decode().rstrip("=")


def _invitation_id_of(token: str) -> UUID:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return UUID(bytes=raw[:_UUID_BYTES])
    except (ValueError, UnicodeError) as error:
        raise NotFound from error


def _account_of(identifier: Identifier) -> User | None:
    column = "email" if "@" in identifier.value else "phone"
    found: User | None = (
        get_user_model().objects.filter(**{column: identifier.value}, is_active=True).first()
    )
    return found


def _checked_branches(right: StaffRight, role: Role, branches: Sequence[UUID]) -> frozenset[UUID]:
    if role == Role.OWNER and not right.is_owner:
        raise InvalidInput.on("role", _("Only an owner can make somebody owner."), "owner_only")
    wanted = frozenset(branches)
    if role == Role.OWNER and wanted:
        raise InvalidInput.on("branches", _("An owner reaches every branch: name none."))
    if not right.covers(wanted):
        raise InvalidInput.on(
            "branches", _("Name branches that you manage yourself."), "out_of_reach"
        )
    known = Branch.objects.filter(
        pk__in=wanted, organization=right.organization, closed_at=None
    ).count()
    if known != len(wanted):
        raise InvalidInput.on("branches", _("One of these branches does not exist."), "unknown")
    return wanted


def _limit(row: Membership | Invitation, branches: frozenset[UUID]) -> None:
    through = type(row).branches.through
    owner = f"{type(row)._meta.model_name}_id"
    through.objects.filter(**{owner: row.pk}).delete()
    through.objects.bulk_create(
        through(**{owner: row.pk, "branch_id": branch_id}) for branch_id in sorted(branches)
    )


def _join(
    organization_id: UUID,
    user_id: UUID,
    role: str,
    branches: frozenset[UUID],
    actor: Actor,
    now: datetime,
) -> Membership:
    membership: Membership = Membership.objects.create(
        organization_id=organization_id, user_id=user_id, role=role, created_at=now
    )
    _limit(membership, branches)
    realtime.review_user_after_commit(user_id)
    outbox.publish(
        MemberJoined(
            organization_id=organization_id,
            membership_id=membership.pk,
            user_id=user_id,
            role=role,
            subject_version=1,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return membership


def _invite(
    right: StaffRight,
    identifier: str,
    role: Role,
    branches: frozenset[UUID],
    actor: Actor,
    now: datetime,
) -> Invitation:
    open_one = Invitation.objects.filter(identifier=identifier, accepted_at=None).first()
    invitation = open_one or Invitation(organization=right.organization, identifier=identifier)
    if open_one and open_one.role == Role.OWNER and not right.is_owner:
        raise AlreadyMember(_("An owner has already invited this person."))
    invitation.role = role
    invitation.invited_by_id = actor.user_id
    invitation.language = (
        actor.language if actor.language in Language.values else Language.FRENCH.value
    )
    invitation.created_at = invitation.sent_at = now
    invitation.times_sent = 1
    invitation.expires_at = now + INVITATION_LIFE
    invitation.save()
    _limit(invitation, branches)
    outbox.publish(
        MemberInvited(
            organization_id=right.organization.pk,
            invitation_id=invitation.pk,
            subject_version=1,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return invitation


@operation
def add_member(
    *,
    actor: Actor,
    organization_id: UUID,
    identifier: str,
    role: Role,
    branches: Sequence[UUID] = (),
    now: datetime,
) -> Membership | Invitation:
    """
    Give a person a role, at some branches or (none named) all: an account joins at once and is
    told, anybody else is invited and joins when their account has proven the identifier.

    :raises NotFound: unknown organization, or the actor manages nothing there
    :raises InvalidInput: wrong identifier, role or branches
    :raises AlreadyMember: the person has a role there
    """
    known_as = identifiers.parse(identifier)
    right = policies.access_staff(actor, organization_id, lock=True)
    reached = _checked_branches(right, role, branches)
    known = _account_of(known_as)
    user = policies.open_account(known.pk) if known else None
    if user is None:
        return _invite(right, known_as.value, role, reached, actor, now)
    if Membership.objects.filter(user=user).exists():
        raise AlreadyMember
    return _join(right.organization.pk, user.pk, role, reached, actor, now)


def _refuse_last_owner(membership: Membership) -> None:
    others = Membership.objects.filter(
        organization=membership.organization_id, role=Role.OWNER, user__is_active=True
    ).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise LastOwner


def _look_again(actor: Actor, user_id: UUID) -> None:
    """Let a changed role count at once: in this request, and on the person's open sockets."""
    actor.forget_memberships()
    realtime.review_user_after_commit(user_id)


@operation
def change_member(
    *,
    actor: Actor,
    membership_id: UUID,
    role: Role | None = None,
    branches: Sequence[UUID] | None = None,
    now: datetime,
) -> Membership:
    """
    Change a member's role, branches, or both; None leaves one as it is.

    :raises NotFound: unknown, or outside the actor's reach
    :raises InvalidInput: wrong role or branches
    :raises LastOwner: nobody would own the organization any more
    """
    membership, right = policies.access_membership(actor, membership_id)
    wanted_role = Role(membership.role) if role is None else role
    present = policies.branches_of(membership)
    wanted = tuple(present) if branches is None else branches
    if role == Role.OWNER and branches is None:
        wanted = ()
    reached = _checked_branches(right, wanted_role, wanted)
    if wanted_role != Role.OWNER:
        _refuse_last_owner(membership)
    elif policies.open_account(membership.user_id) is None:
        raise NotFound
    if (wanted_role, reached) == (membership.role, present):
        return membership
    membership.role = wanted_role
    membership.version += 1
    membership.save(update_fields=["role", "version"])
    _limit(membership, reached)
    _look_again(actor, membership.user_id)
    outbox.publish(
        MemberChanged(
            organization_id=right.organization.pk,
            membership_id=membership.pk,
            user_id=membership.user_id,
            role=wanted_role,
            subject_version=membership.version,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return membership


@operation
def remove_member(*, actor: Actor, membership_id: UUID, now: datetime) -> None:
    """
    Take a person out of an organization; anybody may leave by themselves.

    :raises NotFound: unknown, or neither within the actor's reach nor their own
    :raises LastOwner: nobody would own the organization any more
    """
    try:
        membership = policies.access_own_membership(actor, membership_id)
    except NotFound:
        membership, _right = policies.access_membership(actor, membership_id)
    _refuse_last_owner(membership)
    gone = MemberRemoved(
        organization_id=membership.organization_id,
        membership_id=membership.pk,
        user_id=membership.user_id,
        subject_version=membership.version + 1,
        occurred_at=now,
        actor=actor.label,
    )
    membership.delete()
    _look_again(actor, gone.user_id)
    outbox.publish(gone)


@operation
def resend_invitation(*, actor: Actor, invitation_id: UUID, now: datetime) -> Invitation:
    """
    Send an invitation again with a new term and a new link; the link sent before is void.

    :raises NotFound: unknown, accepted, or outside the actor's reach
    :raises SentJustNow: sent less than a minute ago
    :raises SentTooOften: sent five times
    """
    invitation = policies.access_invitation(actor, invitation_id)
    if invitation.sent_at is not None and now - invitation.sent_at < RESEND_AFTER:
        raise SentJustNow
    if invitation.times_sent >= MOST_SENT:
        raise SentTooOften
    invitation.times_sent += 1
    invitation.sent_at = now
    invitation.expires_at = now + INVITATION_LIFE
    invitation.save(update_fields=["times_sent", "sent_at", "expires_at"])
    outbox.publish(
        InvitationResent(
            organization_id=invitation.organization_id,
            invitation_id=invitation.pk,
            subject_version=invitation.times_sent,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return invitation


@operation
def withdraw_invitation(*, actor: Actor, invitation_id: UUID, now: datetime) -> None:
    """
    Take an invitation back; its token opens nothing any more.

    :raises NotFound: unknown, accepted, or outside the actor's reach
    """
    invitation = policies.access_invitation(actor, invitation_id)
    gone = InvitationWithdrawn(
        organization_id=invitation.organization_id,
        invitation_id=invitation.pk,
        subject_version=invitation.times_sent + 1,
        occurred_at=now,
        actor=actor.label,
    )
    invitation.delete()
    outbox.publish(gone)


def _accept(
    invitation_id: UUID, organization_id: UUID, user_id: UUID, actor: Actor, now: datetime
) -> Membership:
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization_id)
    tenancy.enter(organization_id)
    invitation = Invitation.objects.filter(
        pk=invitation_id,
        accepted_at=None,
        expires_at__gt=now,
        organization__closed_at=None,
    ).first()
    if invitation is None or policies.open_account(user_id) is None:
        raise InvitationOver
    invitation.accepted_at = now
    invitation.save(update_fields=["accepted_at"])
    present: Membership | None = Membership.objects.filter(user=user_id).first()
    if present is not None:
        return present
    named = policies.branches_of(invitation)
    joined = _join(organization_id, user_id, invitation.role, named, actor, now)
    outbox.publish(
        InvitationAccepted(
            organization_id=organization_id,
            invitation_id=invitation.pk,
            user_id=user_id,
            role=invitation.role,
            subject_version=invitation.times_sent + 1,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return joined


@operation
def accept_invitation(*, actor: Actor, token: str, now: datetime) -> Membership:
    """
    Join by the token of an invitation's message, with an account that has proven the identifier
    it was sent to: a forwarded link lets nobody else in.

    :raises NotSignedIn: nobody who could join
    :raises NotFound: not a token of an invitation
    :raises InvitationForAnother: the account has not proven the invited address or number
    :raises InvitationOver: accepted, expired, or the organization or the account has closed
    """
    if actor.user_id is None:
        raise NotSignedIn
    found = Invitation.objects.with_scopes_disabled().filter(pk=_invitation_id_of(token))
    invitation: Invitation | None = found.first()
    if invitation is None or not hmac.compare_digest(
        invitation_token(invitation).encode(), token.encode("utf-8", "replace")
    ):
        raise NotFound
    user = get_user_model().objects.get(pk=actor.user_id)
    if invitation.identifier not in (user.email, user.phone):
        raise InvitationForAnother
    membership = _accept(invitation.pk, invitation.organization_id, actor.user_id, actor, now)
    actor.forget_memberships()
    return membership


@operation
def accept_open_invitations(*, user_id: UUID, now: datetime) -> list[Membership]:
    """Make a person a member wherever an identifier that they have proven is invited."""
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return []
    proven = [value for value in (user.email, user.phone) if value]
    joined = []
    for invitation in list(queries.open_invitations_for(proven, now)):
        with suppress(InvitationOver):
            joined.append(_accept(invitation.pk, invitation.organization_id, user.pk, SYSTEM, now))
    return joined


@operation
def accept_if_known(*, invitation_id: UUID, now: datetime) -> Membership | None:
    """Accept an invitation at once where an account has its identifier; None where none has."""
    invitation = Invitation.objects.with_scopes_disabled().filter(pk=invitation_id).first()
    user = None
    if invitation is not None:
        user = _account_of(identifiers.parse(invitation.identifier))
    if invitation is None or user is None:
        return None
    try:
        return _accept(invitation.pk, invitation.organization_id, user.pk, SYSTEM, now)
    except InvitationOver:
        return None


@operation
def remove_erased_person(*, user_id: UUID, now: datetime) -> None:
    """End every role of a person whose account was erased, and forget who invited whom."""
    ended = list(Membership.objects.with_scopes_disabled().filter(user=user_id))
    for membership in ended:
        tenancy.enter(membership.organization_id)
        outbox.publish(
            MemberRemoved(
                organization_id=membership.organization_id,
                membership_id=membership.pk,
                user_id=user_id,
                subject_version=membership.version + 1,
                occurred_at=now,
                actor=SYSTEM.label,
            )
        )
        membership.delete()
        realtime.review_user_after_commit(user_id)
    Invitation.objects.with_scopes_disabled().filter(invited_by=user_id).update(invited_by=None)

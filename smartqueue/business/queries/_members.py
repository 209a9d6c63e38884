"""Who belongs to an organization."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet

from smartqueue.accounts.actor import Membership as ActorMembership
from smartqueue.accounts.enums import Role
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Invitation, Membership, SupportAccess
from smartqueue.common import clock, tenancy
from smartqueue.common.db import fetch_all
from smartqueue.notifications.ports import Addressees

Reach = frozenset[UUID] | None
"""Branches that somebody acts for; None is all of them."""

# Of {user}, at {now}; whoever asks puts in their places or another query's columns.
MEMBERSHIPS = """
    SELECT membership.organization_id, membership.role, array_agg(reached.branch_id),
        bool_or(chosen.requires_second_factor) IS TRUE, membership.created_at
    FROM business_membership AS membership
    JOIN business_organization AS organization
        ON organization.id = membership.organization_id AND organization.closed_at IS NULL
    LEFT JOIN business_organizationsettings AS chosen
        ON chosen.organization_id = membership.organization_id
    LEFT JOIN business_membership_branches AS reached ON reached.membership_id = membership.id
    WHERE membership.user_id = {user}
    GROUP BY membership.id
    UNION ALL
    SELECT support.organization_id, 'owner', ARRAY[NULL]::uuid[], false, NULL
    FROM business_supportaccess AS support
    JOIN accounts_user AS admin ON admin.id = support.admin_id AND admin.is_superuser
    JOIN business_organization AS organization
        ON organization.id = support.organization_id AND organization.closed_at IS NULL
    WHERE support.admin_id = {user} AND support.closed_at IS NULL AND support.expires_at > {now}
"""
_MEMBERSHIPS = MEMBERSHIPS.format(user="%(user)s", now="%(now)s")


def memberships_of(user_id: UUID) -> tuple[ActorMembership, ...]:
    """
    Return a person's roles in organizations that are not closed, in one query; a platform
    administrator counts as owner where support access is open, whatever role they have there.
    """
    # Asked for by an actor that may outlive its request, a socket's.
    now = clock.now()  # nosemgrep: clock-read-inside
    with tenancy.with_key_of(user_id):
        return read_memberships(fetch_all(_MEMBERSHIPS, {"user": user_id, "now": now}))


def read_memberships(rows: Iterable[tuple[Any, ...]]) -> tuple[ActorMembership, ...]:
    """Return the roles in the rows that MEMBERSHIPS finds."""
    # What comes last is support access, which stands before a role in the same organization.
    found = {
        organization_id: ActorMembership(
            organization_id,
            Role(role),
            None if branches == [None] else frozenset(branches),
            needs_second_factor=needs_factor,
            since=since,
        )
        for organization_id, role, branches, needs_factor, since in rows
    }
    return tuple(found.values())


def _branch_ids(through: "type[Any]", owner: str) -> ArraySubquery:
    rows = through.objects.filter(**{owner: OuterRef("pk")})
    return ArraySubquery(rows.order_by("branch_id").values("branch_id"))


def within_reach(rows: "QuerySet[Any]", reach: Reach) -> "QuerySet[Any]":
    """Keep the rows whose branches are some, and all within reach; None keeps every row."""
    if reach is None:
        return rows
    model: Any = rows.model
    named = model.branches.through.objects.values(f"{rows.model._meta.model_name}_id")
    return rows.filter(pk__in=named).exclude(pk__in=named.exclude(branch__in=reach))


def list_members(
    *, organization: UUID, reach: Reach, role: str = "", search: str = ""
) -> "QuerySet[Membership]":
    """Return members with their account and `branch_ids`; only those within reach."""
    rows: QuerySet[Membership] = within_reach(
        Membership.objects.with_scopes_disabled().filter(organization=organization), reach
    )
    if role:
        rows = rows.filter(role=role)
    for word in search.split():
        rows = rows.filter(
            Q(user__first_name__icontains=word)
            | Q(user__last_name__icontains=word)
            | Q(user__email__icontains=word)
            | Q(user__phone__icontains=word)
        )
    return (
        rows.select_related("user")
        .annotate(branch_ids=_branch_ids(Membership.branches.through, "membership"))
        .order_by("user__last_name", "user__first_name", "id")
    )


def list_invitations(*, organization: UUID, reach: Reach, now: datetime) -> "QuerySet[Invitation]":
    """Return invitations that can still be accepted, with `branch_ids`; only those within reach."""
    rows: QuerySet[Invitation] = within_reach(
        Invitation.objects.with_scopes_disabled().filter(
            organization=organization, accepted_at=None, expires_at__gt=now
        ),
        reach,
    )
    return rows.annotate(
        branch_ids=_branch_ids(Invitation.branches.through, "invitation")
    ).order_by("created_at", "id")


def open_invitations_for(identifiers: list[str], now: datetime) -> "QuerySet[Invitation]":
    """Return invitations to live organizations that somebody with these identifiers can accept."""
    rows: QuerySet[Invitation] = Invitation.objects.with_scopes_disabled().filter(
        identifier__in=identifiers,
        accepted_at=None,
        expires_at__gt=now,
        organization__closed_at=None,
    )
    return rows.order_by("organization_id")


def owners_of(organization_id: UUID) -> list[UUID]:
    """Return the accounts of an organization's owners."""
    rows = Membership.objects.with_scopes_disabled().filter(
        organization=organization_id, role=Role.OWNER, user__is_active=True
    )
    return list(rows.order_by("user_id").values_list("user_id", flat=True))


def members_among(organization_id: UUID, people: Addressees, now: datetime) -> Addressees:
    """Return those of some people who are members of the organization of the scope."""
    asked = {one.user_id for one in people if one.user_id}
    if not asked:
        return frozenset()
    rows = Membership.objects.filter(organization=organization_id, user__in=asked)
    found = set(rows.values_list("user_id", flat=True))
    return frozenset(one for one in people if one.user_id in found)


def managers_at(organization_id: UUID, branch_id: UUID | None) -> list[UUID]:
    """Return the accounts of those who manage a branch, owners among them."""
    reaches = managers_reach(organization_id).items()
    return sorted(user_id for user_id, reach in reaches if reach is None or branch_id in reach)


def managers_reach(organization_id: UUID) -> dict[UUID, Reach]:
    """Return the accounts of those who manage an organization or some branches, with which."""
    members: Any = list_members(organization=organization_id, reach=None)
    managing = members.filter(role__in=sorted(ROLES_WITH[Ability.MANAGE]), user__is_active=True)
    return {m.user_id: frozenset(m.branch_ids) or None for m in managing}


def members_of(organization_id: UUID) -> list[UUID]:
    """Return the accounts of everybody with a role in an organization."""
    rows = Membership.objects.with_scopes_disabled().filter(organization=organization_id)
    return list(rows.order_by("user_id").values_list("user_id", flat=True))


def list_support(
    *, organization: UUID | None = None, admin: UUID | None = None
) -> "QuerySet[SupportAccess]":
    """Return support accesses, newest first: of an organization, of an administrator, or both."""
    rows: QuerySet[SupportAccess] = SupportAccess.objects.with_scopes_disabled()
    if organization is not None:
        rows = rows.filter(organization=organization)
    if admin is not None:
        rows = rows.filter(admin=admin)
    return rows.select_related("admin", "organization").order_by("-opened_at", "-id")

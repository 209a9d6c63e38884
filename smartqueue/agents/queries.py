"""Reads about agents and what they are good at."""

from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from smartqueue.agents.models import Skill
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Membership
from smartqueue.business.queries import Reach, list_members, within_reach
from smartqueue.common.db import fetch_all

Weights: TypeAlias = dict[UUID, Decimal]

_WEIGHTS = """
    SELECT service_id, weight FROM agents_skill WHERE organization_id = %s AND user_id = %s
"""


def never_served(organization: str, user: str) -> str:
    """Return the SQL for the ids of the services that an agent never serves, from two of ids."""
    return f"""ARRAY(
        SELECT skill.service_id FROM agents_skill AS skill
        WHERE skill.organization_id = {organization} AND skill.user_id = {user}
          AND skill.weight = 0)"""  # noqa: S608  # names of columns


def weights_for(organization_id: UUID, user_id: UUID) -> Weights:
    """Return an agent's weight by service; a service that is not there weighs 1."""
    return dict(fetch_all(_WEIGHTS, [organization_id, user_id]))


def list_agents(
    *, organization: UUID, reach: Reach, branch: UUID | None = None
) -> "QuerySet[Membership]":
    """
    Return members who may serve, each with `branch_ids` and `user.skills_here`; with a branch,
    only those who reach it.
    """
    skills = Skill.objects.with_scopes_disabled().filter(organization=organization)
    rows = list_members(organization=organization, reach=reach).filter(
        role__in=ROLES_WITH[Ability.SERVE], user__is_active=True
    )
    if branch is not None:
        rows = rows.filter(Q(branches=branch) | Q(branches__isnull=True))
    return rows.prefetch_related(
        Prefetch("user__skills", queryset=skills.order_by("service_id"), to_attr="skills_here")
    )


def list_skills(
    *,
    organization: UUID,
    reach: Reach,
    user: UUID | None = None,
    service: UUID | None = None,
) -> "QuerySet[Skill]":
    """Return skills of the organization's agents; only of those within reach."""
    rows: QuerySet[Skill] = Skill.objects.with_scopes_disabled().filter(organization=organization)
    if reach is not None:
        members = within_reach(
            Membership.objects.with_scopes_disabled().filter(organization=organization), reach
        )
        rows = rows.filter(user__in=members.values("user"))
    if user is not None:
        rows = rows.filter(user=user)
    if service is not None:
        rows = rows.filter(service=service)
    return rows.order_by("user_id", "service_id")

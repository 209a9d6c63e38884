"""Who may say what an agent is good at: whoever manages that agent."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.agents.models import Skill
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Membership
from smartqueue.business.policies import access_staff, branches_of
from smartqueue.common.errors import NotFound


def access_agent(actor: Actor, organization_id: UUID, user_id: UUID) -> Membership:
    """
    Return the membership of somebody who serves and whom the actor manages, the organization locked.

    :raises NotFound: unknown, or outside the actor's reach
    """
    right = access_staff(actor, organization_id, lock=True)
    membership: Membership | None = Membership.objects.filter(
        user=user_id, role__in=ROLES_WITH[Ability.SERVE]
    ).first()
    if membership is None or not right.covers(branches_of(membership)):
        raise NotFound
    return membership


def access_skill(actor: Actor, skill_id: UUID) -> Skill:
    """
    Return a skill of an agent whom the actor manages, the organization locked.

    :raises NotFound: unknown, or outside the actor's reach
    """
    skill: Skill | None = Skill.objects.with_scopes_disabled().filter(pk=skill_id).first()
    if skill is None:
        raise NotFound
    right = access_staff(actor, skill.organization_id, lock=True)
    if right.reach is not None:
        access_agent(actor, skill.organization_id, skill.user_id)
    found: Skill | None = Skill.objects.filter(pk=skill_id).first()
    if found is None:
        raise NotFound
    return found

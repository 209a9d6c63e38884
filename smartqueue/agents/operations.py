"""Saying what an agent is good at."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.agents import policies
from smartqueue.agents.events import SkillRemoved, SkillSet
from smartqueue.agents.models import Skill
from smartqueue.business.models import Membership, Service
from smartqueue.business.policies import access_staff, lock_settings
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.outbox import operations as outbox

MAX_WEIGHT: Final = Decimal(10)


def _checked_weight(weight: Decimal) -> Decimal:
    if not weight.is_finite() or not 0 <= weight <= MAX_WEIGHT:
        raise InvalidInput.on("weight", _("Give a weight from 0 to 10."), "out_of_range")
    return weight.quantize(Decimal("0.1"))


def _facts(skill: Skill, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": skill.organization_id,
        "skill_id": skill.pk,
        "user_id": skill.user_id,
        "service_id": skill.service_id,
        "subject_version": 0,
        "occurred_at": now,
        "actor": actor.label,
    }


def _agent(actor: Actor, organization_id: UUID, user_id: UUID) -> Membership:
    access_staff(actor, organization_id)
    try:
        return policies.access_agent(actor, organization_id, user_id)
    except NotFound as error:
        raise InvalidInput.on(
            "user",
            _("Nobody of this organization whom you manage serves under this id."),
            "unknown",
        ) from error


@operation
def set_skill(
    *,
    actor: Actor,
    organization_id: UUID,
    user_id: UUID,
    service_id: UUID,
    weight: Decimal,
    now: datetime,
) -> Skill:
    """
    Say how much an agent should serve a service; said before, it is replaced.

    :raises NotFound: unknown organization, or the actor manages nothing there
    :raises InvalidInput: not an agent or a service of this organization, or a wrong weight
    """
    wanted = _checked_weight(weight)
    _agent(actor, organization_id, user_id)
    if not Service.objects.filter(pk=service_id, retired_at=None).exists():
        raise InvalidInput.on("service", _("This organization has no such service."), "unknown")
    skill: Skill | None = Skill.objects.filter(user=user_id, service=service_id).first()
    skill = skill or Skill(organization_id=organization_id, user_id=user_id, service_id=service_id)
    return _weigh(skill, wanted, actor, now)


def _weigh(skill: Skill, weight: Decimal, actor: Actor, now: datetime) -> Skill:
    skill.weight = weight
    skill.save()
    outbox.publish(SkillSet(weight=str(weight), **_facts(skill, actor, now)))
    return skill


@operation
def change_skill(*, actor: Actor, skill_id: UUID, weight: Decimal, now: datetime) -> Skill:
    """
    Give a skill another weight.

    :raises NotFound: unknown, or outside the actor's reach
    :raises InvalidInput: a wrong weight
    """
    wanted = _checked_weight(weight)
    return _weigh(policies.access_skill(actor, skill_id), wanted, actor, now)


@operation
def remove_skill(*, actor: Actor, skill_id: UUID, now: datetime) -> None:
    """
    Make a service ordinary again for an agent.

    :raises NotFound: unknown, or outside the actor's reach
    """
    skill = policies.access_skill(actor, skill_id)
    gone = SkillRemoved(**_facts(skill, actor, now))
    skill.delete()
    outbox.publish(gone)


@operation
def forget_agent(*, organization_id: UUID, user_id: UUID) -> None:
    """
    Remove the skills of somebody who has left an organization, unless they are a member again: theirs
    may have been set since.
    """
    # Whoever sets a skill holds the organization, and has read the membership by then.
    lock_settings(organization_id)
    members = Membership.objects.with_scopes_disabled()
    if members.filter(organization=organization_id, user=user_id).exists():
        return
    Skill.objects.with_scopes_disabled().filter(organization=organization_id, user=user_id).delete()

"""Reads of agents and their skills."""

from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from smartqueue.agents.models import Skill

Weights: TypeAlias = dict[UUID, Decimal]
"""By service: how many times a person's wait counts for this agent; 0 is never."""


def weights_for(organization_id: UUID, user_id: UUID | None) -> Weights:
    """Return an agent's weights; a service that is not there is ordinary (1)."""
    rows = Skill.objects.with_scope(organization=organization_id).filter(user_id=user_id)
    return dict(rows.values_list("service_id", "weight"))

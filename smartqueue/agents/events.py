"""Facts about what agents are good at."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class SkillEvent(Event):
    """The base of what happens to an agent's skill; sessions read the weights at each call."""

    subject: ClassVar[str] = "skill"

    skill_id: UUID
    user_id: UUID
    service_id: UUID


@dataclass(frozen=True, kw_only=True)
class SkillSet(SkillEvent):
    """The weight was given or changed."""

    name: ClassVar[str] = "agents.skill.set"

    weight: str


@dataclass(frozen=True, kw_only=True)
class SkillRemoved(SkillEvent):
    """The service is ordinary again for this agent."""

    name: ClassVar[str] = "agents.skill.removed"

"""Facts about organizations, their places, services and people; ids only, no personal data."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class OrganizationEvent(Event):
    """The base of what happens to an organization itself."""

    subject: ClassVar[str] = "organization"

    organization_id: UUID


@dataclass(frozen=True, kw_only=True)
class OrganizationCreated(OrganizationEvent):
    name: ClassVar[str] = "business.organization.created"

    category: str


@dataclass(frozen=True, kw_only=True)
class OrganizationChanged(OrganizationEvent):
    """`fields` names what changed, never the values."""

    name: ClassVar[str] = "business.organization.changed"

    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class OrganizationClosed(OrganizationEvent):
    """It is closed for good, and with it its branches, services and counters."""

    name: ClassVar[str] = "business.organization.closed"


@dataclass(frozen=True, kw_only=True)
class HolidaysChanged(OrganizationEvent):
    """The organization's word on one date (ISO 8601) was given, changed or taken back."""

    name: ClassVar[str] = "business.holidays.changed"

    date: str


@dataclass(frozen=True, kw_only=True)
class BranchEvent(Event):
    """The base of what happens to a branch."""

    subject: ClassVar[str] = "branch"

    branch_id: UUID


@dataclass(frozen=True, kw_only=True)
class BranchCreated(BranchEvent):
    name: ClassVar[str] = "business.branch.created"


@dataclass(frozen=True, kw_only=True)
class BranchChanged(BranchEvent):
    name: ClassVar[str] = "business.branch.changed"

    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class BranchClosed(BranchEvent):
    """The branch is closed for good, and its counters with it."""

    name: ClassVar[str] = "business.branch.closed"


@dataclass(frozen=True, kw_only=True)
class OpeningHoursChanged(BranchEvent):
    """The week's hours, or those of a date, are not what they were."""

    name: ClassVar[str] = "business.opening_hours.changed"


@dataclass(frozen=True, kw_only=True)
class ServiceEvent(Event):
    """The base of what happens to a service."""

    subject: ClassVar[str] = "service"

    service_id: UUID


@dataclass(frozen=True, kw_only=True)
class ServiceCreated(ServiceEvent):
    name: ClassVar[str] = "business.service.created"


@dataclass(frozen=True, kw_only=True)
class ServiceChanged(ServiceEvent):
    name: ClassVar[str] = "business.service.changed"

    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class ServiceRetired(ServiceEvent):
    name: ClassVar[str] = "business.service.retired"


@dataclass(frozen=True, kw_only=True)
class CounterEvent(Event):
    """The base of what happens to a counter."""

    subject: ClassVar[str] = "counter"

    counter_id: UUID
    branch_id: UUID


@dataclass(frozen=True, kw_only=True)
class CounterCreated(CounterEvent):
    name: ClassVar[str] = "business.counter.created"


@dataclass(frozen=True, kw_only=True)
class CounterChanged(CounterEvent):
    name: ClassVar[str] = "business.counter.changed"

    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class CounterRetired(CounterEvent):
    name: ClassVar[str] = "business.counter.retired"


@dataclass(frozen=True, kw_only=True)
class MemberInvited(Event):
    """Somebody without an account was offered a role; the message goes out from here."""

    name: ClassVar[str] = "business.member.invited"
    subject: ClassVar[str] = "invitation"

    invitation_id: UUID


@dataclass(frozen=True, kw_only=True)
class InvitationWithdrawn(Event):
    name: ClassVar[str] = "business.invitation.withdrawn"
    subject: ClassVar[str] = "invitation"

    invitation_id: UUID


@dataclass(frozen=True, kw_only=True)
class MemberEvent(Event):
    """The base of what happens to a person's role in an organization."""

    subject: ClassVar[str] = "membership"

    membership_id: UUID
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class MemberJoined(MemberEvent):
    name: ClassVar[str] = "business.member.joined"

    role: str


@dataclass(frozen=True, kw_only=True)
class MemberChanged(MemberEvent):
    """The role or its branches changed; open sockets and sessions have to look again."""

    name: ClassVar[str] = "business.member.changed"

    role: str


@dataclass(frozen=True, kw_only=True)
class MemberRemoved(MemberEvent):
    name: ClassVar[str] = "business.member.removed"

"""Facts about organizations, their places, services and people; ids only, no personal data."""

from dataclasses import dataclass
from datetime import datetime
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
class InvitationSent(Event):
    """The base of what makes a message of invitation go out."""

    subject: ClassVar[str] = "invitation"

    invitation_id: UUID


@dataclass(frozen=True, kw_only=True)
class MemberInvited(InvitationSent):
    """Somebody without an account was offered a role; the message goes out from here."""

    name: ClassVar[str] = "business.member.invited"


@dataclass(frozen=True, kw_only=True)
class InvitationResent(InvitationSent):
    """The invitation goes out again with a new link and a new term; the old link is void."""

    name: ClassVar[str] = "business.invitation.resent"


@dataclass(frozen=True, kw_only=True)
class InvitationAccepted(Event):
    """Whoever was invited has joined; the owners are told."""

    name: ClassVar[str] = "business.invitation.accepted"
    subject: ClassVar[str] = "invitation"

    invitation_id: UUID
    user_id: UUID
    role: str


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


@dataclass(frozen=True, kw_only=True)
class SettingsChanged(OrganizationEvent):
    """`fields` names what changed; the values are in the history of the settings."""

    name: ClassVar[str] = "business.settings.changed"

    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class DeviceEvent(Event):
    """The base of what happens to a kiosk or a display of a branch."""

    subject: ClassVar[str] = "credential"

    credential_id: UUID
    branch_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class DeviceAdded(DeviceEvent):
    """A manager has made a pairing code, or a new one for a device that is to be paired again."""

    name: ClassVar[str] = "business.device.added"


@dataclass(frozen=True, kw_only=True)
class DevicePaired(DeviceEvent):
    """The code was typed on a device, which now has its token."""

    name: ClassVar[str] = "business.device.paired"


@dataclass(frozen=True, kw_only=True)
class DeviceRevoked(DeviceEvent):
    """The token opens nothing any more."""

    name: ClassVar[str] = "business.device.revoked"


@dataclass(frozen=True, kw_only=True)
class SupportEvent(Event):
    """The base of what happens to platform staff's access to an organization."""

    subject: ClassVar[str] = "support_access"

    support_access_id: UUID
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class SupportOpened(SupportEvent):
    """
    A platform administrator has let themselves in. Why, stands in the row alone, which erasure and
    the journal's seals reach; the owners are told.
    """

    name: ClassVar[str] = "business.support.opened"

    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class SupportClosed(SupportEvent):
    """It was ended before its time, by the administrator or by an owner."""

    name: ClassVar[str] = "business.support.closed"

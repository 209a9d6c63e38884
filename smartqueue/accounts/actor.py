"""Who acts: one `Actor` whichever door was used (REST, page, socket, task)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.accounts.errors import SecondFactorRequired
from smartqueue.common.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class Membership:
    """
    A role in one organization, in all its branches (`branch_ids` None) or in some.

    `needs_second_factor` is the organization's word that its staff confirm sign-ins by a second
    factor; until then the role counts for nothing. `since` is when the person joined; None for
    support access.
    """

    organization_id: UUID
    role: Role
    branch_ids: frozenset[UUID] | None = None
    needs_second_factor: bool = False
    since: datetime | None = None

    def covers(self, branch_id: UUID | None) -> bool:
        """Whether the role reaches a branch; None asks about the organization as a whole."""
        return self.branch_ids is None or branch_id in self.branch_ids


MembershipResolver = Callable[[UUID], tuple[Membership, ...]]
MembershipReader = Callable[[Iterable[tuple[Any, ...]]], tuple[Membership, ...]]


@dataclass(frozen=True, slots=True)
class RoleQuery:
    """
    How roles are found: asked for alone, or as part of another query.

    `statement` is SQL in which `{user}` and `{now}` stand for the person and the moment; it reads
    the person's own rows, with their key. `read` makes roles of what it finds.
    """

    resolve: MembershipResolver
    statement: str
    read: MembershipReader

    def __call__(self, user_id: UUID) -> tuple[Membership, ...]:
        """Return a person's roles, asked for alone."""
        return self.resolve(user_id)


FactorCheck = Callable[[UUID], bool]


def _no_memberships(user_id: UUID) -> tuple[Membership, ...]:
    return ()


def _no_factor(user_id: UUID) -> bool:
    return False


_resolver: MembershipResolver = _no_memberships
_has_factor: FactorCheck = _no_factor


def register_membership_resolver(resolver: MembershipResolver) -> None:
    """Fill the port through which an actor learns its roles; `business` does, when it is ready."""
    global _resolver
    _resolver = resolver


def roles_of(user_id: UUID) -> tuple[Membership, ...]:
    """Return every role of anybody, also those that wait for a second factor."""
    return _resolver(user_id)


def role_query() -> RoleQuery | None:
    """Return how roles are read as part of another query, where that can be done."""
    return _resolver if isinstance(_resolver, RoleQuery) else None


def register_factor_check(check: FactorCheck) -> None:
    """Say how to find out whether a person has enrolled a second factor; the models come later."""
    global _has_factor
    _has_factor = check


@dataclass(frozen=True)
class Actor:
    """
    The caller, with all memberships; they are read once, when first asked for.

    `ticket_id` is set for the holder of a ticket's token, `appointment_id` or `waitlist_entry_id` for
    the holder of a booking's, `device_id` and `branch_id` for a kiosk or a display.
    `is_admin_without_factor` is an administrator of the platform who has yet to enrol a second
    factor, and is none until then.
    """

    kind: ActorKind
    user_id: UUID | None = None
    is_platform_admin: bool = False
    session_id: UUID | None = None
    ticket_id: UUID | None = None
    appointment_id: UUID | None = None
    waitlist_entry_id: UUID | None = None
    branch_id: UUID | None = None
    device_id: UUID | None = None
    language: str = field(default="fr", compare=False)
    is_admin_without_factor: bool = False

    @cached_property
    def all_memberships(self) -> tuple[Membership, ...]:
        """Every role this person has, also those that wait for a second factor."""
        return _resolver(self.user_id) if self.user_id else ()

    @cached_property
    def barred(self) -> frozenset[UUID]:
        """The organizations in which this person's role waits for a second factor."""
        asking = {m.organization_id for m in self.all_memberships if m.needs_second_factor}
        if not asking or self.user_id is None or _has_factor(self.user_id):
            return frozenset()
        return frozenset(asking)

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """Every role this person may act in now."""
        if not self.barred:
            return self.all_memberships
        return tuple(m for m in self.all_memberships if m.organization_id not in self.barred)

    @property
    def needs_second_factor(self) -> bool:
        """Whether this person has to enrol a second factor before working."""
        return self.is_admin_without_factor or bool(self.barred)

    def remember_memberships(self, found: tuple[Membership, ...]) -> None:
        """Take the roles that were read along with who this is."""
        self.__dict__["all_memberships"] = found

    def forget_memberships(self) -> None:
        """Read them afresh when next asked for, because an operation has changed them."""
        self.__dict__.pop("all_memberships", None)
        self.__dict__.pop("barred", None)

    def membership_in(self, organization_id: UUID) -> Membership | None:
        """
        Return the role in one organization, if any.

        :raises SecondFactorRequired: there is one, or an administrator's right, and it waits for a
            second factor
        """
        for membership in self.memberships:
            if membership.organization_id == organization_id:
                return membership
        if self.is_admin_without_factor or organization_id in self.barred:
            raise SecondFactorRequired
        return None

    def has_role(
        self, organization_id: UUID, roles: frozenset[Role], branch_id: UUID | None = None
    ) -> bool:
        """
        Whether one of `roles` is held in the organization and reaches the branch.

        :raises SecondFactorRequired: the role waits for a second factor
        """
        membership = self.membership_in(organization_id)
        return membership is not None and membership.role in roles and membership.covers(branch_id)

    def require_user(self) -> UUID:
        """
        Return the person's id.

        :raises NotSignedIn: nobody is signed in
        """
        if self.user_id is None:
            raise NotSignedIn
        return self.user_id

    @property
    def label(self) -> str:
        """A reference for events and the journal: "user:<id>", "ticket:<id>", "kiosk:<id>", "system"."""
        match self.kind:
            case ActorKind.USER:
                return f"user:{self.user_id}"
            case ActorKind.TICKET:
                return f"ticket:{self.ticket_id}"
            case ActorKind.BOOKING:
                return f"booking:{self.appointment_id or self.waitlist_entry_id}"
            case ActorKind.KIOSK | ActorKind.DISPLAY:
                return f"{self.kind.value}:{self.device_id}"
            case _:
                return self.kind.value


ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS)
SYSTEM = Actor(kind=ActorKind.SYSTEM)

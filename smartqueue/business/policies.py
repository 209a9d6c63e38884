"""Fetch, tenant, right and lock in one call; unknown and forbidden answer the same."""

from dataclasses import dataclass
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import (
    Branch,
    BranchCredential,
    Counter,
    HolidayOverride,
    Invitation,
    Membership,
    OpeningException,
    Organization,
    OrganizationSettings,
    Service,
    SupportAccess,
)
from smartqueue.business.queries import Reach, get_settings
from smartqueue.common import tenancy
from smartqueue.common.db import fetch_one
from smartqueue.common.errors import NotFound


def can(
    actor: Actor, organization_id: UUID, ability: Ability, branch_id: UUID | None = None
) -> bool:
    """
    Whether the actor has the ability in an organization, at a branch where one is given.

    A platform administrator has none of their own: an open support access counts as a role.
    """
    return actor.has_role(organization_id, ROLES_WITH[ability], branch_id)


def require(
    actor: Actor, organization_id: UUID, ability: Ability, branch_id: UUID | None = None
) -> None:
    """
    Refuse an actor without the ability, and narrow the tenant scope for one who has it.

    :raises NotFound: without the ability
    """
    if not can(actor, organization_id, ability, branch_id):
        raise NotFound
    tenancy.enter(organization_id)


def access_organization(
    actor: Actor, organization_id: UUID, ability: Ability, *, lock: bool = False
) -> Organization:
    """
    Return a live organization in which the actor has the ability.

    :raises NotFound: unknown, closed, or not the actor's
    """
    rows = Organization.objects.filter(pk=organization_id, closed_at=None)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    organization = rows.first()
    if organization is None:
        raise NotFound
    require(actor, organization.pk, ability)
    return organization


def lock_settings(organization_id: UUID) -> OrganizationSettings:
    """
    Return the settings of an organization; nobody changes them before the transaction ends.
    """
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization_id)
    return get_settings(organization_id)


def hold_roles(organization_id: UUID, actor: Actor) -> None:
    """
    Let nobody's role in an organization change before the transaction ends, and have the actor's read
    as it is by then. Taken before any queue's lock; those who hold it do not wait for each other.
    """
    fetch_one("SELECT id FROM business_organization WHERE id = %s FOR SHARE", [organization_id])
    actor.forget_memberships()


def access_organization_to_close(actor: Actor, organization_id: UUID) -> Organization:
    """
    Return a live organization, locked, that the actor owns or that the platform may close.

    :raises NotFound: unknown, closed, or not the actor's
    """
    if not actor.is_platform_admin:
        return access_organization(actor, organization_id, Ability.OWN, lock=True)
    rows = Organization.objects.filter(pk=organization_id, closed_at=None)
    organization = rows.select_for_update(of=("self",), no_key=True).first()
    if organization is None:
        raise NotFound
    tenancy.enter(organization.pk)
    return organization


def access_support(actor: Actor, access_id: UUID) -> SupportAccess:
    """
    Return an open support access that the actor may end, its organization locked: an owner any of
    the organization, an administrator their own.

    :raises NotFound: unknown, closed, or not the actor's
    """
    found = SupportAccess.objects.with_scopes_disabled().filter(pk=access_id, closed_at=None)
    organization_id = found.values_list("organization", flat=True).first()
    if organization_id is None:
        raise NotFound
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization_id)
    access: SupportAccess | None = found.first()
    if access is None:
        raise NotFound
    if access.admin_id != actor.user_id:
        require(actor, organization_id, Ability.OWN)
    tenancy.enter(organization_id)
    return access


def access_supported_organization(actor: Actor, organization_id: UUID) -> Organization:
    """
    Return a live organization, locked, into which a platform administrator may ask to be let.

    :raises NotFound: unknown, closed, or the actor is no platform administrator
    """
    if not actor.is_platform_admin:
        raise NotFound
    rows = Organization.objects.filter(pk=organization_id, closed_at=None)
    organization = rows.select_for_update(of=("self",), no_key=True).first()
    if organization is None:
        raise NotFound
    tenancy.enter(organization.pk)
    return organization


def access_credential(actor: Actor, credential_id: UUID, *, lock: bool = False) -> BranchCredential:
    """
    Return a device's credential that was not revoked, at a branch that the actor manages.

    :raises NotFound: unknown, revoked, or not the actor's
    """
    rows = BranchCredential.objects.with_scopes_disabled().filter(pk=credential_id, revoked_at=None)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    credential: BranchCredential | None = rows.first()
    if credential is None:
        raise NotFound
    require(actor, credential.organization_id, Ability.MANAGE, credential.branch_id)
    return credential


def access_branch(actor: Actor, branch_id: UUID, ability: Ability, *, lock: bool = False) -> Branch:
    """
    Return a live branch at which the actor has the ability.

    :raises NotFound: unknown, closed, or not the actor's
    """
    rows = Branch.objects.with_scopes_disabled().filter(pk=branch_id, closed_at=None)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    branch: Branch | None = rows.first()
    if branch is None:
        raise NotFound
    require(actor, branch.organization_id, ability, branch.pk)
    return branch


def access_service(
    actor: Actor, service_id: UUID, ability: Ability, *, lock: bool = False
) -> Service:
    """
    Return a service of an organization in which the actor has the ability.

    :raises NotFound: unknown, retired, or not the actor's
    """
    rows = Service.objects.with_scopes_disabled().filter(pk=service_id, retired_at=None)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    service: Service | None = rows.first()
    if service is None:
        raise NotFound
    require(actor, service.organization_id, ability)
    return service


def access_counter(
    actor: Actor, counter_id: UUID, ability: Ability, *, lock: bool = False
) -> Counter:
    """
    Return a counter at whose branch the actor has the ability.

    :raises NotFound: unknown, retired, or not the actor's
    """
    rows = Counter.objects.with_scopes_disabled().filter(pk=counter_id, retired_at=None)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    counter: Counter | None = rows.first()
    if counter is None:
        raise NotFound
    require(actor, counter.organization_id, ability, counter.branch_id)
    return counter


@dataclass(frozen=True, slots=True)
class StaffRight:
    """What somebody may do with the people of an organization."""

    organization: Organization
    reach: Reach
    is_owner: bool

    def covers(self, branch_ids: frozenset[UUID]) -> bool:
        """Whether a role at these branches (none means all of them) is within reach."""
        return self.reach is None or bool(branch_ids and branch_ids <= self.reach)


def access_staff(actor: Actor, organization_id: UUID, *, lock: bool = False) -> StaffRight:
    """
    Return the actor's right over the members of a live organization; a manager of some branches
    reaches those only.

    :raises NotFound: unknown, closed, or the actor manages nothing there
    """
    rows = Organization.objects.filter(pk=organization_id, closed_at=None)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    organization = rows.first()
    if organization is None:
        raise NotFound
    membership = actor.membership_in(organization.pk)
    if membership is None or membership.role not in ROLES_WITH[Ability.MANAGE]:
        raise NotFound
    right = StaffRight(organization, membership.branch_ids, membership.role == Role.OWNER)
    tenancy.enter(organization.pk)
    return right


def access_membership(actor: Actor, membership_id: UUID) -> tuple[Membership, StaffRight]:
    """
    Return a membership that the actor may change or end, its organization locked.

    :raises NotFound: unknown, or outside the actor's reach
    """
    found = Membership.objects.with_scopes_disabled().filter(pk=membership_id)
    organization_id = found.values_list("organization", flat=True).first()
    if organization_id is None:
        raise NotFound
    right = access_staff(actor, organization_id, lock=True)
    membership: Membership | None = found.select_related("user").first()
    if membership is None or not right.covers(branches_of(membership)):
        raise NotFound
    if membership.role == Role.OWNER and not right.is_owner:
        raise NotFound
    return membership, right


def access_own_membership(actor: Actor, membership_id: UUID) -> Membership:
    """
    Return the actor's own membership, its organization locked.

    :raises NotFound: unknown, or somebody else's
    """
    own = Membership.objects.with_scopes_disabled().filter(pk=membership_id, user=actor.user_id)
    organization_id = own.values_list("organization", flat=True).first()
    if organization_id is None:
        raise NotFound
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization_id)
    membership: Membership | None = own.select_related("user").first()
    if membership is None:
        raise NotFound
    tenancy.enter(organization_id)
    return membership


def access_invitation(actor: Actor, invitation_id: UUID) -> Invitation:
    """
    Return an open invitation that the actor may withdraw, its organization locked.

    :raises NotFound: unknown, accepted, or outside the actor's reach
    """
    found = Invitation.objects.with_scopes_disabled().filter(pk=invitation_id, accepted_at=None)
    organization_id = found.values_list("organization", flat=True).first()
    if organization_id is None:
        raise NotFound
    right = access_staff(actor, organization_id, lock=True)
    invitation: Invitation | None = found.first()
    if invitation is None or not right.covers(branches_of(invitation)):
        raise NotFound
    if invitation.role == Role.OWNER and not right.is_owner:
        raise NotFound
    return invitation


def open_account(user_id: UUID) -> User | None:
    """
    Return an account that is not closed, locked, so that it is not erased before what it is given
    here is its own; None for one that is closed. Lock the organization first.
    """
    rows = User.objects.filter(pk=user_id, is_active=True)
    return rows.select_for_update(of=("self",), no_key=True).first()


def branches_of(row: Membership | Invitation) -> frozenset[UUID]:
    """Return the branches that a role is limited to; none means all of them."""
    through = type(row).branches.through
    owner = f"{type(row)._meta.model_name}_id"
    named = through.objects.filter(**{owner: row.pk}).values_list("branch_id", flat=True)
    with tenancy.organizations([row.organization_id]):
        return frozenset(named)


def access_opening_exception(
    actor: Actor, exception_id: UUID, ability: Ability
) -> OpeningException:
    """
    Return an exception of a branch at which the actor has the ability, the branch locked.

    :raises NotFound: unknown, or not the actor's
    """
    found = OpeningException.objects.with_scopes_disabled().filter(pk=exception_id)
    branch_id = found.values_list("branch", flat=True).first()
    if branch_id is None:
        raise NotFound
    branch = access_branch(actor, branch_id, ability, lock=True)
    exception: OpeningException | None = found.first()
    if exception is None:
        raise NotFound
    exception.branch = branch
    return exception


def access_holiday_override(actor: Actor, override_id: UUID, ability: Ability) -> HolidayOverride:
    """
    Return a holiday override of an organization in which the actor has the ability, the
    organization locked.

    :raises NotFound: unknown, or not the actor's
    """
    found = HolidayOverride.objects.with_scopes_disabled().filter(pk=override_id)
    organization_id = found.values_list("organization", flat=True).first()
    if organization_id is None:
        raise NotFound
    organization = access_organization(actor, organization_id, ability, lock=True)
    override: HolidayOverride | None = found.first()
    if override is None:
        raise NotFound
    override.organization = organization
    return override

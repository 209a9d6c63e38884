"""Fetch, tenant, right and lock in one call; unknown and forbidden answer the same."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch, Counter, Organization, Service
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound


def can(
    actor: Actor, organization_id: UUID, ability: Ability, branch_id: UUID | None = None
) -> bool:
    """Whether the actor has the ability in an organization, at a branch where one is given."""
    return actor.is_platform_admin or actor.has_role(
        organization_id, ROLES_WITH[ability], branch_id
    )


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

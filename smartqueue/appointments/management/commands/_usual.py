"""Offering a branch's services as most places do, in the name of the organization's owner."""

from datetime import datetime
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.enums import Role
from smartqueue.appointments import operations
from smartqueue.business.models import Branch, Membership
from smartqueue.common import tenancy
from smartqueue.queues import queries as queue_queries


def owner_of(organization_id: UUID) -> Actor:
    """Return the first owner of an organization, which always has one."""
    owners = Membership.objects.with_scopes_disabled().filter(
        organization=organization_id, role=Role.OWNER
    )
    user_id = owners.order_by("created_at").values_list("user", flat=True)[0]
    return actor_of_user(user_id, is_platform_admin=False, language="fr")


def services_at(branch: Branch) -> list[UUID]:
    """Return the services that the branch's queues have."""
    with tenancy.organizations([branch.organization_id]):
        queues = queue_queries.list_queues().filter(branch=branch)
        return sorted({row.service_id for queue in queues for row in queue.queue_services.all()})


def offer_usual_slots(
    branch: Branch, now: datetime, capacity: int = 1, public_capacity: int | None = None
) -> int:
    """Offer each service Monday to Friday from 9 to 17 every 30 minutes; return the slots made."""
    owner = owner_of(branch.organization_id)
    return sum(
        len(
            operations.generate_usual_slots(
                actor=owner,
                branch_id=branch.pk,
                service_id=service_id,
                now=now,
                capacity=capacity,
                public_capacity=public_capacity,
            )
        )
        for service_id in services_at(branch)
    )

"""Places to wait at, built through the operations where there is one."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from smartqueue.accounts.actor import Actor, Membership
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.accounts.models import User
from smartqueue.accounts.tokens import make_opaque_token
from smartqueue.business import models as business
from smartqueue.business.enums import DeviceKind
from smartqueue.common import tenancy
from smartqueue.common.geo import point
from smartqueue.queues import operations
from smartqueue.queues.models import CounterSession, Queue, Ticket

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_numbers = count(1)


@dataclass
class Place:
    """An organization with one branch, a service, counters, a queue and its people."""

    organization: business.Organization
    branch: business.Branch
    service: business.Service
    counters: list[business.Counter]
    queue: Queue
    owner: Actor
    agents: list[Actor]

    @property
    def agent(self) -> Actor:
        return self.agents[0]


def make_user(**fields: Any) -> User:
    """Return an account with an address of its own."""
    number = next(_numbers)
    fields.setdefault("email", f"person{number}@example.test")
    user: User = User.objects.create(**fields)
    return user


def make_actor(user: User | None = None) -> Actor:
    """Return the actor of an account."""
    user = user or make_user()
    return actor_of_user(user.pk, is_platform_admin=user.is_superuser, language="fr")


def make_member(organization: business.Organization, role: Role, *branches: Any) -> Actor:
    """Return a person with a role in an organization, at some branches or all."""
    user = make_user()
    membership = business.Membership.objects.with_scopes_disabled().create(
        organization=organization, user=user, role=role, created_at=NOW
    )
    with tenancy.organizations([organization.pk]):
        membership.branches.set(branches)
    actor = make_actor(user)
    reach = frozenset(b.pk for b in branches) or None
    # Also where the port is not filled, so that policies are tried alone.
    actor.__dict__["memberships"] = (Membership(organization.pk, role, reach),)
    return actor


def make_branch(organization: business.Organization, **fields: Any) -> business.Branch:
    """Return another branch of an organization."""
    number = next(_numbers)
    branch: business.Branch = business.Branch.objects.with_scopes_disabled().create(
        organization=organization,
        name=f"Agence {number}",
        slug=f"agence-{number}",
        point=point(lat=14.6937, lon=-17.4441),
        created_at=NOW,
        **fields,
    )
    return branch


def make_counter(branch: business.Branch) -> business.Counter:
    """Return another counter of a branch."""
    counter: business.Counter = business.Counter.objects.with_scopes_disabled().create(
        organization=branch.organization,
        branch=branch,
        name=f"{next(_numbers)}",
        created_at=NOW,
    )
    return counter


def make_service(organization: business.Organization, **fields: Any) -> business.Service:
    """Return another service of an organization."""
    fields.setdefault("duration_minutes", 10)
    service: business.Service = business.Service.objects.with_scopes_disabled().create(
        organization=organization, name=f"Service {next(_numbers)}", created_at=NOW, **fields
    )
    return service


def make_queue(place: Place, prefix: str, **settings: Any) -> Queue:
    """Return another open queue of a place, for its service unless told others."""
    settings.setdefault("services", [place.service.pk])
    queue = operations.create_queue(
        actor=place.owner,
        branch_id=place.branch.pk,
        name=f"File {prefix}",
        prefix=prefix,
        now=NOW,
        **settings,
    )
    return operations.open_queue(actor=place.owner, queue_id=queue.pk, now=NOW)


def make_place(*, agents: int = 2, timezone: str = "Africa/Dakar", **settings: Any) -> Place:
    """Return a place with an open queue "A" and as many agents as counters."""
    number = next(_numbers)
    organization = business.Organization.objects.create(
        name=f"Mairie {number}", slug=f"mairie-{number}", category="town_hall", created_at=NOW
    )
    branch = make_branch(organization, timezone=timezone)
    place = Place(
        organization=organization,
        branch=branch,
        service=make_service(organization),
        counters=[make_counter(branch) for _ in range(agents)],
        queue=Queue(),
        owner=make_member(organization, Role.OWNER),
        agents=[make_member(organization, Role.AGENT) for _ in range(agents)],
    )
    place.queue = make_queue(place, "A", **settings)
    return place


def make_device(branch: business.Branch, kind: DeviceKind = DeviceKind.KIOSK) -> str:
    """Return the token of another device of a branch."""
    token = make_opaque_token()
    business.BranchCredential.objects.with_scopes_disabled().create(
        id=token.id,
        organization_id=branch.organization_id,
        branch=branch,
        kind=kind,
        name=f"{kind} {next(_numbers)}",
        digest=token.digest,
        created_at=NOW,
        paired_at=NOW,
    )
    return token.text


def join(place: Place, *, now: datetime = NOW, actor: Actor | None = None, **values: Any) -> Ticket:
    """Return the ticket of somebody who joins the place's queue."""
    values.setdefault("queue_id", place.queue.pk)
    return operations.issue_ticket(
        actor=actor or Actor(kind=ActorKind.ANONYMOUS), now=now, **values
    )


def sit_down(
    place: Place, index: int = 0, *, now: datetime = NOW, queue_ids: Any = None
) -> CounterSession:
    """Return the session of one of the place's agents at the counter of the same index."""
    return operations.open_session(
        actor=place.agents[index],
        counter_id=place.counters[index].pk,
        queue_ids=queue_ids,
        now=now,
    )

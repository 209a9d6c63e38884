"""Fetch, tenant, right and lock in one call; unknown and forbidden answer the same."""

from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.policies import can, require
from smartqueue.business.ports import Retirable
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound
from smartqueue.queues.enums import ACTIVE, AT_COUNTER, SessionState
from smartqueue.queues.errors import SessionNotOpen
from smartqueue.queues.models import CounterSession, Queue, QueueService, Ticket


def _locked_queues() -> "QuerySet[Queue]":
    rows: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    return (
        rows.filter(retired_at=None)
        .select_related("branch")
        .select_for_update(of=("self",), no_key=True)
    )


def access_queue(actor: Actor, queue_id: UUID, ability: Ability, *, lock: bool = False) -> Queue:
    """
    Return a live queue at whose branch the actor has the ability, locked if asked.

    :raises NotFound: unknown, retired, or not the actor's
    """
    rows = _locked_queues() if lock else _live_queues()
    queue = rows.filter(pk=queue_id).first()
    if queue is None:
        raise NotFound
    require(actor, queue.organization_id, ability, queue.branch_id)
    return queue


def _live_queues() -> "QuerySet[Queue]":
    rows: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    return rows.filter(retired_at=None).select_related("branch")


def access_queue_to_join(actor: Actor, queue_id: UUID) -> Queue:
    """
    Return the locked queue that anybody may join, with the ids of its services as `service_ids`.

    :raises NotFound: unknown or retired, or a kiosk of another branch
    """
    services = QueueService.objects.with_scopes_disabled().filter(queue=OuterRef("pk"))
    queue = (
        _locked_queues()
        .filter(pk=queue_id)
        .annotate(service_ids=ArraySubquery(services.values("service_id")))
        .first()
    )
    if queue is None or (actor.kind is ActorKind.KIOSK and actor.branch_id != queue.branch_id):
        raise NotFound
    tenancy.enter(queue.organization_id)
    return queue


def is_holder(actor: Actor, ticket: Ticket) -> bool:
    """Whether the ticket is the actor's own, by token or by account."""
    if actor.ticket_id is not None:
        return actor.ticket_id == ticket.pk
    return actor.user_id is not None and actor.user_id == ticket.customer_id


def serves(actor: Actor, ticket: Ticket) -> bool:
    """Whether the actor is staff who serves at the ticket's branch."""
    return can(actor, ticket.organization_id, Ability.SERVE, ticket.branch_id)


def access_ticket(actor: Actor, ticket_id: UUID) -> Ticket:
    """
    Return a ticket that the actor holds or serves.

    :raises NotFound: unknown, or not the actor's
    """
    rows: QuerySet[Ticket] = Ticket.objects.with_scopes_disabled()
    ticket = rows.select_related("queue", "queue__branch", "counter").filter(pk=ticket_id).first()
    if ticket is None or not (is_holder(actor, ticket) or serves(actor, ticket)):
        raise NotFound
    tenancy.enter(ticket.organization_id)
    return ticket


def access_ticket_locked(
    actor: Actor, ticket_id: UUID, *, holder: bool = False, also: UUID | None = None
) -> tuple[Ticket, Queue, Queue | None]:
    """
    Lock the queue that a ticket is in, then return the ticket as it is under that lock.

    `holder` lets the ticket's holder in as well as staff. `also` names a second queue to lock
    (a transfer's target); both are locked in order of id, and it comes third.

    :raises NotFound: unknown, or not the actor's
    """
    where = Ticket.objects.with_scopes_disabled().filter(pk=ticket_id).values("queue_id")
    while True:
        queue_id = where.first()
        if queue_id is None:
            raise NotFound
        wanted = {queue_id["queue_id"], *([also] if also else [])}
        queues = {q.pk: q for q in _all_locked(wanted)}
        rows: QuerySet[Ticket] = Ticket.objects.with_scopes_disabled()
        ticket = rows.select_related("counter").get(pk=ticket_id)
        # A transfer may have moved it between the two reads.
        if ticket.queue_id == queue_id["queue_id"]:
            break
    if not (serves(actor, ticket) or (holder and is_holder(actor, ticket))):
        raise NotFound
    queue = queues[ticket.queue_id]
    ticket.queue = queue
    tenancy.enter(ticket.organization_id)
    other = queues.get(also) if also else None
    if also and (other is None or other.branch_id != queue.branch_id or other.retired_at):
        raise NotFound
    return ticket, queue, other


def _all_locked(ids: set[UUID]) -> "QuerySet[Queue]":
    rows: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    return (
        rows.filter(pk__in=ids)
        .select_related("branch")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )


def access_session(actor: Actor, session_id: UUID, *, lock: bool = False) -> CounterSession:
    """
    Return the agent's own session that has not ended; a manager of the branch may reach it too.

    The session says in `is_busy` whether somebody is at its counter.

    :raises NotFound: unknown, ended, or not the actor's
    """
    rows: QuerySet[CounterSession] = CounterSession.objects.with_scopes_disabled()
    at_counter = Ticket.objects.with_scopes_disabled().filter(
        counter=OuterRef("counter_id"), state__in=AT_COUNTER
    )
    rows = rows.select_related("counter").annotate(is_busy=Exists(at_counter))
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    session = rows.filter(pk=session_id).exclude(state=SessionState.ENDED).first()
    if session is None:
        raise NotFound
    own = session.agent_id == actor.user_id
    ability = Ability.SERVE if own else Ability.MANAGE
    require(actor, session.organization_id, ability, session.branch_id)
    return session


def access_open_session(actor: Actor, session_id: UUID, *, lock: bool = False) -> CounterSession:
    """
    Return the agent's own session, open and not on a break.

    :raises NotFound: unknown, ended, or another agent's
    :raises SessionNotOpen: on a break
    """
    session = access_session(actor, session_id, lock=lock)
    if session.agent_id != actor.user_id:
        raise NotFound
    if session.state != SessionState.OPEN:
        raise SessionNotOpen(state=session.state)
    return session


_HELD_UP: dict[Retirable, tuple[str, str]] = {
    Retirable.ORGANIZATION: ("organization", "organization"),
    Retirable.BRANCH: ("branch", "branch"),
    Retirable.SERVICE: ("queue_services__service", "service"),
    Retirable.COUNTER: ("branch__counters", "counter"),
}


def people_held_up_by(thing: Retirable, thing_id: UUID) -> int:
    """
    Count who would be left standing if a thing were retired; nobody joins its queues meanwhile.
    """
    of_queue, of_ticket = _HELD_UP[thing]
    queues: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    locked = queues.filter(**{of_queue: thing_id}, retired_at=None)
    list(locked.select_for_update(of=("self",), no_key=True).order_by("pk"))
    tickets = Ticket.objects.with_scopes_disabled().filter(state__in=ACTIVE)
    count: int = tickets.filter(**{of_ticket: thing_id}).count()
    if thing is Retirable.COUNTER:
        sessions = CounterSession.objects.with_scopes_disabled().filter(counter_id=thing_id)
        count += sessions.exclude(state=SessionState.ENDED).count()
    return count


def organizations_served_by(actor: Actor) -> list[UUID]:
    """Return the organizations in which the actor serves people."""
    roles = ROLES_WITH[Ability.SERVE]
    return [m.organization_id for m in actor.memberships if m.role in roles]


def visible_to_staff(actor: Actor, tickets: "QuerySet[Ticket]") -> "QuerySet[Ticket]":
    """Narrow tickets of the actor's organizations to the branches that the roles reach."""
    seen = Q(pk__in=())
    for membership in actor.memberships:
        if membership.role in ROLES_WITH[Ability.SERVE]:
            here = Q(organization_id=membership.organization_id)
            if membership.branch_ids is not None:
                here &= Q(branch_id__in=membership.branch_ids)
            seen |= here
    return tickets.filter(seen)

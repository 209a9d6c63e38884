"""Fetch, tenant, right and lock in one call; unknown and forbidden answer the same."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q, QuerySet

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.agents.queries import never_served
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch, Counter
from smartqueue.business.policies import can, require
from smartqueue.business.ports import Retirable
from smartqueue.common import tenancy
from smartqueue.common.db import RowOf, fetch_entering, fetch_one
from smartqueue.common.errors import NotFound
from smartqueue.common.postgis.base import entering
from smartqueue.queues.enums import ACTIVE, SessionState
from smartqueue.queues.errors import SessionNotOpen
from smartqueue.queues.models import CounterSession, Queue, Ticket
from smartqueue.queues.queries import HEAD_OF_LINE, TICKET, categories_closed_to, head_of_line

_QUEUE = RowOf(Queue)
_BRANCH = RowOf(Branch, ("id", "organization_id", "name", "slug", "timezone", "country"))
_COUNTER = RowOf(Counter, ("id", "organization_id", "branch_id", "name"))
_SESSION = RowOf(CounterSession)
_TICKETS_COUNTER, _TICKETS_SESSION = TICKET.place("counter_id"), TICKET.place("session_id")
# Where their own ids stand when they are read behind the ticket.
_COUNTERS_ID = len(TICKET) + _COUNTER.place("id")
_SESSIONS_ID = len(TICKET) + len(_COUNTER) + _SESSION.place("id")

# Anybody may read a queue, so its row can open its organization on the way; whose a ticket or a
# session is has to be asked first. They stand in a subquery that depends on that answer, since only
# this promises the order.
_ENTER_QUEUE = entering("queue.organization_id")
_ENTER_TICKET = f"SELECT {entering('organizations_of_queues_ticket(ARRAY[%s::uuid])')} AS keys"
_ENTER_SESSION = (
    f"SELECT {entering('organizations_of_queues_countersession(ARRAY[%s::uuid])')} AS keys"
)

_SELECT_QUEUE = f"""
    SELECT {_ENTER_QUEUE}, {_QUEUE.columns("queue")}, {_BRANCH.columns("branch")}
    FROM queues_queue AS queue JOIN business_branch AS branch ON branch.id = queue.branch_id
    WHERE queue.id = %s AND queue.retired_at IS NULL AND branch.closed_at IS NULL
"""  # noqa: S608  # names from the models
_LOCK = " FOR NO KEY UPDATE OF queue"
_SELECT_QUEUE_TO_JOIN = f"""
    SELECT {_ENTER_QUEUE}, {_QUEUE.columns("queue")}, {_BRANCH.columns("branch")}, ARRAY(
        SELECT offered.service_id FROM queues_queueservice AS offered
        JOIN business_service AS service ON service.id = offered.service_id
        WHERE offered.queue_id = queue.id AND service.retired_at IS NULL),
        (SELECT chosen.switches FROM business_organizationsettings AS chosen
         WHERE chosen.organization_id = queue.organization_id)
    FROM queues_queue AS queue JOIN business_branch AS branch ON branch.id = queue.branch_id
    WHERE queue.id = %s AND queue.retired_at IS NULL AND branch.closed_at IS NULL
"""  # noqa: S608  # names from the models
_SELECT_QUEUES_OF_TICKET = f"""
    SELECT entrance.keys, found.* FROM ({_ENTER_TICKET}) AS entrance CROSS JOIN LATERAL (
        SELECT {_QUEUE.columns("queue")}, {_BRANCH.columns("branch")}
        FROM queues_ticket AS ticket
        JOIN queues_queue AS queue ON queue.id IN (ticket.queue_id, %s)
        JOIN business_branch AS branch ON branch.id = queue.branch_id
        WHERE ticket.id = %s AND entrance.keys <> ''
        ORDER BY queue.id
        FOR NO KEY UPDATE OF queue
    ) AS found
"""  # noqa: S608  # names from the models
_SELECT_TICKET = f"""
    SELECT {TICKET.columns("ticket")}, {_COUNTER.columns("counter")},
           {_SESSION.columns("session")}
    FROM queues_ticket AS ticket
    LEFT JOIN business_counter AS counter ON counter.id = ticket.counter_id
    LEFT JOIN queues_countersession AS session ON session.id = ticket.session_id
    WHERE ticket.id = %s
"""  # noqa: S608  # names from the models
_SELECT_TICKET_WITH_QUEUE = f"""
    SELECT entrance.keys, found.* FROM ({_ENTER_TICKET}) AS entrance CROSS JOIN LATERAL (
        SELECT {TICKET.columns("ticket")}, {_COUNTER.columns("counter")},
               {_SESSION.columns("session")}, {_QUEUE.columns("queue")}, {_BRANCH.columns("branch")}
        FROM queues_ticket AS ticket
        JOIN queues_queue AS queue ON queue.id = ticket.queue_id
        JOIN business_branch AS branch ON branch.id = queue.branch_id
        LEFT JOIN business_counter AS counter ON counter.id = ticket.counter_id
        LEFT JOIN queues_countersession AS session ON session.id = ticket.session_id
        WHERE ticket.id = %s AND entrance.keys <> ''
        OFFSET 0
    ) AS found
"""  # noqa: S608  # names from the models
# In this order: whoever waits for the queue holds no ticket.
_SELECT_TICKET_LOCKED = _SELECT_TICKET_WITH_QUEUE.replace(
    "OFFSET 0", "FOR NO KEY UPDATE OF queue, ticket"
)
_NEVER_SERVED = never_served("session.organization_id", "session.agent_id")
_SESSION_FOUND = f"""
        SELECT {_SESSION.columns("session")}, {_COUNTER.columns("counter")}, EXISTS(
            SELECT FROM queues_ticket AS ticket
            WHERE ticket.counter_id = session.counter_id AND ticket.state IN ('called', 'serving'))
            {{more}}
        FROM queues_countersession AS session
        JOIN business_counter AS counter ON counter.id = session.counter_id
        WHERE session.id = %s AND session.state <> 'ended' AND entrance.keys <> ''
        {{lock}}
"""  # noqa: S608  # names from the models
_SELECT_SESSION = f"""
    SELECT entrance.keys, found.* FROM ({_ENTER_SESSION}) AS entrance CROSS JOIN LATERAL (
        {_SESSION_FOUND.format(more="", lock="OFFSET 0")}
    ) AS found
"""  # noqa: S608  # names from the models
_LOCK_SESSION = "FOR NO KEY UPDATE OF session"
_SELECT_SESSION_LOCKED = _SELECT_SESSION.replace("OFFSET 0", _LOCK_SESSION)
# The queue is locked by then, so its line is as at the end of the wait for the session too.
_SELECT_SESSION_AND_HEAD = f"""
    SELECT entrance.keys, found.*, head.*
    FROM ({_ENTER_SESSION}) AS entrance
    CROSS JOIN LATERAL (
        {_SESSION_FOUND.format(more=f", {_NEVER_SERVED} AS never", lock=_LOCK_SESSION)}
    ) AS found
    LEFT JOIN LATERAL ({HEAD_OF_LINE.format(never="found.never")}) AS head ON true
"""  # noqa: S608  # names from the models
_SESSION_IS_BUSY = len(_SESSION) + len(_COUNTER)
_HEAD = _SESSION_IS_BUSY + 2


def _queue_of(row: Sequence[Any]) -> Queue:
    queue = _QUEUE.read(row)
    queue.branch = _BRANCH.read(row, len(_QUEUE))
    return queue


def access_queue(actor: Actor, queue_id: UUID, ability: Ability, *, lock: bool = False) -> Queue:
    """
    Return a live queue at whose branch the actor has the ability, locked if asked.

    :raises NotFound: unknown, retired, or not the actor's
    """
    _, rows = fetch_entering(_SELECT_QUEUE + _LOCK if lock else _SELECT_QUEUE, [queue_id])
    if not rows:
        raise NotFound
    queue = _queue_of(rows[0])
    require(actor, queue.organization_id, ability, queue.branch_id)
    return queue


def sees_inside(actor: Actor, queue: Queue) -> bool:
    """Whether the actor is staff who sees what the organization keeps from the public."""
    return can(actor, queue.organization_id, Ability.VIEW, queue.branch_id)


def access_queue_to_join(
    actor: Actor, queue_id: UUID
) -> tuple[Queue, list[UUID], Mapping[str, bool]]:
    """
    Return the locked queue that anybody may join, the ids of its services, and the features that
    its organization has switched.

    :raises NotFound: unknown or retired, a kiosk of another branch, or a display
    """
    _, rows = fetch_entering(_SELECT_QUEUE_TO_JOIN + _LOCK, [queue_id])
    if not rows:
        raise NotFound
    row = rows[0]
    queue = _queue_of(row)
    if actor.kind is ActorKind.DISPLAY or actor.branch_id not in (None, queue.branch_id):
        raise NotFound
    tenancy.enter(queue.organization_id)
    return queue, row[-2], orjson.loads(row[-1] or "{}")


def is_holder(actor: Actor, ticket: Ticket) -> bool:
    """Whether the ticket is the actor's own, by token or by account."""
    if actor.ticket_id is not None:
        return actor.ticket_id == ticket.pk
    return actor.user_id is not None and actor.user_id == ticket.customer_id


def serves(actor: Actor, ticket: Ticket) -> bool:
    """Whether the actor is staff who serves at the ticket's branch, or the system itself."""
    if actor.kind is ActorKind.SYSTEM:
        return True
    return can(actor, ticket.organization_id, Ability.SERVE, ticket.branch_id)


def access_ticket(actor: Actor, ticket_id: UUID) -> Ticket:
    """
    Return a ticket that the actor holds or serves, with its queue, branch and counter.

    :raises NotFound: unknown, or not the actor's
    """
    # Known before the keys are told, the person's own go with them and are not told again.
    tenancy.identify(actor.user_id)
    _, rows = fetch_entering(_SELECT_TICKET_WITH_QUEUE, [ticket_id], whose=[ticket_id])
    if not rows:
        raise NotFound
    (row,) = rows
    ticket = _ticket_of(row)
    if not (is_holder(actor, ticket) or serves(actor, ticket)):
        raise NotFound
    ticket.queue = _queue_of(row[-len(_QUEUE) - len(_BRANCH) :])
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
    found = None if also else _ticket_and_queue_locked(ticket_id)
    ticket, queues = found or _ticket_and_queues_locked(ticket_id, also)
    if not (serves(actor, ticket) or (holder and is_holder(actor, ticket))):
        raise NotFound
    queue = queues[ticket.queue_id]
    ticket.queue = queue
    tenancy.enter(ticket.organization_id)
    other = queues.get(also) if also else None
    if also is not None and (
        other is None or other.branch_id != queue.branch_id or other.retired_at
    ):
        raise NotFound
    return ticket, queue, other


def _ticket_and_queue_locked(ticket_id: UUID) -> tuple[Ticket, dict[UUID, Queue]] | None:
    """Lock both in one statement; None when the ticket is not there, or moved while that waited."""
    keys, rows = fetch_entering(_SELECT_TICKET_LOCKED, [ticket_id], whose=[ticket_id])
    if not rows:
        return None
    (row,) = rows
    queue = _queue_of(row[-len(_QUEUE) - len(_BRANCH) :])
    # Both rows are as of their locks. Counter and session are not locked: they are those of
    # the ticket before the wait.
    if _is_seated_as_read(row):
        return _ticket_of(row), {queue.pk: queue}
    with tenancy.with_keys(keys):
        return _read_ticket(ticket_id), {queue.pk: queue}


def _is_seated_as_read(row: Sequence[Any]) -> bool:
    """Whether the counter and the session read with a ticket are its own."""
    return bool(
        row[_TICKETS_COUNTER] == row[_COUNTERS_ID] and row[_TICKETS_SESSION] == row[_SESSIONS_ID]
    )


def _ticket_and_queues_locked(
    ticket_id: UUID, also: UUID | None
) -> tuple[Ticket, dict[UUID, Queue]]:
    while True:
        keys, rows = fetch_entering(_SELECT_QUEUES_OF_TICKET, [also, ticket_id], whose=[ticket_id])
        queues = {queue.pk: queue for queue in map(_queue_of, rows)}
        with tenancy.with_keys(keys):
            ticket = _read_ticket(ticket_id)
        # A transfer may have moved it between the two reads.
        if ticket.queue_id in queues:
            return ticket, queues


def _read_ticket(ticket_id: UUID) -> Ticket:
    row = fetch_one(_SELECT_TICKET, [ticket_id])
    if row is None:
        raise NotFound
    return _ticket_of(row)


def _ticket_of(row: Sequence[Any]) -> Ticket:
    ticket = TICKET.read(row)
    if ticket.counter_id is not None:
        ticket.counter = _COUNTER.read(row, len(TICKET))
    if ticket.session_id is not None:
        ticket.session = _SESSION.read(row, len(TICKET) + len(_COUNTER))
    return ticket


def access_session(actor: Actor, session_id: UUID, *, lock: bool = False) -> CounterSession:
    """
    Return the agent's own session that has not ended; a manager of the branch may reach it too.

    The session says in `is_busy` whether somebody is at its counter.

    :raises NotFound: unknown, ended, or not the actor's
    """
    statement = _SELECT_SESSION_LOCKED if lock else _SELECT_SESSION
    _, rows = fetch_entering(statement, [session_id], whose=[session_id])
    if not rows:
        raise NotFound
    return _session_of(actor, rows[0])


def _session_of(actor: Actor, row: Sequence[Any]) -> CounterSession:
    session = _SESSION.read(row)
    session.counter = _COUNTER.read(row, len(_SESSION))
    session.is_busy = row[_SESSION_IS_BUSY]  # type: ignore[attr-defined]  # read along with it
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
    return _open_and_own(actor, access_session(actor, session_id, lock=lock))


def _open_and_own(actor: Actor, session: CounterSession) -> CounterSession:
    if session.agent_id != actor.user_id:
        raise NotFound
    if session.state != SessionState.OPEN:
        raise SessionNotOpen(state=session.state)
    return session


def access_session_with_head(
    actor: Actor, session_id: UUID, queue: Queue
) -> tuple[CounterSession, Ticket | None]:
    """
    Lock the agent's own open session, and return with it the first person in the line of a queue,
    locked before, whom its counter and its agent may serve.

    :raises NotFound: unknown, ended, or another agent's
    :raises SessionNotOpen: on a break
    """
    closed = categories_closed_to(queue, session_id)
    asked = [session_id, queue.pk, closed]
    _, rows = fetch_entering(_SELECT_SESSION_AND_HEAD, asked, whose=[session_id])
    if not rows:
        raise NotFound
    session = _open_and_own(actor, _session_of(actor, rows[0]))
    return session, head_of_line(queue, rows[0][_HEAD:])


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
    return tickets.filter(_reach(actor, Ability.SERVE))


def queues_managed_by(actor: Actor) -> "QuerySet[Queue]":
    """Return every queue, retired ones too, that the actor manages."""
    queues: QuerySet[Queue] = Queue.objects.with_scopes_disabled()
    return queues if actor.is_platform_admin else queues.filter(_reach(actor, Ability.MANAGE))


def _reach(actor: Actor, ability: Ability) -> Q:
    """Say which rows with an organization and a branch the actor's roles reach."""
    reached = Q(pk__in=())
    for membership in actor.memberships:
        if membership.role in ROLES_WITH[ability]:
            here = Q(organization_id=membership.organization_id)
            if membership.branch_ids is not None:
                here &= Q(branch_id__in=membership.branch_ids)
            reached |= here
    return reached

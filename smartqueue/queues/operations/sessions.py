"""An agent's time at a counter."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.business import queries as business_queries
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Counter
from smartqueue.business.policies import access_counter, hold_roles
from smartqueue.common.db import operation
from smartqueue.common.errors import Busy, InvalidInput
from smartqueue.common.tenancy import enter
from smartqueue.queues import events, policies
from smartqueue.queues.enums import AT_COUNTER, SessionState
from smartqueue.queues.errors import AgentElsewhere, CounterBusy, CounterTaken, SessionNotOpen
from smartqueue.queues.models import CounterSession, Queue, SessionBreak, Ticket
from smartqueue.queues.operations import _queue_changes
from smartqueue.queues.operations.serving import return_ticket


@operation
def open_session(
    *,
    actor: Actor,
    counter_id: UUID,
    now: datetime,
    queue_ids: Sequence[UUID] | None = None,
) -> CounterSession:
    """
    Sit down at a counter and serve some queues of its branch, all of them unless named.

    :raises NotFound: unknown counter, or not at a branch where the actor serves
    :raises CounterTaken: another agent is there
    :raises AgentElsewhere: the agent has an open session at another counter
    :raises InvalidInput: a queue of another branch, or none at all
    """
    agent_id = actor.require_user()
    counter = access_counter(actor, counter_id, Ability.SERVE)
    # Whoever ends the sessions of somebody without a right must see this one.
    hold_roles(counter.organization_id, actor)
    queues = list(_locked_queues_of(counter, queue_ids))
    # Retiring a counter locks the queues too: by now it has ended, or looks after this one.
    access_counter(actor, counter_id, Ability.SERVE)
    if not queues or (queue_ids is not None and len(queues) != len(set(queue_ids))):
        raise InvalidInput.on("queues", _("Name queues of this branch, at least one."))
    session = CounterSession(
        organization_id=counter.organization_id,
        branch_id=counter.branch_id,
        counter=counter,
        agent_id=agent_id,
        queue_ids=[queue.pk for queue in queues],
        started_at=now,
    )
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError as error:
        own = CounterSession.objects.filter(agent_id=agent_id)
        elsewhere = own.exclude(counter=counter).exclude(state=SessionState.ENDED)
        raise (AgentElsewhere() if elsewhere.exists() else CounterTaken()) from error
    _tell(session, queues, events.CounterOpened, +1, actor, now)
    return session


@operation
def take_break(*, actor: Actor, session_id: UUID, now: datetime) -> CounterSession:
    """
    Leave the counter for a while; nobody can be called to it.

    :raises NotFound: unknown, ended, or not the actor's
    :raises CounterBusy: somebody is still at the counter
    :raises SessionNotOpen: on a break already
    """
    session, queues = _locked(actor, session_id)
    if session.state != SessionState.OPEN:
        raise SessionNotOpen(state=session.state)
    _check_free(session)
    session.state = SessionState.ON_BREAK
    session.save(update_fields=["state"])
    SessionBreak.objects.create(
        organization_id=session.organization_id, session=session, started_at=now
    )
    _tell(session, queues, events.CounterPaused, -1, actor, now)
    return session


@operation
def resume_session(*, actor: Actor, session_id: UUID, now: datetime) -> CounterSession:
    """
    Come back from a break; an open session stays as it is.

    :raises NotFound: unknown, ended, or not the actor's
    """
    session, queues = _locked(actor, session_id)
    if session.state == SessionState.OPEN:
        return session
    _end_break(session, now)
    session.state = SessionState.OPEN
    session.save(update_fields=["state"])
    _tell(session, queues, events.CounterOpened, +1, actor, now)
    return session


@operation
def end_session(*, actor: Actor, session_id: UUID, now: datetime) -> CounterSession:
    """
    Leave the counter for the day.

    :raises NotFound: unknown, ended, or not the actor's
    :raises CounterBusy: somebody is still at the counter
    """
    session, queues = _locked(actor, session_id)
    _check_free(session)
    _end(session, queues, actor, now)
    return session


@operation
def close_forgotten_session(*, session_id: UUID, now: datetime) -> None:
    """
    End a session of a past day that its agent has left open; one with somebody at its counter stays until
    that ticket has expired.
    """
    rows = CounterSession.objects.with_scopes_disabled().exclude(state=SessionState.ENDED)
    session = rows.filter(pk=session_id).first()
    if session is None:
        return
    enter(session.organization_id)
    queues = list(_in_lock_order(Queue.objects.filter(pk__in=session.queue_ids)))
    locked = rows.select_related("counter").select_for_update(of=("self",), no_key=True)
    session = locked.filter(pk=session_id).first()
    # Its agent may have ended it meanwhile.
    if session is None:
        return
    if Ticket.objects.filter(session=session, state__in=AT_COUNTER).exists():
        return
    _end(session, queues, SYSTEM, now)


@operation
def end_sessions_without_right(*, user_id: UUID, organization_id: UUID, now: datetime) -> None:
    """
    End the sessions of somebody who may not serve at their counter any more. Whoever stands there
    goes back to the front of the line, so that another counter calls them next.
    """
    rows = CounterSession.objects.with_scopes_disabled().exclude(state=SessionState.ENDED)
    sessions = rows.filter(agent=user_id, organization=organization_id)
    roles = business_queries.memberships_of(user_id)
    enter(organization_id)
    for session in list(sessions):
        if not any(
            role.organization_id == organization_id
            and role.role in ROLES_WITH[Ability.SERVE]
            and role.covers(session.branch_id)
            for role in roles
        ):
            _empty_and_end(session.pk, session.queue_ids, now)


def _empty_and_end(session_id: UUID, served: list[UUID], now: datetime) -> None:
    at_counter = Ticket.objects.filter(session=session_id, state__in=AT_COUNTER)
    needed = {*served, *at_counter.values_list("queue", flat=True)}
    queues = {q.pk: q for q in _in_lock_order(Queue.objects.filter(pk__in=needed))}
    rows = CounterSession.objects.select_related("counter").exclude(state=SessionState.ENDED)
    session = rows.select_for_update(of=("self",), no_key=True).filter(pk=session_id).first()
    # Its agent may have ended it meanwhile.
    if session is None:
        return
    tickets = list(at_counter.values_list("pk", "queue"))
    for ticket_id, queue_id in tickets:
        # Called from a queue that was not locked in time: the delivery is tried again.
        if queue_id not in queues:
            raise Busy
        return_ticket(actor=SYSTEM, ticket_id=ticket_id, now=now)
    present = list(Queue.objects.filter(pk__in=served).order_by("pk"))
    _end(session, present, SYSTEM, now)


def _end(session: CounterSession, queues: list[Queue], actor: Actor, now: datetime) -> None:
    was_open = session.state == SessionState.OPEN
    _end_break(session, now)
    session.state = SessionState.ENDED
    session.ended_at = now
    session.save(update_fields=["state", "ended_at"])
    _tell(session, queues, events.CounterClosed, -1 if was_open else 0, actor, now)


def _in_lock_order(queues: "QuerySet[Queue]") -> "QuerySet[Queue]":
    return queues.select_for_update(of=("self",), no_key=True).order_by("pk")


def _locked_queues_of(counter: Counter, queue_ids: Sequence[UUID] | None) -> "QuerySet[Queue]":
    rows: QuerySet[Queue] = Queue.objects.filter(branch_id=counter.branch_id, retired_at=None)
    if queue_ids is not None:
        rows = rows.filter(pk__in=queue_ids)
    return _in_lock_order(rows)


def _locked(actor: Actor, session_id: UUID) -> tuple[CounterSession, list[Queue]]:
    """Lock the queues that a session serves, then the session, in the order of all locks."""
    served = policies.access_session(actor, session_id).queue_ids
    queues = list(_in_lock_order(Queue.objects.filter(pk__in=served)))
    policies.access_session(actor, session_id, lock=True)
    # A call from a queue that the session does not serve may have ended while this one waited for
    # the session's lock, after its look at the counter: look again under the lock.
    return policies.access_session(actor, session_id), queues


def _check_free(session: CounterSession) -> None:
    if session.is_busy:  # type: ignore[attr-defined]  # annotated by the policy
        raise CounterBusy


def _end_break(session: CounterSession, now: datetime) -> None:
    SessionBreak.objects.filter(session=session, ended_at=None).update(ended_at=now)


def _tell(
    session: CounterSession,
    queues: list[Queue],
    event: type[events.CounterEvent],
    counters: int,
    actor: Actor,
    now: datetime,
) -> None:
    for queue in queues:
        queue.open_counters = max(queue.open_counters + counters, 0)
        _queue_changes.record(queue, event, actor=actor, at=now, session=session)

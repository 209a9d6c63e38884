"""What queues does upon events: learn from each wait, empty a closed line."""

from uuid import UUID

from smartqueue.accounts.events import UserErased
from smartqueue.business.events import (
    BranchClosed,
    MemberChanged,
    MemberEvent,
    MemberRemoved,
    OrganizationClosed,
    SupportClosed,
)
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import Event
from smartqueue.outbox.registry import subscribe
from smartqueue.queues import operations, queries
from smartqueue.queues.events import (
    QueueClosed,
    TicketCalled,
    TicketCancelled,
    TicketCompleted,
    TicketEvent,
    TicketNoShow,
)


@subscribe(TicketCalled, TicketCancelled, TicketCompleted, TicketNoShow)
def on_ticket_ended_learn(event: TicketEvent) -> None:
    """Note what the queue's estimator will learn of a wait or a service that has just ended."""
    if event.reason != "undo":
        operations.note_lesson(event=event)


@subscribe(QueueClosed, mode=HandlerMode.OUTSIDE)
def on_queue_closed_expire(event: QueueClosed) -> None:
    """End the tickets of a closed line, some hundred a transaction, so that no lock is held long."""
    while operations.expire_tickets(queue_id=event.queue_id, now=event.occurred_at):
        pass


@subscribe(BranchClosed)
def on_branch_closed_retire_queues(event: BranchClosed) -> None:
    """Retire the queues of a closed branch; who slipped in at the last moment is told it is over."""
    _retire_all(
        event, queries.queues_at(organization_id=_organization(event), branch_id=event.branch_id)
    )


@subscribe(OrganizationClosed)
def on_organization_closed_retire_queues(event: OrganizationClosed) -> None:
    """Retire the queues of a closed organization."""
    _retire_all(event, queries.queues_at(organization_id=_organization(event)))


@subscribe(MemberChanged, MemberRemoved)
def on_role_lost_end_sessions(event: MemberEvent) -> None:
    """Free the counter of somebody who may not serve there any more."""
    _end_sessions(event, event.user_id)


@subscribe(SupportClosed)
def on_support_closed_end_sessions(event: SupportClosed) -> None:
    """Free the counter at which platform staff sat."""
    _end_sessions(event, event.user_id)


def _end_sessions(event: Event, user_id: UUID) -> None:
    operations.end_sessions_without_right(
        user_id=user_id, organization_id=_organization(event), now=event.occurred_at
    )


@subscribe(UserErased)
def on_user_erased_forget(event: UserErased) -> None:
    """Take a person who is gone off their tickets."""
    operations.forget_person(user_id=event.user_id)


def _organization(event: Event) -> UUID:
    assert event.organization_id is not None  # noqa: S101  # these events belong to one
    return event.organization_id


def _retire_all(event: Event, queue_ids: list[UUID]) -> None:
    for queue_id in queue_ids:
        operations.retire_closed_place_queue(queue_id=queue_id, now=event.occurred_at)

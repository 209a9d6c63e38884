"""What staff have told to a whole line, and when managers hear of its length."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.business.enums import Ability
from smartqueue.common.db import operation, update_row
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.common.phones import is_textable
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.errors import BudgetSpent
from smartqueue.notifications.models import Batch
from smartqueue.notifications.operations import BatchRecipient, budgets, by_hand, wording
from smartqueue.notifications.segments import Length, measure
from smartqueue.outbox import operations as outbox
from smartqueue.queues import events, policies
from smartqueue.queues.enums import TicketState
from smartqueue.queues.models import LongLine, Queue, Ticket

LIFE: Final = timedelta(hours=2)
# Below four fifths of what is long a line is short again, so that one at the edge is told of once.
SHORT_AGAIN: Final = 0.8
MOST_PEOPLE: Final = 10_000


@operation
def watch_ticket(*, ticket_id: UUID) -> Ticket | None:
    """
    Note that a browser is told what becomes of a ticket, so that its events reach those who tell.

    Returns the ticket as it is under the lock of its queue, that nothing may happen to it unheard
    meanwhile; None when it was noted before, or is gone.
    """
    try:
        ticket, _queue, _ = policies.access_ticket_locked(SYSTEM, ticket_id)
    except NotFound:
        return None
    if ticket.is_watched:
        return None
    ticket.is_watched = True
    update_row(ticket, ("is_watched",))
    return ticket


@operation
def write_to_waiting(*, actor: Actor, queue_id: UUID, text: str, now: datetime) -> Batch:
    """
    Have a text sent to everybody who waits in a queue and can be reached by text message.

    :raises NotFound: unknown, or not managed by the actor
    :raises TooManyRequests: the actor or the organization wrote as much as it may
    :raises InvalidInput: there is no text, or nobody to be reached
    :raises TextTooLong: more than four segments
    :raises BudgetSpent: nothing is left of the month's budget
    :raises ChannelUnavailable: no provider carries text messages
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE)
    by_hand.count_message(actor, queue.organization_id)
    by_hand.check_text(text)
    people = _textable(queue)
    if not people:
        raise InvalidInput.on("text", _("Nobody waits here who left a mobile number."), "nobody")
    if budgets.is_spent(queue.organization_id, now):
        raise BudgetSpent
    return notifications.create_batch(
        organization_id=queue.organization_id,
        channel=Channel.SMS,
        template="by_hand",
        context={"subject": "", "text": text},
        recipients=people,
        now=now,
        created_by=actor,
        expires_at=now + LIFE,
    )


@dataclass(frozen=True, slots=True)
class LinePreview:
    """
    A text to a whole line before it is sent: to how many `people`, how long it is, what all of it
    will cost at the cheapest provider, and what is left of the month's budget (None without one).
    In minor units.
    """

    people: int
    length: Length
    cost_minor: int
    left_minor: int | None


@operation
def preview_to_waiting(*, actor: Actor, queue_id: UUID, text: str, now: datetime) -> LinePreview:
    """
    Say what a text to everybody who waits in a queue would cost; sends nothing.

    :raises NotFound: unknown, or not managed by the actor
    :raises InvalidInput: there is no text
    :raises TextTooLong: more than four segments
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE)
    by_hand.check_text(text)
    people, length = count_textable(queue), measure(text)
    return LinePreview(
        people=people,
        length=length,
        cost_minor=people * length.segments * wording.price_minor(),
        left_minor=budgets.left_of(queue.organization_id, now),
    )


def count_textable(queue: Queue) -> int:
    """Return how many people wait in a queue of the scope who can be texted."""
    return len(_textable(queue))


def _textable(queue: Queue) -> list[BatchRecipient]:
    waiting = Ticket.objects.filter(queue=queue, state=TicketState.WAITING)
    found = {}
    for ticket in waiting.select_related("customer"):
        customer = ticket.customer
        phone = ticket.phone or (customer.phone if customer else "") or ""
        if phone and is_textable(phone):
            language = customer.language if customer else ticket.language
            found[phone] = BatchRecipient(phone, language, customer.pk if customer else None)
    return list(found.values())


@operation
def set_long_line(*, actor: Actor, queue_id: UUID, people: int | None) -> None:
    """
    Say from how many waiting people on a queue's managers are told; None for never.

    :raises NotFound: unknown, or not managed by the actor
    :raises InvalidInput: not from 1 to 10,000
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE)
    if people is None:
        LongLine.objects.filter(queue=queue).delete()
        return
    if not 1 <= people <= MOST_PEOPLE:
        raise InvalidInput.on("people", _("From 1 to 10,000 people."), "count")
    LongLine.objects.update_or_create(
        queue=queue, defaults={"people": people, "organization_id": queue.organization_id}
    )


@operation
def watch_long_lines(*, now: datetime) -> int:
    """Publish which lines have grown long since they were short; return how many."""
    watched = LongLine.objects.with_scopes_disabled().select_related("queue")
    grown = 0
    for line in watched.select_for_update(of=("self",), skip_locked=True):
        waiting = line.queue.waiting_count
        if line.is_long and waiting < line.people * SHORT_AGAIN:
            line.is_long = False
        elif not line.is_long and waiting >= line.people:
            line.is_long, line.spell, grown = True, line.spell + 1, grown + 1
            outbox.publish(
                events.QueueGrewLong(
                    organization_id=line.organization_id,
                    subject_version=line.queue.version,
                    occurred_at=now,
                    actor=SYSTEM.label,
                    queue_id=line.queue_id,
                    branch_id=line.queue.branch_id,
                    waiting=waiting,
                    spell=line.spell,
                )
            )
        else:
            continue
        line.save(update_fields=["is_long", "spell"])
    return grown

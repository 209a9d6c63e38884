"""Getting a place in line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.business.enums import Ability, Switch
from smartqueue.business.policies import can
from smartqueue.business.switches import is_on
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.common.ids import new_id
from smartqueue.queues import events, policies, queries
from smartqueue.queues.enums import ACTIVE, ORDINARY, JoinChannel, QueueState, TicketState
from smartqueue.queues.errors import (
    AccountRequired,
    AlreadyWaiting,
    JoiningByWebOff,
    NoReturnTicket,
    NotYetOpen,
    PriorityNotOpen,
    QueueClosed,
    QueueFull,
    QueuePaused,
)
from smartqueue.queues.models import Queue, QueuePriority, Ticket, VehicleCategory
from smartqueue.queues.operations import _lifecycle, _order
from smartqueue.waits import Estimate

OPEN_CHANNELS = frozenset({JoinChannel.WEB, JoinChannel.API})
PHONE_CHANNELS = frozenset({JoinChannel.SMS, JoinChannel.USSD})


@operation
def issue_ticket(
    *,
    actor: Actor,
    queue_id: UUID,
    now: datetime,
    service_id: UUID | None = None,
    customer_name: str = "",
    phone: str = "",
    priority: str = ORDINARY,
    channel: str | None = None,
    vehicle_category: str = "",
    plate: str = "",
    language: str = "fr",
) -> Ticket:
    """
    Give the next number of the day and a place in line.

    Staff of the branch issue for somebody else; a signed-in person joins in their own name, and
    several named people may join with one account or phone. `phone` is E.164.

    :raises NotFound: unknown queue
    :raises QueueClosed, QueuePaused, QueueFull, NotYetOpen: nobody can join now
    :raises JoiningByWebOff: the organization gives tickets at the place only
    :raises AccountRequired: it takes people with an account only
    :raises AlreadyWaiting: the same named person of this account or phone is in the queue
    :raises InvalidInput: a service, priority or vehicle category that the queue does not take
    :raises PriorityNotOpen: a priority that only the staff gives
    """
    queue, offered, switched = policies.access_queue_to_join(actor, queue_id)
    is_staff = can(actor, queue.organization_id, Ability.SERVE, queue.branch_id)
    if not is_staff and actor.kind is not ActorKind.KIOSK:
        _check_door(actor, switched)
    service_date = _lifecycle.today(queue, now)
    new_day = _begin_day(queue, service_date)
    _check_joinable(queue, now)
    behind_all = queries.wait_behind_all(queue, now)
    if not is_staff and actor.kind is not ActorKind.KIOSK:
        _check_worth_coming(behind_all)
    customer_id = None if is_staff else actor.user_id
    person_key = _lifecycle.person_key_of(customer_name)
    _check_not_waiting(queue, customer_id, phone, person_key, is_staff=is_staff)
    priority_class = _priority_class(queue, priority, is_staff=is_staff)
    ticket = _next_ticket(
        queue,
        now,
        {
            "service_id": _service_of(offered, service_id),
            "priority": priority,
            "channel": _channel_of(actor, channel, is_staff=is_staff),
            "order_key": _order.key_on_joining(queue, priority_class, now),
            "customer_id": customer_id,
            "customer_name": customer_name,
            "phone": phone,
            "person_key": person_key,
            "language": language,
            "vehicle_category": _vehicle_category(queue, vehicle_category),
            "plate": plate,
        },
    )
    ticket.first_estimate = queries.estimate_on_joining(queue, ticket, now, behind_all)
    return _issued(ticket, actor, now, new_day=new_day)


@dataclass(frozen=True, kw_only=True, slots=True)
class Booked:
    """
    Somebody with an appointment, as the door knows them. `slot_at` is their time, None for who came
    too late to have its place in the order; `phone` is E.164.
    """

    service_id: UUID
    slot_at: datetime | None
    head_start_minutes: int
    customer_id: UUID | None
    customer_name: str = ""
    phone: str = ""
    language: str = "fr"


@operation
def admit_booked(*, actor: Actor, queue_id: UUID, booked: Booked, now: datetime) -> Ticket:
    """
    Give somebody with an appointment the next number, and the place in line that their time earns.

    Quotas and doors for walk-ins do not count: their place was promised.

    :raises NotFound: unknown queue
    :raises QueueClosed, QueuePaused: nobody can join now
    :raises AlreadyWaiting: the same named person of this account or phone is in the queue
    :raises InvalidInput: the queue does not take the service
    """
    queue, offered, _ = policies.access_queue_to_join(actor, queue_id)
    new_day = _begin_day(queue, _lifecycle.today(queue, now))
    _check_open(queue)
    person_key = _lifecycle.person_key_of(booked.customer_name)
    _check_not_waiting(queue, booked.customer_id, booked.phone, person_key, is_staff=False)
    order_key = _order.key_last(queue, now)
    if booked.slot_at is not None:
        order_key = _order.key_of_slot(queue, booked.slot_at, booked.head_start_minutes, now)
    ticket = _next_ticket(
        queue,
        now,
        {
            "service_id": _service_of(offered, booked.service_id),
            "channel": JoinChannel.CHECK_IN,
            "order_key": order_key,
            "customer_id": booked.customer_id,
            "customer_name": booked.customer_name,
            "phone": booked.phone,
            "person_key": person_key,
            "language": booked.language,
        },
    )
    return _issued(ticket, actor, now, new_day=new_day)


@operation
def use_return_ticket(
    *, actor: Actor, ticket_id: UUID, now: datetime, channel: str | None = None
) -> Ticket:
    """
    Give somebody whom an outage had sent home, on the day that was said, the next number and a place
    before those who come for the first time. Done once: another time gives the same ticket.

    Quotas and doors for walk-ins do not count: their place was promised.

    :raises NotFound: unknown, or not the actor's
    :raises NoReturnTicket: it has none, or one for another day
    :raises QueueClosed, QueuePaused: nobody can join now
    :raises AlreadyWaiting: the same named person of this account or phone is in the queue
    """
    old, queue, _queue = policies.access_ticket_locked(actor, ticket_id, holder=True)
    known = queries.returned_as(old)
    if known is not None:
        return known
    today = _lifecycle.today(queue, now)
    if old.returns_on != today:
        raise NoReturnTicket(day=old.returns_on.isoformat() if old.returns_on else None)
    new_day = _begin_day(queue, today)
    _check_open(queue)
    _check_not_waiting(queue, old.customer_id, old.phone, old.person_key, is_staff=False)
    kept = {name: getattr(old, name) for name in _KEPT_ON_RETURN}
    ticket = _next_ticket(
        queue,
        now,
        kept
        | {
            "channel": _channel_of(actor, channel, is_staff=policies.serves(actor, old)),
            "order_key": _order.key_of_return(queue, old),
            "return_of_id": old.pk,
        },
    )
    return _issued(ticket, actor, now, new_day=new_day)


_KEPT_ON_RETURN: Final = (
    "service_id",
    "priority",
    "customer_id",
    "customer_name",
    "phone",
    "person_key",
    "language",
    "vehicle_category",
    "plate",
)


def _next_ticket(queue: Queue, now: datetime, facts: dict[str, Any]) -> Ticket:
    """Return a waiting ticket with the queue's next number of the day, not yet stored."""
    queue.last_sequence += 1
    ticket = queries.TICKET.new(
        {
            "id": new_id(),
            "organization_id": queue.organization_id,
            "branch_id": queue.branch_id,
            "queue_id": queue.pk,
            "issuing_queue_id": queue.pk,
            "service_date": queue.number_date,
            "sequence": queue.last_sequence,
            "number": f"{queue.prefix}{queue.last_sequence:03d}",
            "state": TicketState.WAITING,
            "joined_at": now,
            **facts,
        }
    )
    ticket.queue = queue
    return ticket


def _issued(ticket: Ticket, actor: Actor, now: datetime, *, new_day: bool) -> Ticket:
    return _lifecycle.record(
        _lifecycle.Change(
            queue=ticket.queue,
            ticket=ticket,
            event=events.TicketIssued,
            actor=actor,
            at=now,
            from_state=None,
            new_day=new_day,
        )
    )


def _check_door(actor: Actor, switched: Mapping[str, bool]) -> None:
    """Let in who does not come by the kiosk or the staff as far as the organization wants it."""
    if not is_on(switched, Switch.JOINING_BY_WEB):
        raise JoiningByWebOff
    if actor.user_id is None and not is_on(switched, Switch.JOINING_WITHOUT_ACCOUNT):
        raise AccountRequired


def _begin_day(queue: Queue, date: date) -> bool:
    """Start numbering again on a new service day; says whether one began."""
    if queue.number_date == date:
        return False
    taken = Ticket.objects.filter(issuing_queue=queue, service_date=date)
    queue.last_sequence = taken.aggregate(last=Max("sequence"))["last"] or 0
    queue.number_date = date
    return True


def _check_open(queue: Queue) -> None:
    match queue.state:
        case QueueState.CLOSED:
            raise QueueClosed(queue.state_reason)
        case QueueState.PAUSED:
            raise QueuePaused(queue.state_reason)


def _check_joinable(queue: Queue, now: datetime) -> None:
    _check_open(queue)
    local = now.astimezone(ZoneInfo(queue.branch.timezone))
    if queue.tickets_from is not None and local.time() < queue.tickets_from:
        raise NotYetOpen(
            _("Tickets are given from %(time)s.") % {"time": f"{queue.tickets_from:%H:%M}"},
            tickets_from=f"{queue.tickets_from:%H:%M}",
        )
    if queue.tickets_stopped_on == queue.number_date:
        raise QueueFull(_("Who waits is still served. Come back tomorrow."))
    if queue.daily_quota is not None and queue.last_sequence >= queue.daily_quota:
        raise QueueFull(_("All tickets of the day are given. Come back tomorrow."))
    if queue.max_waiting is not None and queue.waiting_count >= queue.max_waiting:
        raise QueueFull(_("The line is full for the moment. Try again later."))


def _check_worth_coming(wait: Estimate) -> None:
    """Nobody is sent on the way to a line that will probably close before their turn."""
    if not queries.is_likely_served_today(wait):
        raise QueueFull(_("The line is too long for today. Come earlier tomorrow."))


def _check_not_waiting(
    queue: Queue, customer_id: UUID | None, phone: str, person_key: str, *, is_staff: bool
) -> None:
    """Refuse a second place; the number of the first is told to its own account and to staff."""
    if customer_id is None and not phone:
        return
    same = Ticket.objects.filter(queue=queue, state__in=ACTIVE, person_key=person_key)
    if customer_id is not None:
        number = same.filter(customer_id=customer_id).values_list("number", flat=True).first()
        if number is not None:
            raise _already(number)
    if phone:
        number = same.filter(phone=phone).values_list("number", flat=True).first()
        if number is not None:
            raise (
                _already(number)
                if is_staff
                else AlreadyWaiting(_("To add another person with this phone, give their name."))
            )


def _already(number: str) -> AlreadyWaiting:
    return AlreadyWaiting(
        _("The ticket is %(number)s. To add another person, give their name.") % {"number": number},
        number=number,
    )


def _service_of(offered: list[UUID], service_id: UUID | None) -> UUID | None:
    if not offered:
        raise QueueClosed(_("None of its services is offered any more."))
    if service_id is None:
        return offered[0] if len(offered) == 1 else None
    if service_id not in offered:
        raise InvalidInput.on("service", _("This queue does not serve that service."))
    return service_id


def _priority_class(queue: Queue, priority: str, *, is_staff: bool) -> QueuePriority | None:
    if priority == ORDINARY:
        return None
    found: QueuePriority | None = QueuePriority.objects.filter(queue=queue, code=priority).first()
    if found is None:
        raise InvalidInput.on("priority", _("This queue does not know that priority."))
    if not (found.is_declarable or is_staff):
        raise PriorityNotOpen.on(
            "priority", _("Ask the staff for this priority."), "priority_not_open"
        )
    return found


def _channel_of(actor: Actor, channel: str | None, *, is_staff: bool) -> str:
    if actor.kind is ActorKind.KIOSK:
        return JoinChannel.KIOSK
    if is_staff:
        return channel or JoinChannel.AGENT
    if actor.kind is ActorKind.PHONE:
        return channel if channel in PHONE_CHANNELS else JoinChannel.SMS
    return channel if channel in OPEN_CHANNELS else JoinChannel.API


def _vehicle_category(queue: Queue, code: str) -> str:
    if not code:
        return ""
    if not VehicleCategory.objects.filter(queue=queue, code=code).exists():
        raise InvalidInput.on("vehicle_category", _("This queue does not take that vehicle."))
    return code

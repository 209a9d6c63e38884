"""At the door: arriving, not coming, and what the queue says of who has arrived."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.appointments import events, policies, queries
from smartqueue.appointments.enums import TRANSITIONS, AppointmentState, Punctuality, Side
from smartqueue.appointments.errors import IllegalTransition, NoQueueOpen, TooEarly
from smartqueue.appointments.models import Appointment, BookingRules
from smartqueue.appointments.operations import _lifecycle
from smartqueue.business.enums import Ability
from smartqueue.business.policies import access_branch
from smartqueue.common import clock, tenancy
from smartqueue.common.db import operation
from smartqueue.common.errors import NotFound
from smartqueue.queues import operations as queue_operations
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import QueueState, TicketState
from smartqueue.queues.models import Queue, Ticket

ARRIVING = frozenset({AppointmentState.CONFIRMED, AppointmentState.NO_SHOW})
# The state of a ticket that ends its appointment's visit, or begins it again.
_FOLLOWS = {
    TicketState.COMPLETED: AppointmentState.COMPLETED,
    TicketState.NO_SHOW: AppointmentState.NO_SHOW,
    TicketState.CANCELLED: AppointmentState.CONFIRMED,
    TicketState.EXPIRED: AppointmentState.CANCELLED,
}


@operation
def check_in_appointment(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    reference: str = "",
    queue_id: UUID | None = None,
) -> Appointment:
    """
    Let somebody arrive: their ticket has the place in line that the time of the appointment earns,
    less the service's head start. Too late for that, it is a walk-in's. Again returns the same.

    `queue_id` is where the staff want them; otherwise the shortest open queue of the service.

    :raises NotFound: unknown, or not the actor's
    :raises TooEarly: says from when
    :raises IllegalTransition: the appointment is not of today, or over
    :raises NoQueueOpen: nobody can be served now
    """
    seen = policies.access_arrival(actor, appointment_id, reference)
    if seen.state == AppointmentState.CHECKED_IN:
        return seen
    rules = policies.rules_of(seen.service)
    _check_time(seen, rules, now)
    # The queue's lock comes before that of the places.
    ticket = _admit(actor, seen, rules, queue_id, now)
    locked = policies.lock_places([seen.places_id])
    appointment: Appointment = Appointment.objects.select_related("branch", "service").get(
        pk=seen.pk
    )
    if appointment.version != seen.version or appointment.places_id not in locked:
        raise IllegalTransition(state=appointment.state)
    before = AppointmentState(appointment.state)
    appointment.move_to(AppointmentState.CHECKED_IN)
    appointment.checked_in_at = now
    appointment.punctuality = punctuality_of(appointment, rules, now)
    appointment.ended_at, appointment.ended_by = None, ""
    appointment.next_reminder_at = None
    appointment.ticket = ticket
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentCheckedIn,
            actor=actor,
            at=now,
            from_state=before,
            facts={"ticket_id": ticket.pk, "punctuality": str(appointment.punctuality)},
        )
    )


def punctuality_of(appointment: Appointment, rules: BookingRules, now: datetime) -> Punctuality:
    """Return how an arrival now compares with the appointment's time and the tolerance."""
    if now < appointment.starts_at:
        return Punctuality.EARLY
    if now <= appointment.starts_at + timedelta(minutes=rules.late_minutes):
        return Punctuality.ON_TIME
    return Punctuality.LATE


def _check_time(appointment: Appointment, rules: BookingRules, now: datetime) -> None:
    opens = appointment.starts_at - timedelta(minutes=rules.early_minutes)
    if now < opens:
        zone = ZoneInfo(appointment.branch.timezone)
        raise TooEarly(opens_at=opens.astimezone(zone).isoformat())
    is_today = clock.service_date(now, appointment.branch.timezone) == appointment.date
    if appointment.state not in ARRIVING or not (is_today or now < appointment.ends_at):
        raise IllegalTransition(state=appointment.state)


def _admit(
    actor: Actor,
    appointment: Appointment,
    rules: BookingRules,
    queue_id: UUID | None,
    now: datetime,
) -> Ticket:
    if queue_id is None:
        queue_id = _queue_for(appointment).pk
    is_late = punctuality_of(appointment, rules, now) is Punctuality.LATE
    return queue_operations.admit_booked(
        actor=actor,
        queue_id=queue_id,
        booked=queue_operations.Booked(
            service_id=appointment.service_id,
            slot_at=None if is_late else appointment.starts_at,
            head_start_minutes=rules.head_start_minutes,
            customer_id=appointment.customer_id,
            customer_name=appointment.customer_name,
            phone=appointment.phone,
            language=appointment.language,
        ),
        now=now,
    )


def _queue_for(appointment: Appointment) -> Queue:
    rows = queue_queries.list_queues().filter(
        branch=appointment.branch_id,
        state=QueueState.OPEN,
        queue_services__service=appointment.service_id,
    )
    queue = rows.order_by("waiting_count", "name").first()
    if queue is None:
        raise NoQueueOpen
    return queue


@operation
def check_in_by_code(*, actor: Actor, branch_id: UUID, code: str, now: datetime) -> Appointment:
    """
    Check in by reference or phone, for the kiosk and the staff of a branch; by phone the
    appointment nearest to now.

    :raises NotFound: no appointment of today has it, or the actor is not of that branch
    :raises TooEarly, IllegalTransition, NoQueueOpen: as `check_in_appointment`
    """
    if actor.branch_id != branch_id:
        access_branch(actor, branch_id, Ability.SERVE)
    found = _arrival(branch_id, code, now)
    return check_in_appointment(
        actor=actor, appointment_id=found.pk, now=now, reference=found.reference
    )


def _arrival(branch_id: UUID, code: str, now: datetime) -> Appointment:
    branch = queries.get_branch(branch_id)
    with tenancy.organizations([branch.organization_id]):
        rows = list(
            queries.find_for_check_in(
                branch_id=branch_id, date=clock.service_date(now, branch.timezone), code=code
            ).filter(state__in=(*ARRIVING, AppointmentState.CHECKED_IN))
        )
    if not rows:
        raise NotFound
    return min(rows, key=lambda row: abs(row.starts_at - now))


@operation
def mark_no_show(*, actor: Actor, appointment_id: UUID, now: datetime) -> Appointment:
    """
    Note that somebody did not come; they may still arrive late that day. Again changes nothing.

    :raises NotFound: unknown, or the actor does not serve there
    :raises IllegalTransition: it has not begun, or they are here
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id)
    if appointment.state == AppointmentState.NO_SHOW:
        return appointment
    if appointment.state != AppointmentState.CONFIRMED or appointment.starts_at > now:
        raise IllegalTransition(state=appointment.state)
    side = _lifecycle.side_of(actor, appointment)
    _lifecycle.end(appointment, AppointmentState.NO_SHOW, side, now)
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentNoShow,
            actor=actor,
            at=now,
            from_state=AppointmentState.CONFIRMED,
        )
    )


@operation
def follow_ticket(*, organization_id: UUID, ticket_id: UUID, now: datetime) -> bool:
    """Let an appointment end as its ticket did, by the ticket's present state; whether it changed."""
    tenancy.enter(organization_id)
    found = Appointment.objects.filter(ticket=ticket_id).values_list("pk", flat=True).first()
    if found is None:
        return False
    appointment, _ = policies.access_appointment_locked(SYSTEM, found)
    ticket: Ticket | None = Ticket.objects.filter(pk=ticket_id).first()
    if ticket is None or appointment.ticket_id != ticket_id:
        return False
    before = AppointmentState(appointment.state)
    state = _FOLLOWS.get(TicketState(ticket.state), AppointmentState.CHECKED_IN)
    if state is before or state not in TRANSITIONS[before]:
        return False
    _follow(appointment, state, now)
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=_EVENT_OF[state],
            actor=SYSTEM,
            at=now,
            from_state=before,
            reason="ticket",
            facts=_facts(appointment, state),
        )
    )
    return True


_EVENT_OF: dict[AppointmentState, type[events.AppointmentEvent]] = {
    AppointmentState.COMPLETED: events.AppointmentCompleted,
    AppointmentState.NO_SHOW: events.AppointmentNoShow,
    AppointmentState.CONFIRMED: events.AppointmentReturned,
    AppointmentState.CANCELLED: events.AppointmentCancelled,
    AppointmentState.CHECKED_IN: events.AppointmentCheckedIn,
}


def _facts(appointment: Appointment, state: AppointmentState) -> dict[str, object]:
    if state is not AppointmentState.CHECKED_IN:
        return {}
    return {"ticket_id": appointment.ticket_id, "punctuality": str(appointment.punctuality)}


def _follow(appointment: Appointment, state: AppointmentState, now: datetime) -> None:
    if state is AppointmentState.CONFIRMED:
        # They left the line; a new ticket may be made at a new arrival.
        appointment.move_to(state)
        appointment.ticket = None
        appointment.checked_in_at, appointment.punctuality = None, ""
        return
    if state is AppointmentState.CHECKED_IN:
        appointment.move_to(state)
        appointment.ended_at, appointment.ended_by = None, ""
        return
    _lifecycle.end(appointment, state, Side.SYSTEM, now)
    if state is AppointmentState.CANCELLED:
        appointment.counted = 0

"""Moving, cancelling and declining appointments."""

from datetime import datetime, timedelta
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import events, policies
from smartqueue.appointments.enums import MOVABLE, AppointmentState, Side
from smartqueue.appointments.errors import (
    IllegalTransition,
    MovedTooOften,
    TooLateToCancel,
    TooLateToMove,
)
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import _lifecycle, _people, _places, _waiting
from smartqueue.appointments.operations._taking import reminder_after
from smartqueue.appointments.policies import Offer
from smartqueue.common import clock
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput


@operation
def reschedule_appointment(
    *,
    actor: Actor,
    appointment_id: UUID,
    starts_at: datetime,
    now: datetime,
    agent_id: UUID | None = None,
) -> Appointment:
    """
    Move an appointment to another time of its service and branch: the new place is had, then the
    old one is given up, or nothing happens. To the time that it has, it changes nothing.

    What needed approval needs it again, unless the staff move it.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: it is not ahead
    :raises TooLateToMove, MovedTooOften: by the service's rules
    :raises NotOffered, InThePast, TooSoon, TooFarAhead, SlotFull, AgentBusy: with what is free next
    :raises TooManyAppointments, AlreadyBooked: the person has another one then
    """
    seen = policies.access_appointment(actor, appointment_id)
    offer = Offer(
        seen.branch,
        seen.service,
        policies.rules_of(seen.service),
        policies.serves(actor, seen),
    )
    if starts_at == seen.starts_at and agent_id in {None, seen.agent_id}:
        return seen
    bookable, slots = _places.slots_to_book(offer, starts_at, now, seen.people, agent_id)
    if not offer.is_staff:
        _people.wait_for_person(offer, seen.customer_id, seen.phone)
    rows = _places.find_places(bookable, slots)
    _places.check_room(offer, bookable, slots, rows, seen.people, now)
    _places.make_places(bookable, slots, rows)
    ids = rows.ids
    appointment, locked = policies.access_appointment_locked(
        actor, appointment_id, holder=True, also=ids
    )
    if appointment.starts_at == starts_at and agent_id in {None, appointment.agent_id}:
        return appointment
    _check_move(offer, appointment, starts_at, now)
    old = appointment.places
    targets = {pk: row for pk, row in locked.items() if pk in ids}
    places, slot = _places.pick(offer, bookable, slots, targets, appointment.people, now)
    before, state = appointment.starts_at, AppointmentState(appointment.state)
    appointment.places = places
    appointment.agent_id = slot.agent
    appointment.starts_at, appointment.ends_at = slot.starts_at, slot.ends_at
    appointment.date = clock.service_date(slot.starts_at, offer.branch.timezone)
    appointment.is_public = appointment.is_public and not offer.is_staff
    appointment.moves += 1
    appointment.moved_from = before
    appointment.attendance_at = None
    appointment.next_reminder_at = None
    if offer.rules.needs_approval and not offer.is_staff:
        appointment.state = AppointmentState.PENDING
    elif state is AppointmentState.CONFIRMED:
        appointment.next_reminder_at = reminder_after(offer.rules, slot.starts_at, now)
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentMoved,
            actor=actor,
            at=now,
            from_state=state,
            is_seen=True,
            facts={"from_starts_at": before},
        )
    )
    _places.give_back(_places.bookable_on(offer, before), old, appointment.people, now)
    return appointment


def _check_move(offer: Offer, appointment: Appointment, starts_at: datetime, now: datetime) -> None:
    if appointment.state not in MOVABLE:
        raise IllegalTransition(state=appointment.state)
    if offer.is_staff:
        return
    if appointment.starts_at - now < timedelta(minutes=offer.rules.move_until_minutes):
        raise TooLateToMove
    if appointment.moves >= offer.rules.most_moves:
        raise MovedTooOften
    _people.check_limits(
        offer,
        customer_id=appointment.customer_id,
        phone=appointment.phone,
        person_key=appointment.person_key,
        day=clock.service_date(starts_at, offer.branch.timezone),
        now=now,
        besides=[appointment.pk],
    )


@operation
def cancel_appointment(
    *, actor: Actor, appointment_id: UUID, now: datetime, reason: str = ""
) -> Appointment:
    """
    Give up an appointment, a hold, or an offer of the waitlist; again changes nothing.

    The waitlist is offered its places at once; who is not on it, after the service's delay.
    `reason` is kept for the staff and told to nobody else.

    :raises NotFound: unknown, or not the actor's
    :raises TooLateToCancel: the person, by the service's rules
    :raises IllegalTransition: it is over, or the person has arrived and is not the staff
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    if appointment.state == AppointmentState.CANCELLED:
        return appointment
    return _cancel(actor, appointment, now, reason=reason, word="")


def _cancel(
    actor: Actor, appointment: Appointment, now: datetime, *, reason: str, word: str
) -> Appointment:
    side = _lifecycle.side_of(actor, appointment)
    rules = policies.rules_of(appointment.service)
    state = AppointmentState(appointment.state)
    if side is Side.PERSON:
        _check_cancelling(appointment, rules.cancel_until_minutes, now)
    offered = _waiting.open_offer_of(appointment)
    was_public = appointment.is_public
    _lifecycle.end(appointment, AppointmentState.CANCELLED, side, now)
    appointment.counted = 0
    appointment.end_reason = reason
    if offered is not None:
        _waiting.decline(offered, actor, now)
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentCancelled,
            actor=actor,
            at=now,
            from_state=state,
            reason=word,
            is_seen=state is not AppointmentState.HELD,
        )
    )
    offer = Offer(appointment.branch, appointment.service, rules, is_staff=True)
    bookable = _places.bookable_on(offer, appointment.starts_at)
    # A form that nobody finished sold nothing, and what staff kept for themselves was never on sale.
    is_resold = was_public and (state is not AppointmentState.HELD or offered is not None)
    _places.give_back(
        bookable,
        appointment.places,
        appointment.people if is_resold else 0,
        now,
        freed_at=offered.offered_at if offered else None,
    )
    return appointment


def _check_cancelling(appointment: Appointment, until_minutes: int, now: datetime) -> None:
    if appointment.state == AppointmentState.HELD:
        return
    if appointment.state not in MOVABLE:
        raise IllegalTransition(state=appointment.state)
    if appointment.starts_at - now < timedelta(minutes=until_minutes):
        raise TooLateToCancel


@operation
def decline_appointment(
    *, actor: Actor, appointment_id: UUID, now: datetime, reason: str = ""
) -> Appointment:
    """
    Refuse what somebody asked for; its place is free again.

    :raises NotFound: unknown, or the actor does not serve there
    :raises IllegalTransition: it awaits no approval
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id)
    if appointment.state != AppointmentState.PENDING:
        raise IllegalTransition(state=appointment.state)
    return _cancel(actor, appointment, now, reason=reason, word="declined")


@operation
def cancel_series(
    *, actor: Actor, appointment_id: UUID, now: datetime, reason: str = ""
) -> list[Appointment]:
    """
    Give up an appointment of a series or a visit, and those of it that come after.

    The link of one reaches those that were booked in the same act.

    :raises NotFound: unknown, or one of them is not the actor's; then none is cancelled
    :raises TooLateToCancel: one of them, by the service's rules; then none is cancelled
    """
    first = policies.access_appointment(actor, appointment_id)
    if first.series_id is None and first.visit_id is None:
        raise InvalidInput
    together = {"series_id": first.series_id} if first.series_id else {"visit_id": first.visit_id}
    rows = Appointment.objects.filter(
        **together, organization=first.organization_id, starts_at__gte=first.starts_at
    )
    ahead = list(rows.filter(state__in=MOVABLE).order_by("places_id", "id"))
    return [
        cancel_appointment(
            actor=policies.actor_beside(actor, first, row),
            appointment_id=row.pk,
            now=now,
            reason=reason,
        )
        for row in ahead
    ]


@operation
def update_note(*, actor: Actor, appointment_id: UUID, note: str, now: datetime) -> Appointment:
    """
    Write what the staff should know of an appointment.

    :raises NotFound: unknown, or the actor does not serve there
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id)
    appointment.note = note
    appointment.save(update_fields=["note"])
    return appointment

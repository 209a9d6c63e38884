"""What makes a hold or a request an appointment, and an appointment certain."""

import dataclasses
from datetime import datetime
from typing import Any
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import events, policies
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.errors import (
    CodeNeeded,
    HoldExpired,
    IllegalTransition,
    PhoneNeeded,
)
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import _lifecycle, _people, _places, _waiting
from smartqueue.appointments.operations._taking import (
    Person,
    is_over,
    reminder_after,
    settle_state,
)
from smartqueue.appointments.policies import Offer
from smartqueue.common.db import operation


def offer_of(actor: Actor, appointment: Appointment) -> Offer:
    """Return what an appointment is of, as its holder or the staff come to change it."""
    rules = policies.rules_of(appointment.service)
    is_staff = policies.serves(actor, appointment)
    return Offer(appointment.branch, appointment.service, rules, is_staff)


@operation
def confirm_appointment(
    *, actor: Actor, appointment_id: UUID, person: Person, now: datetime
) -> Appointment:
    """
    Finish the form of a hold, or take the place that the waitlist was offered. The other holds of
    its visit are finished with it, all or none.

    Again on what is booked already returns it as it is.

    :raises NotFound: unknown, or not the actor's
    :raises HoldExpired: with what is free next
    :raises PhoneNeeded, CodeNeeded: somebody without an account proves a phone first
    :raises InvalidInput: an answer is missing or not possible
    :raises TooManyAppointments, TooManyNoShows: by the service's rules
    """
    seen = policies.access_appointment(actor, appointment_id)
    if not policies.serves(actor, seen):
        # Ahead of the places, as everybody does; what they say below counts under it.
        phone = seen.phone if seen.phone_verified_at else person.phone or seen.phone
        services = policies.held_beside(seen).values_list("service", flat=True)
        _people.wait_for_person_at({seen.service_id, *services}, seen.customer_id, phone)
    also = policies.held_beside(seen).values_list("places", flat=True)
    appointment, locked = policies.access_appointment_locked(
        actor, appointment_id, holder=True, also=also
    )
    if appointment.state in {AppointmentState.PENDING, AppointmentState.CONFIRMED}:
        return appointment
    beside = list(
        policies.held_beside(appointment)
        .filter(places__in=list(locked))
        .select_related("branch", "service")
        .order_by("starts_at", "id")
    )
    codes = _codes_asked([appointment, *beside]) if beside else set()
    _confirm(actor, appointment, _asked_of(appointment, person, codes), now)
    for other in beside:
        other.phone, other.phone_verified_at = appointment.phone, appointment.phone_verified_at
        as_holder = policies.actor_of_hold_beside(actor, appointment, other)
        _confirm(as_holder, other, _asked_of(other, person, codes), now)
    return appointment


def _codes_asked(appointments: list[Appointment]) -> set[str]:
    return {question["code"] for one in appointments for question in _questions(one)}


def _questions(appointment: Appointment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policies.rules_of(appointment.service).questions
    return found


def _asked_of(appointment: Appointment, person: Person, codes: set[str]) -> Person:
    """Leave out the answers to what only the other services of a visit ask."""
    if not codes:
        return person
    others = codes - {question["code"] for question in _questions(appointment)}
    answers = person.answers or {}
    return dataclasses.replace(
        person, answers={code: text for code, text in answers.items() if code not in others}
    )


def _confirm(actor: Actor, appointment: Appointment, person: Person, now: datetime) -> None:
    offer = offer_of(actor, appointment)
    if is_over(appointment, now) or appointment.state == AppointmentState.EXPIRED:
        raise _places.refusal(HoldExpired, offer, now, appointment.starts_at, appointment.people)
    if appointment.state != AppointmentState.HELD:
        raise IllegalTransition(state=appointment.state)
    offered = _waiting.open_offer_of(appointment)
    _fill_in(appointment, offer, person)
    if not offer.is_staff:
        _check_reachable(appointment, actor, is_offered=offered is not None)
        _people.wait_for_person(offer, appointment.customer_id, appointment.phone)
        _people.check_limits(
            offer,
            customer_id=appointment.customer_id,
            phone=appointment.phone,
            person_key=appointment.person_key,
            day=appointment.date,
            now=now,
            besides=[appointment.pk],
        )
    event = settle_state(offer, appointment, now)
    if offered is not None:
        _waiting.take(offered, actor, now)
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=event,
            actor=actor,
            at=now,
            from_state=AppointmentState.HELD,
        )
    )


def _fill_in(appointment: Appointment, offer: Offer, person: Person) -> None:
    appointment.answers = _people.checked_answers(offer.rules, person.answers)
    if person.customer_name:
        appointment.customer_name = person.customer_name
        appointment.person_key = _people.key_of(person.customer_name)
    if person.phone and appointment.phone_verified_at is None:
        appointment.phone = person.phone
    if offer.is_staff and person.note:
        appointment.note = person.note


def _check_reachable(appointment: Appointment, actor: Actor, *, is_offered: bool) -> None:
    if appointment.customer_id is not None or actor.kind is ActorKind.KIOSK or is_offered:
        return
    if not appointment.phone:
        raise PhoneNeeded.on("phone", PhoneNeeded.title, PhoneNeeded.code)
    if appointment.phone_verified_at is None:
        raise CodeNeeded


@operation
def approve_appointment(*, actor: Actor, appointment_id: UUID, now: datetime) -> Appointment:
    """
    Confirm what somebody asked for; its place was kept.

    :raises NotFound: unknown, or the actor does not serve there
    :raises IllegalTransition: it awaits no approval
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id)
    if appointment.state != AppointmentState.PENDING:
        raise IllegalTransition(state=appointment.state)
    appointment.move_to(AppointmentState.CONFIRMED)
    appointment.confirmed_at = now
    rules = policies.rules_of(appointment.service)
    appointment.next_reminder_at = reminder_after(rules, appointment.starts_at, now)
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentConfirmed,
            actor=actor,
            at=now,
            from_state=AppointmentState.PENDING,
            reason="approved",
            is_seen=True,
        )
    )


@operation
def confirm_attendance(*, actor: Actor, appointment_id: UUID, now: datetime) -> Appointment:
    """
    Note that somebody says they will come; again changes nothing.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: it is not ahead
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    if appointment.state != AppointmentState.CONFIRMED:
        raise IllegalTransition(state=appointment.state)
    if appointment.attendance_at is not None:
        return appointment
    appointment.attendance_at = now
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentAttendanceConfirmed,
            actor=actor,
            at=now,
            from_state=AppointmentState.CONFIRMED,
        )
    )

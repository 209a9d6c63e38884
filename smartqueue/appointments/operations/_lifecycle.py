"""How an appointment changes: one place writes the row, its step, and what everybody is told."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import events, policies
from smartqueue.appointments.enums import AppointmentState, Side
from smartqueue.appointments.errors import AgentBusy, AlreadyBooked, SlotFull
from smartqueue.appointments.models import Appointment, AppointmentStep
from smartqueue.common.db import insert_rows, name_refusals, update_row, written_together
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox

FIELDS: Final = (
    "version",
    "sequence",
    "places",
    "agent",
    "starts_at",
    "ends_at",
    "date",
    "state",
    "is_public",
    "counted",
    "free_at",
    "held_for",
    "customer",
    "booked_by",
    "customer_name",
    "phone",
    "person_key",
    "answers",
    "note",
    "channel",
    "code_digest",
    "code_expires_at",
    "code_attempts",
    "booked_at",
    "confirmed_at",
    "checked_in_at",
    "punctuality",
    "ended_at",
    "ended_by",
    "end_reason",
    "moves",
    "moved_from",
    "attendance_at",
    "next_reminder_at",
    "ticket",
)
name_refusals(
    {
        "appointment_once_per_customer": AlreadyBooked,
        "appointment_once_per_phone": AlreadyBooked,
        "places_not_oversold": SlotFull,
        "places_one_agent_at_a_time": AgentBusy,
    }
)


@dataclasses.dataclass(kw_only=True)
class Change:
    """
    One change of one appointment under the lock of its places.

    `event` names it, `facts` are what it says beyond the appointment. `from_state` is None for a
    new one. `is_seen` counts it among what calendar programs must hear of.
    """

    appointment: Appointment
    event: type[events.AppointmentEvent]
    actor: Actor
    at: datetime
    from_state: AppointmentState | None
    reason: str = ""
    is_seen: bool = False
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def side_of(actor: Actor, appointment: Appointment) -> Side:
    """Return on whose side somebody acts."""
    if actor.kind is ActorKind.SYSTEM:
        return Side.SYSTEM
    if policies.is_holder(actor, appointment) or not policies.serves(actor, appointment):
        return Side.PERSON
    return Side.STAFF


def record(change: Change) -> Appointment:
    """
    Write a change whole: appointment, step, event, before the unit's next statement or with its
    end. What the database refuses is named then.

    :raises AlreadyBooked: the person has another appointment at that time
    :raises SlotFull: the places are taken after all
    :raises AgentBusy: the agent got another appointment at that time
    """
    appointment = change.appointment
    if change.from_state is not None:
        appointment.version += 1
    appointment.sequence += change.is_seen
    with written_together():
        if change.from_state is None:
            insert_rows([appointment])
        else:
            update_row(appointment, FIELDS)
        insert_rows([_step(change)])
        outbox.publish(_event(change))
    return appointment


def _step(change: Change) -> AppointmentStep:
    appointment = change.appointment
    return AppointmentStep(
        id=new_id(),
        organization_id=appointment.organization_id,
        appointment_id=appointment.pk,
        version=appointment.version,
        state=appointment.state,
        starts_at=appointment.starts_at,
        side=side_of(change.actor, appointment),
        by_id=change.actor.user_id,
        at=change.at,
    )


def _event(change: Change) -> events.AppointmentEvent:
    appointment = change.appointment
    return change.event(
        organization_id=appointment.organization_id,
        subject_version=appointment.version,
        occurred_at=change.at,
        actor=change.actor.label,
        appointment_id=appointment.pk,
        branch_id=appointment.branch_id,
        service_id=appointment.service_id,
        agent_id=appointment.agent_id,
        customer_id=appointment.customer_id,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        from_state=change.from_state,
        state=appointment.state,
        people=appointment.people,
        sequence=appointment.sequence,
        channel=appointment.channel,
        side=side_of(change.actor, appointment),
        reason=change.reason,
        **change.facts,
    )


def end(appointment: Appointment, to: AppointmentState, side: Side, at: datetime) -> None:
    """Put an appointment into a state after which nobody comes."""
    appointment.move_to(to)
    appointment.ended_at = at
    appointment.ended_by = side
    appointment.next_reminder_at = None
    appointment.free_at = None
    appointment.held_for = None
    appointment.code_digest = None

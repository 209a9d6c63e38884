"""What happens to appointments by the clock."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from smartqueue.accounts.actor import SYSTEM
from smartqueue.appointments import events, policies
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.operations import _lifecycle
from smartqueue.appointments.operations._taking import reminder_after
from smartqueue.appointments.operations.checkin import mark_no_show
from smartqueue.common import clock
from smartqueue.common.db import operation

# A person who comes an hour after their time is let in as somebody late, so nobody is given up before.
MISSED_AFTER: Final = timedelta(hours=1)


@operation
def remind_of_appointment(*, appointment_id: UUID, now: datetime) -> bool:
    """Publish the reminder of an appointment that is due, and set the next; whether there was one."""
    appointment, _ = policies.access_appointment_locked(SYSTEM, appointment_id)
    due = appointment.next_reminder_at
    if due is None or due > now or appointment.state != AppointmentState.CONFIRMED:
        return False
    rules = policies.rules_of(appointment.service)
    appointment.next_reminder_at = reminder_after(rules, appointment.starts_at, now)
    if appointment.starts_at <= now:
        appointment.save(update_fields=["next_reminder_at"])
        return False
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentReminderDue,
            actor=SYSTEM,
            at=now,
            from_state=AppointmentState.CONFIRMED,
            facts={"minutes_before": int((appointment.starts_at - due).total_seconds() // 60)},
        )
    )
    return True


@operation
def give_up_missed(*, appointment_id: UUID, now: datetime) -> bool:
    """Mark somebody who never came, an hour after their time or at the end of the day."""
    appointment = policies.access_appointment(SYSTEM, appointment_id)
    is_past_day = clock.service_date(now, appointment.branch.timezone) > appointment.date
    if appointment.state != AppointmentState.CONFIRMED:
        return False
    if appointment.ends_at > now or not (is_past_day or appointment.ends_at + MISSED_AFTER <= now):
        return False
    marked = mark_no_show(actor=SYSTEM, appointment_id=appointment_id, now=now)
    return marked.state == AppointmentState.NO_SHOW

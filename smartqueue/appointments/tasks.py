"""What happens to appointments by the clock, in batches of one appointment a transaction."""

from smartqueue.appointments import operations, queries
from smartqueue.common import clock
from smartqueue.common.jobs import periodic


@periodic(every_seconds=60)
def free_due_places_task() -> None:
    """Give back holds, offers and requests whose time is over, and offer them to the next in order."""
    now = clock.now()
    for appointment_id in queries.holds_that_are_over(now):
        operations.expire_hold(appointment_id=appointment_id, now=now)


@periodic(every_seconds=60)
def remind_task() -> None:
    """Publish the reminders that are due."""
    now = clock.now()
    for appointment_id in queries.reminders_due(now):
        operations.remind_of_appointment(appointment_id=appointment_id, now=now)


@periodic(every_seconds=300)
def give_up_missed_task() -> None:
    """Mark who never came, and end wishes of waitlists whose dates are over."""
    now = clock.now()
    for appointment_id in queries.appointments_missed(now):
        operations.give_up_missed(appointment_id=appointment_id, now=now)
    for entry_id in queries.wishes_that_are_over(now):
        operations.expire_entry(entry_id=entry_id, now=now)

"""Reactions to events of this app and of those below it; each may run twice."""

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.events import UserErased
from smartqueue.appointments import operations
from smartqueue.appointments.events import (
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentConfirmed,
    AppointmentEvent,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentReturned,
)
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.registry import subscribe
from smartqueue.queues.enums import JoinChannel
from smartqueue.queues.events import (
    TicketCancelled,
    TicketCompleted,
    TicketEvent,
    TicketExpired,
    TicketNoShow,
    TicketReinstated,
)

register_text(
    "booking_code",
    subject=_("Your SmartQueue code for an appointment"),
    body=_("Your code for the appointment is %(code)s. It is good for 10 minutes."),
)


def _is_of_appointment(event: TicketEvent) -> bool:
    return event.channel == JoinChannel.CHECK_IN


@subscribe(
    TicketCancelled,
    TicketCompleted,
    TicketExpired,
    TicketNoShow,
    TicketReinstated,
    when=_is_of_appointment,
)
def on_ticket_changed_follow(event: TicketEvent) -> None:
    """Let the appointment behind a ticket end as the ticket did."""
    assert event.organization_id is not None  # noqa: S101  # a ticket belongs to one
    operations.follow_ticket(
        organization_id=event.organization_id, ticket_id=event.ticket_id, now=event.occurred_at
    )


@subscribe(
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentConfirmed,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentReturned,
)
def on_appointment_changed_tell_queues(event: AppointmentEvent) -> None:
    """Let the wait estimator know who is still expected at the times that changed."""
    assert event.organization_id is not None  # noqa: S101  # an appointment belongs to one
    times = {event.starts_at}
    if isinstance(event, AppointmentMoved):
        times.add(event.from_starts_at)
    for starts_at in sorted(times):
        operations.tell_queues(
            organization_id=event.organization_id,
            branch_id=event.branch_id,
            service_id=event.service_id,
            starts_at=starts_at,
        )


@subscribe(UserErased)
def on_user_erased_forget_appointments(event: UserErased) -> None:
    """Take a person who is gone off their appointments and waitlists."""
    operations.forget_person(user_id=event.user_id)

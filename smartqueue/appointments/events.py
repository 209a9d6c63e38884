"""The facts that this app publishes: its public contract."""

import dataclasses
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlotsChanged(Event):
    """What may be booked at a branch changed: patterns, one date, or a service's rules."""

    name = "appointments.slots.changed"
    subject: ClassVar[str] = "service"

    service_id: UUID
    branch_id: UUID | None
    on_date: date | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppointmentEvent(Event):
    """
    A change of one appointment; `subject_version` is its version, `sequence` what calendars know.

    `side` says who did it: person, staff or system. `reason` is a word of ours.
    """

    subject: ClassVar[str] = "appointment"

    appointment_id: UUID
    branch_id: UUID
    service_id: UUID
    agent_id: UUID | None
    customer_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    from_state: str | None
    state: str
    people: int
    sequence: int
    channel: str
    side: str
    reason: str = ""


class AppointmentHeld(AppointmentEvent):
    name = "appointments.appointment.held"


class AppointmentRequested(AppointmentEvent):
    name = "appointments.appointment.requested"


class AppointmentConfirmed(AppointmentEvent):
    name = "appointments.appointment.confirmed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppointmentMoved(AppointmentEvent):
    """It has another time now; `from_starts_at` was the one before."""

    name = "appointments.appointment.moved"

    from_starts_at: datetime


class AppointmentCancelled(AppointmentEvent):
    name = "appointments.appointment.cancelled"


class AppointmentExpired(AppointmentEvent):
    name = "appointments.appointment.expired"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppointmentCheckedIn(AppointmentEvent):
    """The person arrived; `ticket_id` is their place in a queue."""

    name = "appointments.appointment.checked_in"

    ticket_id: UUID | None
    punctuality: str


class AppointmentReturned(AppointmentEvent):
    """The person left the queue again and may still come."""

    name = "appointments.appointment.returned"


class AppointmentCompleted(AppointmentEvent):
    name = "appointments.appointment.completed"


class AppointmentNoShow(AppointmentEvent):
    name = "appointments.appointment.no_show"


class AppointmentAttendanceConfirmed(AppointmentEvent):
    name = "appointments.appointment.attendance_confirmed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppointmentReminderDue(AppointmentEvent):
    """It is time to remind somebody; `minutes_before` is which reminder of the service's rules."""

    name = "appointments.appointment.reminder_due"

    minutes_before: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaitlistEvent(Event):
    """A change of one place on a waitlist."""

    subject: ClassVar[str] = "entry"

    entry_id: UUID
    branch_id: UUID
    service_id: UUID
    customer_id: UUID | None
    state: str
    people: int


class WaitlistJoined(WaitlistEvent):
    name = "appointments.waitlist.joined"


class WaitlistLeft(WaitlistEvent):
    name = "appointments.waitlist.left"


class WaitlistExpired(WaitlistEvent):
    name = "appointments.waitlist.expired"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfferEvent(WaitlistEvent):
    """A freed place kept for somebody of the waitlist until `expires_at`."""

    appointment_id: UUID
    starts_at: datetime
    expires_at: datetime


class PlaceOffered(OfferEvent):
    name = "appointments.waitlist.offered"


class OfferTaken(OfferEvent):
    name = "appointments.waitlist.taken"


class OfferDeclined(OfferEvent):
    name = "appointments.waitlist.declined"


class OfferLapsed(OfferEvent):
    name = "appointments.waitlist.lapsed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedEvent(Event):
    """A feed of appointments for the calendar programs of one person."""

    subject: ClassVar[str] = "feed"

    feed_id: UUID
    owner_id: UUID
    kind: str
    branch_id: UUID | None


class FeedCreated(FeedEvent):
    name = "appointments.feed.created"


class FeedRevoked(FeedEvent):
    name = "appointments.feed.revoked"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BusyCalendarEvent(Event):
    """A calendar kept elsewhere, whose busy times are not offered."""

    subject: ClassVar[str] = "calendar"

    calendar_id: UUID
    agent_id: UUID | None
    branch_id: UUID | None
    service_id: UUID | None


class BusyCalendarAdded(BusyCalendarEvent):
    name = "appointments.busy_calendar.added"


class BusyCalendarRemoved(BusyCalendarEvent):
    name = "appointments.busy_calendar.removed"

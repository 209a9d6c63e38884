"""Fields, constraints and what one row knows of itself."""

from smartqueue.appointments.models._booked import (
    UID_DOMAIN,
    Appointment,
    AppointmentStep,
    SlotPlaces,
    _Between,
)
from smartqueue.appointments.models._calendars import BusyCalendar, BusyTime, CalendarFeed
from smartqueue.appointments.models._rules import (
    MIDNIGHT,
    AgentAbsence,
    AppointmentSlot,
    BookingRules,
    SlotException,
    default_reminders,
)
from smartqueue.appointments.models._waitlist import WaitlistEntry, WaitlistOffer

__all__ = [
    "MIDNIGHT",
    "UID_DOMAIN",
    "AgentAbsence",
    "Appointment",
    "AppointmentSlot",
    "AppointmentStep",
    "BookingRules",
    "BusyCalendar",
    "BusyTime",
    "CalendarFeed",
    "SlotException",
    "SlotPlaces",
    "WaitlistEntry",
    "WaitlistOffer",
    "_Between",
    "default_reminders",
]

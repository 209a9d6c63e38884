"""States, kinds, and the table of allowed transitions."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class AppointmentState(models.TextChoices):
    HELD = "held", pgettext_lazy("appointment", "Held while the form is filled")
    PENDING = "pending", pgettext_lazy("appointment", "Awaiting approval")
    CONFIRMED = "confirmed", pgettext_lazy("appointment", "Confirmed")
    CHECKED_IN = "checked_in", pgettext_lazy("appointment", "Arrived")
    COMPLETED = "completed", pgettext_lazy("appointment", "Served")
    CANCELLED = "cancelled", pgettext_lazy("appointment", "Cancelled")
    NO_SHOW = "no_show", pgettext_lazy("appointment", "Did not come")
    EXPIRED = "expired", pgettext_lazy("appointment", "Given back")


_S = AppointmentState

TRANSITIONS: Final[dict[AppointmentState, frozenset[AppointmentState]]] = {
    _S.HELD: frozenset({_S.PENDING, _S.CONFIRMED, _S.CANCELLED, _S.EXPIRED}),
    _S.PENDING: frozenset({_S.CONFIRMED, _S.CANCELLED, _S.EXPIRED}),
    _S.CONFIRMED: frozenset({_S.CHECKED_IN, _S.CANCELLED, _S.NO_SHOW}),
    _S.CHECKED_IN: frozenset({_S.COMPLETED, _S.CANCELLED, _S.NO_SHOW, _S.CONFIRMED}),
    _S.NO_SHOW: frozenset({_S.CHECKED_IN, _S.COMPLETED}),
    # The agent who took back the end of a service put the person back to the counter.
    _S.COMPLETED: frozenset({_S.CHECKED_IN}),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}

# Somebody may still come for these, so each holds its places.
ACTIVE: Final = (_S.HELD, _S.PENDING, _S.CONFIRMED, _S.CHECKED_IN)
# A person has these ahead; they count towards the limits per person.
AHEAD: Final = (_S.HELD, _S.PENDING, _S.CONFIRMED)
MOVABLE: Final = (_S.PENDING, _S.CONFIRMED)


class ExceptionKind(models.TextChoices):
    """What one date does to the weekly pattern."""

    CLOSE = "close", pgettext_lazy("slots of a date", "Closed")
    CHANGE = "change", pgettext_lazy("slots of a date", "Other number of places")
    OPEN = "open", pgettext_lazy("slots of a date", "Opened in addition")


class BookingChannel(models.TextChoices):
    """How an appointment was made. It follows from the actor; staff may name the one they acted for."""

    WEB = "web", pgettext_lazy("booking", "Page")
    API = "api", pgettext_lazy("booking", "Application")
    AGENT = "agent", pgettext_lazy("booking", "Staff")
    WAITLIST = "waitlist", pgettext_lazy("booking", "Waitlist")
    SMS = "sms", pgettext_lazy("booking", "SMS")
    USSD = "ussd", pgettext_lazy("booking", "USSD")


class Side(models.TextChoices):
    """Who ended or moved an appointment."""

    PERSON = "person", pgettext_lazy("appointment", "The person")
    STAFF = "staff", pgettext_lazy("appointment", "The staff")
    SYSTEM = "system", pgettext_lazy("appointment", "The clock")


class QuestionKind(models.TextChoices):
    TEXT = "text", _("Text")
    CHOICE = "choice", _("Choice")
    YES_NO = "yes_no", _("Yes or no")


class Punctuality(models.TextChoices):
    """When somebody arrived, measured against the slot and the service's tolerance."""

    EARLY = "early", _("Early")
    ON_TIME = "on_time", _("On time")
    LATE = "late", _("Late")


class WaitlistState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("waitlist", "Waiting")
    OFFERED = "offered", pgettext_lazy("waitlist", "A place is offered")
    BOOKED = "booked", pgettext_lazy("waitlist", "Booked")
    LEFT = "left", pgettext_lazy("waitlist", "Left")
    EXPIRED = "expired", pgettext_lazy("waitlist", "Over")


class OfferState(models.TextChoices):
    OPEN = "open", pgettext_lazy("offer", "Open")
    TAKEN = "taken", pgettext_lazy("offer", "Taken")
    DECLINED = "declined", pgettext_lazy("offer", "Declined")
    LAPSED = "lapsed", pgettext_lazy("offer", "Lapsed")


MONDAY: Final = 0
SATURDAY: Final = 5

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


class FeedKind(models.TextChoices):
    """Whose appointments a feed shows: the owner's own, those given by the owner, a branch's."""

    PERSON = "person", pgettext_lazy("calendar feed", "My appointments")
    AGENT = "agent", pgettext_lazy("calendar feed", "Appointments with me")
    BRANCH = "branch", pgettext_lazy("calendar feed", "Appointments of a branch")


class BusyFailure(models.TextChoices):
    """Why a calendar kept elsewhere could not be read, as people are told."""

    ADDRESS_REFUSED = "address_refused", _("The address leads to a place that may not be asked.")
    UNREACHABLE = "unreachable", _("Nobody answers at the address.")
    TIMED_OUT = "timed_out", _("The answer took too long.")
    TOO_LARGE = "too_large", _("The calendar is larger than 5 megabytes.")
    BAD_ANSWER = "bad_answer", _("The answer could not be understood.")
    TOO_MANY_REDIRECTS = "too_many_redirects", _("The address leads in circles.")
    REFUSED = "refused", _("The server did not give the calendar. Is the address still right?")
    NOT_A_CALENDAR = "not_a_calendar", _("There is no calendar at the address.")
    BAD_ENCODING = "bad_encoding", _("The calendar is not written in UTF-8.")
    TOO_COMPLEX = "too_complex", _("The calendar repeats or nests its events without end.")
    TOO_MANY = "too_many", _("The calendar has more events than can be read.")


MONDAY: Final = 0
SATURDAY: Final = 5

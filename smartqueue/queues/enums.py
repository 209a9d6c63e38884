from datetime import timedelta
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class QueueState(models.TextChoices):
    CLOSED = "closed", pgettext_lazy("queue", "Closed")
    OPEN = "open", pgettext_lazy("queue", "Open")
    PAUSED = "paused", pgettext_lazy("queue", "Paused")


class Policy(models.TextChoices):
    """How a queue puts people in order; every one gives each ticket a single static key."""

    FIFO = "fifo", _("First come, first served")
    HEAD_START = "head_start", _("Priority people get a head start")
    ONE_IN_N = "one_in_n", _("One priority person, then some ordinary ones")


class ReentryRule(models.TextChoices):
    """Where somebody comes back into a line: with the place earned, or behind everybody."""

    KEEP = "keep", _("Keeps the place earned")
    LAST = "last", _("Goes to the end")


class TicketState(models.TextChoices):
    AWAITING_PAYMENT = "awaiting_payment", pgettext_lazy("ticket", "Awaiting payment")
    WAITING = "waiting", pgettext_lazy("ticket", "Waiting")
    CALLED = "called", pgettext_lazy("ticket", "Called")
    SERVING = "serving", pgettext_lazy("ticket", "Being served")
    PARKED = "parked", pgettext_lazy("ticket", "Set aside")
    NO_SHOW = "no_show", pgettext_lazy("ticket", "Did not come")
    COMPLETED = "completed", pgettext_lazy("ticket", "Served")
    CANCELLED = "cancelled", pgettext_lazy("ticket", "Cancelled")
    EXPIRED = "expired", pgettext_lazy("ticket", "Expired")


_S = TicketState

TRANSITIONS: Final[dict[TicketState, frozenset[TicketState]]] = {
    _S.AWAITING_PAYMENT: frozenset({_S.WAITING, _S.CANCELLED, _S.EXPIRED}),
    _S.WAITING: frozenset({_S.CALLED, _S.PARKED, _S.CANCELLED, _S.EXPIRED}),
    _S.CALLED: frozenset({_S.SERVING, _S.WAITING, _S.NO_SHOW, _S.PARKED, _S.CANCELLED, _S.EXPIRED}),
    _S.SERVING: frozenset({_S.COMPLETED, _S.WAITING, _S.PARKED, _S.EXPIRED}),
    _S.PARKED: frozenset({_S.WAITING, _S.CALLED, _S.CANCELLED, _S.EXPIRED}),
    _S.NO_SHOW: frozenset({_S.WAITING}),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}

UNDO_TRANSITIONS: Final[frozenset[tuple[TicketState, TicketState]]] = frozenset(
    {
        (_S.COMPLETED, _S.SERVING),
        (_S.SERVING, _S.CALLED),
        (_S.CALLED, _S.WAITING),
        (_S.NO_SHOW, _S.CALLED),
    }
)

UNDO_WITHIN: Final = timedelta(minutes=2)

AT_COUNTER: Final = (_S.CALLED, _S.SERVING)
ACTIVE: Final = (_S.AWAITING_PAYMENT, _S.WAITING, _S.CALLED, _S.SERVING, _S.PARKED)


class JoinChannel(models.TextChoices):
    """How somebody joined. It follows from the actor; staff may name the one they acted for."""

    WEB = "web", _("Page")
    KIOSK = "kiosk", _("Kiosk")
    AGENT = "agent", _("Agent")
    API = "api", _("Application")
    SMS = "sms", _("SMS")
    USSD = "ussd", _("USSD")
    CHECK_IN = "check_in", _("Appointment")


ORDINARY: Final = "ordinary"


class PriorityCode(models.TextChoices):
    """The classes a new queue starts with; staff may add their own."""

    ELDERLY = "elderly", _("Elderly person")
    PREGNANT = "pregnant", _("Pregnant woman")
    DISABILITY = "disability", _("Person with a disability")
    URGENT = "urgent", _("Emergency")


class SessionState(models.TextChoices):
    OPEN = "open", pgettext_lazy("session", "Open")
    ON_BREAK = "on_break", pgettext_lazy("session", "On break")
    ENDED = "ended", pgettext_lazy("session", "Ended")


class CallRule(models.TextChoices):
    """Why this person was called now, before anybody else."""

    FIRST_IN_LINE = "first_in_line", _("First in line")
    HEAD_START = "head_start", _("Priority head start")
    EMERGENCY = "emergency", _("Emergency")
    TURN_OF_PRIORITY = "turn_of_priority", _("Turn of a priority person")
    CHOSEN_BY_AGENT = "chosen_by_agent", _("Chosen by the agent")
    BACK_FROM_PARKED = "back_from_parked", _("Back after being set aside")
    RETURN_TICKET = "return_ticket", _("Return ticket of an outage")
    UNDONE = "undone", _("The agent undid the last step")

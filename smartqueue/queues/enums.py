from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class QueueState(models.TextChoices):
    CLOSED = "closed", _("Closed")
    OPEN = "open", _("Open")
    PAUSED = "paused", _("Paused")


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
    AWAITING_PAYMENT = "awaiting_payment", _("Awaiting payment")
    WAITING = "waiting", _("Waiting")
    CALLED = "called", _("Called")
    SERVING = "serving", _("Being served")
    PARKED = "parked", _("Set aside")
    NO_SHOW = "no_show", _("Did not come")
    COMPLETED = "completed", _("Served")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


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
    OPEN = "open", _("Open")
    ON_BREAK = "on_break", _("On break")
    ENDED = "ended", _("Ended")


class CallRule(models.TextChoices):
    """Why this person was called now, before anybody else."""

    FIRST_IN_LINE = "first_in_line", _("First in line")
    HEAD_START = "head_start", _("Priority head start")
    EMERGENCY = "emergency", _("Emergency")
    TURN_OF_PRIORITY = "turn_of_priority", _("Turn of a priority person")
    CHOSEN_BY_AGENT = "chosen_by_agent", _("Chosen by the agent")
    BACK_FROM_PARKED = "back_from_parked", _("Back after being set aside")
    UNDONE = "undone", _("The agent undid the last step")

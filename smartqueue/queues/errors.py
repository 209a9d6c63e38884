from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict, InvalidInput, TooManyRequests


class QueueClosed(Conflict):
    code = "queue_closed"
    title = _("This queue is closed.")


class QueuePaused(Conflict):
    code = "queue_paused"
    title = _("This queue is paused.")


class QueueFull(Conflict):
    code = "queue_full"
    title = _("No more tickets are given for this queue today.")


class NotYetOpen(Conflict):
    code = "tickets_not_yet"
    title = _("Tickets are not given yet.")


class AlreadyWaiting(Conflict):
    code = "already_waiting"
    title = _("This person already has a ticket in this queue.")


class TooManyTickets(TooManyRequests):
    code = "too_many_tickets"
    title = _("This phone, device or network has taken many tickets. The staff can give more.")


class TicketNotWaiting(Conflict):
    """The ticket was called by somebody else, or left; `state` names where it is now."""

    code = "ticket_not_waiting"
    title = _("This ticket is not waiting any more.")


class IllegalTransition(Conflict):
    """`state` names the state the ticket is in."""

    code = "illegal_transition"
    title = _("This is not possible in the ticket's present state.")


class CounterBusy(Conflict):
    code = "counter_busy"
    title = _("This counter still has somebody: finish with them first.")


class CounterTaken(Conflict):
    code = "counter_taken"
    title = _("Another agent is at this counter.")


class AgentElsewhere(Conflict):
    code = "agent_elsewhere"
    title = _("You already have an open session at another counter: end it first.")


class SessionNotOpen(Conflict):
    code = "session_not_open"
    title = _("Your session at the counter is on break or ended.")


class MoreTimeExhausted(Conflict):
    code = "more_time_exhausted"
    title = _("More time cannot be given again for this ticket.")


class NoReturnTicket(Conflict):
    """`day` names the day on which the ticket counts again, if it ever does."""

    code = "no_return_ticket"
    title = _("This ticket does not count today.")


class NothingToUndo(Conflict):
    code = "nothing_to_undo"
    title = _("There is no step of yours from the last two minutes to undo.")


class GraceOver(Conflict):
    code = "grace_over"
    title = _("The time to come back after a missed call is over: take a new ticket.")


class PeopleWaiting(Conflict):
    code = "people_waiting"
    title = _("People are still waiting here.")


class PriorityNotOpen(InvalidInput):
    code = "priority_not_open"
    title = _("This priority is given by the staff, not declared.")


class JoiningByWebOff(Conflict):
    code = "joining_by_web_off"
    title = _("Tickets for this queue are taken at the place.")
    detail = _("Use the kiosk there, or ask the staff.")


class AccountRequired(Conflict):
    code = "account_required"
    title = _("Sign in to take a ticket here.")

"""Failures that a caller can expect, each with a stable code."""

from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict, InvalidInput, Problem


class NotOffered(InvalidInput):
    """No pattern offers an appointment then; `next_free` lists what is free instead."""

    code = "slot_not_offered"
    title = _("There is no appointment at that time.")


class InThePast(InvalidInput):
    """`next_free` lists what is free instead."""

    code = "slot_in_the_past"
    title = _("That time is over.")


class TooSoon(InvalidInput):
    """`next_free` lists what is free instead."""

    code = "slot_too_soon"
    title = _("That is too soon to book. Take a later time, or come and take a ticket.")


class TooFarAhead(InvalidInput):
    """`next_free` lists what is free instead."""

    code = "slot_too_far_ahead"
    title = _("Appointments that far ahead cannot be booked yet.")


class SlotFull(Conflict):
    """`free` says how many places are left, `next_free` what is free instead."""

    code = "slot_full"
    title = _("There are not enough places left at that time.")


class TooManyPeople(InvalidInput):
    code = "too_many_people"
    title = _("That is more people than one appointment takes.")


class NotBookable(Conflict):
    code = "not_bookable"
    title = _("This service takes no appointments.")


class HoldExpired(Conflict):
    """`next_free` lists what is free now."""

    code = "hold_expired"
    title = _("The time to finish the booking is over, and the place was given back.")


class AlreadyBooked(Conflict):
    """`reference` names the appointment to its own holder and to staff."""

    code = "already_booked"
    title = _("This person already has an appointment at that time.")


class VisitOverlaps(Conflict):
    code = "visit_overlaps"
    title = _("Another part of this visit is at that time. Choose a time before or after it.")


class VisitTooLong(Conflict):
    code = "visit_too_long"
    title = _("A visit takes no more services. Book another appointment for it.")


class TooManyAppointments(Conflict):
    code = "too_many_appointments"
    title = _("This person has as many appointments as the service allows.")


class TooManyNoShows(Conflict):
    code = "too_many_no_shows"
    title = _("Appointments were missed too often. Come and take a ticket, or ask the staff.")


class TooLateToCancel(Conflict):
    code = "too_late_to_cancel"
    title = _("It is too late to cancel this appointment. Tell the staff.")


class TooLateToMove(Conflict):
    code = "too_late_to_move"
    title = _("It is too late to move this appointment. Ask the staff.")


class MovedTooOften(Conflict):
    code = "moved_too_often"
    title = _("This appointment cannot be moved again. Ask the staff.")


class IllegalTransition(Conflict):
    """`state` names the state the appointment is in."""

    code = "illegal_transition"
    title = _("This is not possible in the appointment's present state.")


class PhoneNeeded(InvalidInput):
    code = "phone_needed"
    title = _("Give a phone number, or sign in.")


class CodeNeeded(Conflict):
    code = "code_needed"
    title = _("Confirm the booking with the code that was sent to the phone.")


class WrongBookingCode(Problem):
    status = 400
    code = "wrong_code"
    title = _("This is not the code, or it is over. Ask for a new one.")


class AgentBusy(Conflict):
    """`next_free` lists what is free instead."""

    code = "agent_busy"
    title = _("The agent has another appointment at that time.")


class TooEarly(Conflict):
    """`opens_at` says when arriving begins."""

    code = "too_early"
    title = _("It is too early to check in.")


class NoQueueOpen(Conflict):
    code = "no_queue_open"
    title = _("No queue of this service is open now. Tell the staff.")


class SlotsOverlap(Conflict):
    code = "slots_overlap"
    title = _("Another weekly slot of this service covers a part of that time.")


class PlacesFree(Conflict):
    """`next_free` lists the free places."""

    code = "places_free"
    title = _("There are free places in that time: book one.")


class AlreadyOnWaitlist(Conflict):
    code = "already_on_waitlist"
    title = _("This person is on the waitlist already.")


class OfferOver(Conflict):
    code = "offer_over"
    title = _("This offer is over. The next free place will be offered again.")

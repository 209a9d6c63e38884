"""An appointment by its link, a place on a waitlist by its own, and everything one's own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.enums import MOVABLE, AppointmentState, OfferState
from smartqueue.appointments.models import Appointment, BookingRules
from smartqueue.appointments.operations import Person
from smartqueue.appointments.operations.checkin import ARRIVING
from smartqueue.appointments.tokens import actor_of_token, token_of, token_of_entry
from smartqueue.business.models import Branch
from smartqueue.common.errors import NotFound, Problem
from smartqueue.queues.tokens import token_of as token_of_ticket
from smartqueue.web import bookings
from smartqueue.web.views.booking import (
    answers_of,
    date_or_none,
    holder_of,
    local_page,
    shown_times,
    time_of,
)
from smartqueue.web.views.kit import actor_of, language_of, now_of, page, signed_in

STEPS: Final[dict[str, Callable[..., Any]]] = {
    "cancel": operations.cancel_appointment,
    "cancel-following": operations.cancel_series,
    "coming": operations.confirm_attendance,
    "arrive": operations.check_in_appointment,
}


@never_cache
@require_safe
def appointment(request: HttpRequest, token: str) -> HttpResponse:
    """Show when and where, what to bring, and the reference to arrive with."""
    actor, appointment_id = holder_of(token)
    found = policies.access_appointment(actor, appointment_id)
    if found.state == AppointmentState.HELD:
        return HttpResponseRedirect(reverse("web:book-form", args=[token]))
    return _shown(request, token, found)


def _shown(
    request: HttpRequest, token: str, found: Appointment, problem: Problem | None = None
) -> HttpResponse:
    now, rules = now_of(request), policies.rules_of(found.service)
    # A link opens one appointment and its visit; an account, all that it booked together.
    is_own = _is_own(request, found)
    together = bookings.together_with(found)
    following = [
        row for row in together if row.starts_at > found.starts_at and row.state in MOVABLE
    ]
    context = {
        "together": [
            (row, token_of(row.pk) if is_own or _is_of_visit(found, row) else "")
            for row in together
        ],
        "can_cancel_following": bool(following)
        and (is_own or all(policies.booked_in_one_act(found, row) for row in following)),
        "token": token,
        "appointment": found,
        "service": found.service,
        "calendar": calendar_of(token),
        "can_cancel": found.state in MOVABLE
        and found.starts_at - now >= timedelta(minutes=rules.cancel_until_minutes)
        and found.starts_at > now,
        "can_move": _can_move(found, rules, request),
        "arrives_from": found.starts_at - timedelta(minutes=rules.early_minutes),
        "can_arrive": _can_arrive(found, rules, request),
        "asks_coming": found.state == AppointmentState.CONFIRMED
        and found.attendance_at is None
        and timedelta() < found.starts_at - now <= timedelta(days=2),
        "ticket_token": token_of_ticket(found.ticket_id) if found.ticket_id else "",
    }
    return local_page(request, "appointment.html", context, found.branch, problem)


def _is_own(request: HttpRequest, found: Appointment) -> bool:
    actor = actor_of(request)
    return policies.is_holder(actor, found) or policies.serves(actor, found)


def _is_of_visit(found: Appointment, other: Appointment) -> bool:
    return found.visit_id is not None and policies.booked_in_one_act(found, other)


def calendar_of(token: str) -> str:
    """Return the address of an appointment's file for calendars; empty where there is none."""
    try:
        return reverse("calendar-file", args=[token])
    except NoReverseMatch:
        return ""


def _can_move(found: Appointment, rules: BookingRules, request: HttpRequest) -> bool:
    ahead = found.starts_at - now_of(request)
    return (
        found.state in MOVABLE
        and ahead > timedelta()
        and ahead >= timedelta(minutes=rules.move_until_minutes)
        and found.moves < rules.most_moves
    )


def _can_arrive(found: Appointment, rules: BookingRules, request: HttpRequest) -> bool:
    opens = found.starts_at - timedelta(minutes=rules.early_minutes)
    return found.state in ARRIVING and opens <= now_of(request) < found.ends_at


@require_POST
def step(request: HttpRequest, token: str, action: str) -> HttpResponse:
    """Cancel, say that one is coming, or arrive."""
    act = STEPS.get(action)
    if act is None:
        raise NotFound
    actor, appointment_id = holder_of(token)
    before = policies.access_appointment(actor, appointment_id)
    if action == "cancel-following" and _is_own(request, before):
        actor = actor_of(request)
    try:
        after = act(actor=actor, appointment_id=appointment_id, now=now_of(request))
    except NotFound:
        raise
    except Problem as problem:
        fresh = policies.access_appointment(actor, appointment_id)
        return _shown(request, token, fresh, problem)
    if action == "cancel" and before.state == AppointmentState.HELD:
        # Somebody who was asked who comes wants another time instead.
        slug, service = before.branch.slug, before.service_id
        times = reverse("web:book-times", args=[slug, service])
        if other := policies.held_beside(before).order_by("starts_at").first():
            times = reverse("web:book-more-times", args=[slug, service, token_of(other.pk)])
        return HttpResponseRedirect(f"{times}?day={before.date}&people={before.people}")
    if action == "arrive" and after.ticket_id:
        return HttpResponseRedirect(reverse("web:ticket", args=[token_of_ticket(after.ticket_id)]))
    return HttpResponseRedirect(reverse("web:appointment", args=[token]))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is free, and move the appointment to the time that is pressed."""
    actor, appointment_id = holder_of(token)
    found = policies.access_appointment(actor, appointment_id)
    if request.method != "POST":
        if found.state not in MOVABLE:
            return HttpResponseRedirect(reverse("web:appointment", args=[token]))
        return _times(request, token, found)
    try:
        operations.reschedule_appointment(
            actor=actor,
            appointment_id=appointment_id,
            starts_at=time_of(request),
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _times(request, token, found, problem)
    return HttpResponseRedirect(reverse("web:appointment", args=[token]))


def _times(
    request: HttpRequest, token: str, found: Appointment, problem: Problem | None = None
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    wanted = date_or_none(given.get("day"))
    more = {
        "moved": found,
        "back": reverse("web:appointment", args=[token]),
        "people": found.people,
        "people_choices": (),
        "needs_account": False,
        "here": reverse("web:appointment-move", args=[token]),
        "choice": bookings.choice_of(
            found.service, found.branch, now_of(request), day=wanted, people=found.people
        ),
    }
    return shown_times(request, found.branch, found.service, problem=problem, more=more)


# --- Waitlists ---------------------------------------------------------------------------------


def _entry_of(token: str) -> tuple[Actor, UUID]:
    actor = actor_of_token(token)
    if actor is None or actor.waitlist_entry_id is None:
        raise NotFound
    return actor, actor.waitlist_entry_id


@never_cache
@require_safe
def waiting(request: HttpRequest, token: str) -> HttpResponse:
    """Show what somebody waits for, and a place that is offered, with its deadline."""
    return _waiting(request, token)


def _waiting(request: HttpRequest, token: str, problem: Problem | None = None) -> HttpResponse:
    actor, entry_id = _entry_of(token)
    entry = policies.access_entry(actor, entry_id)
    queries.read_offers([entry])
    offers = list(entry.offers.all())
    now = now_of(request)
    offer = next((o for o in offers if o.state == OfferState.OPEN and o.expires_at > now), None)
    taken = next((o for o in offers if o.state == OfferState.TAKEN), None)
    context = {
        "token": token,
        "entry": entry,
        "service": entry.service,
        "offer": offer,
        "seconds_left": int((offer.expires_at - now).total_seconds()) if offer else 0,
        "questions": policies.rules_of(entry.service).questions if offer else [],
        "answers": answers_of(request.POST),
        "booked": token_of(taken.appointment_id) if taken else "",
        "place": bookings.place_in_order(entry) if entry.ended_at is None else 0,
    }
    return local_page(request, "waiting.html", context, _branch_of(entry), problem)


def _branch_of(entry: Any) -> Branch:
    found: Branch = entry.branch
    return found


def _accept(request: HttpRequest, given: dict[str, Any]) -> Appointment:
    person = Person(language=language_of(request), answers=answers_of(request.POST))
    return operations.accept_offer(**given, person=person)


def _decline(_request: HttpRequest, given: dict[str, Any]) -> None:
    operations.decline_offer(**given)


def _leave(_request: HttpRequest, given: dict[str, Any]) -> None:
    operations.leave_waitlist(**given)


ANSWERS: Final[dict[str, Callable[[HttpRequest, dict[str, Any]], Appointment | None]]] = {
    "accept": _accept,
    "decline": _decline,
    "leave": _leave,
}


@require_POST
def waiting_step(request: HttpRequest, token: str, action: str) -> HttpResponse:
    """Take the offered place, leave it to the next in order, or stop waiting."""
    actor, entry_id = _entry_of(token)
    act = ANSWERS.get(action)
    if act is None:
        raise NotFound
    try:
        booked = act(request, {"actor": actor, "entry_id": entry_id, "now": now_of(request)})
    except NotFound:
        raise
    except Problem as problem:
        return _waiting(request, token, problem)
    if booked is not None:
        return HttpResponseRedirect(reverse("web:appointment", args=[token_of(booked.pk)]))
    return HttpResponseRedirect(reverse("web:waiting", args=[token]))


# --- One's own ---------------------------------------------------------------------------------


@never_cache
@signed_in
@require_safe
def own(request: HttpRequest) -> HttpResponse:
    """List a person's appointments and the waitlists they are on."""
    found = bookings.own_of(actor_of(request).require_user(), now_of(request))
    context = {
        "ahead": [(row, token_of(row.pk)) for row in found.ahead],
        "past": [(row, token_of(row.pk)) for row in found.past],
        "waiting": [(row, token_of_entry(row.pk)) for row in found.waiting],
    }
    return page(request, "account_appointments.html", context)

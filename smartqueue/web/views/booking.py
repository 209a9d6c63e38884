"""Booking an appointment: a service, a day and a time, who comes; held while the form is filled."""

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.queries import get_person
from smartqueue.appointments import operations, policies
from smartqueue.appointments.enums import AppointmentState, BookingChannel
from smartqueue.appointments.errors import CodeNeeded, HoldExpired, WrongBookingCode
from smartqueue.appointments.models import Appointment, BookingRules
from smartqueue.appointments.operations import Person, Wish
from smartqueue.appointments.tokens import actor_of_token, token_of, token_of_entry
from smartqueue.business.models import Branch, Service
from smartqueue.common.clock import service_date
from smartqueue.common.db import run_in_unit
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn, Problem
from smartqueue.web import bookings, nearby, queries
from smartqueue.web.once import form_digest, issue_once
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import actor_of, failure, language_of, now_of, page, uuid_or_none

MAX_NAME = 80
MAX_PEOPLE = 100
MOST_TIMES = 12


def local_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    branch: Branch,
    problem: Problem | None = None,
) -> HttpResponse:
    """Render a page of a branch: its look, its clock, and why something was refused."""
    look = branded(request, queries.organization_of(branch.organization_id))
    shown = {
        **look,
        "branch": branch,
        **context,
        "problem": failure(problem) if problem else None,
        "free_instead": bookings.free_instead(problem.extra, branch) if problem else [],
    }
    with timezone.override(branch.timezone):
        return page(request, template, shown, problem.status if problem else 200)


def holder_of(token: str) -> tuple[Actor, UUID]:
    """
    Return whom an appointment's token stands for, and the appointment.

    :raises NotFound: no token of ours
    """
    actor = actor_of_token(token)
    if actor is None or actor.appointment_id is None:
        raise NotFound
    return actor, actor.appointment_id


def date_or_none(value: str | None) -> date | None:
    """Return the date that a form or an address holds; None for an empty or wrong one."""
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        return None


def people_of(data: QueryDict) -> int:
    """Return for how many people a form or an address asks; one where it does not say."""
    given = data.get("people", "")
    number = int(given) if given.isascii() and given.isdecimal() and len(given) < 4 else 1
    return min(max(number, 1), MAX_PEOPLE)


def answers_of(data: QueryDict) -> dict[str, str]:
    """Return the answers to a service's questions that a form holds, by the questions' codes."""
    return {
        name.removeprefix("answer-"): data.get(name, "")
        for name in data
        if name.startswith("answer-") and data.get(name)
    }


def time_of(request: HttpRequest) -> datetime:
    """
    Return the start that was pressed.

    :raises InvalidInput: none, or no time
    """
    try:
        at = datetime.fromisoformat(request.POST.get("starts_at", ""))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput.on("starts_at", _("Choose a time."))
    return at


def _offered(slug: str, service_id: UUID) -> tuple[Branch, Service, list[Service]]:
    branch = queries.get_branch(slug)
    services = bookings.offered_services(branch)
    service = next((row for row in services if row.pk == service_id), None)
    if service is None:
        raise NotFound
    return branch, service, services


def _held_already(branch: Branch, token: str) -> Appointment:
    """
    Return what a visit has already, that another service is to join.

    :raises NotFound: no token of ours, or of another branch
    """
    holder, appointment_id = holder_of(token)
    first = policies.access_appointment(holder, appointment_id)
    if first.branch_id != branch.pk:
        raise NotFound
    return first


def _visit_of(first: Appointment | None) -> list[Appointment]:
    if first is None:
        return []
    return bookings.held_with(first) or [first]


@require_safe
def services(request: HttpRequest, slug: str, token: str = "") -> HttpResponse:
    """
    Let somebody choose what the appointment is for; with one service there is no choice.

    `token` is of what they hold already, whose services are not offered again.
    """
    branch = queries.get_branch(slug)
    found = bookings.offered_services(branch)
    first = _held_already(branch, token) if token else None
    if first is None and len(found) == 1:
        return HttpResponseRedirect(reverse("web:book-times", args=[slug, found[0].pk]))
    if first is not None and first.state != AppointmentState.HELD:
        return HttpResponseRedirect(reverse("web:book-form", args=[token]))
    visit = _visit_of(first)
    chosen = {row.service_id for row in visit}
    context = {
        "services": [row for row in found if row.pk not in chosen],
        "token": token,
        "visit": visit,
    }
    return local_page(request, "book.html", context, branch)


@require_http_methods(["GET", "HEAD", "POST"])
def times(request: HttpRequest, slug: str, service_id: UUID, token: str = "") -> HttpResponse:
    """Show the days and times that are free; a pressed time is held, and its form follows."""
    branch, service, found = _offered(slug, service_id)
    more: dict[str, Any] = {"is_one": len(found) == 1}
    first = _held_already(branch, token) if token else None
    if first is not None:
        more |= {
            "token": token,
            "visit": _visit_of(first),
            "here": reverse("web:book-more-times", args=[slug, service.pk, token]),
        }
    if first is not None and first.state != AppointmentState.HELD:
        return HttpResponseRedirect(reverse("web:book-form", args=[token]))
    day = first.date if first and not request.GET.get("day") else None
    if request.method != "POST":
        return shown_times(request, branch, service, more=more, day=day)
    try:
        held = _hold(request, branch, service, token)
    except (NotFound, NotSignedIn):
        raise
    except Problem as problem:
        return shown_times(request, branch, service, problem=problem, more=more)
    return HttpResponseRedirect(reverse("web:book-form", args=[token_of(held)]))


def shown_times(
    request: HttpRequest,
    branch: Branch,
    service: Service,
    *,
    problem: Problem | None = None,
    more: dict[str, Any] | None = None,
    day: date | None = None,
) -> HttpResponse:
    """Show what is free of a service; after a refusal also why, and what is free next."""
    given = request.POST if request.method == "POST" else request.GET
    people = people_of(given)
    rules = policies.rules_of(service)
    is_staff = policies.serves_at(actor_of(request), branch.organization_id, branch.pk)
    wanted = day or date_or_none(given.get("day"))
    context = {
        "service": service,
        "rules": rules,
        "people": people,
        "people_choices": range(1, min(rules.most_people, 10) + 1),
        "needs_account": _needs_account(request, rules),
        "nonce": str(uuid.uuid4()),
        "is_elsewhere": nearby.is_offered_elsewhere(service, branch),
        "here": reverse("web:book-times", args=[branch.slug, service.pk]),
        **(more or {}),
    }
    if "choice" not in context:
        context["choice"] = bookings.choice_of(
            service, branch, now_of(request), day=wanted, people=people, is_public=not is_staff
        )
    return local_page(request, "book_times.html", context, branch, problem)


def _hold(request: HttpRequest, branch: Branch, service: Service, token: str) -> UUID:
    starts_at, people = time_of(request), people_of(request.POST)
    nonce = uuid_or_none(request.POST.get("nonce")) or uuid.uuid4()
    form = form_digest(request.path, nonce, (starts_at.isoformat(), people))
    _count(request, form)

    asked: dict[str, Any] = {
        "actor": actor_of(request),
        "wish": Wish(
            service_id=service.pk, branch_id=branch.pk, starts_at=starts_at, people=people
        ),
        "channel": BookingChannel.WEB,
        "device": _device_of(request),
        "now": now_of(request),
    }

    def hold() -> list[UUID]:
        if token:
            holder, first = holder_of(token)
            added = operations.add_to_visit(holder=holder, appointment_id=first, **asked)
            return [added.pk]
        person = Person(language=language_of(request))
        return [operations.hold_appointment(person=person, **asked).pk]

    return issue_once(form, hold)[0]


def _count(request: HttpRequest, form: bytes) -> None:
    operations.count_booking(actor=actor_of(request), device=_device_of(request), once=form.hex())


def _device_of(request: HttpRequest) -> str:
    # A browser has no name of its own; its forgery token is one for as long as it keeps it.
    return request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")


@dataclass(frozen=True, slots=True)
class _Typed:
    """What the form about the person holds, kept as it was typed."""

    customer_name: str = ""
    phone: str = ""
    answers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: QueryDict) -> "_Typed":
        return cls(
            customer_name=" ".join(data.get("customer_name", "").split())[:MAX_NAME],
            phone=data.get("phone", "").strip(),
            answers=answers_of(data),
        )

    @classmethod
    def known(cls, request: HttpRequest, appointment: Appointment) -> "_Typed":
        """What we know already of whoever is signed in and books for themselves."""
        person = get_person(actor_of(request).user_id)
        if person is None or person.pk != appointment.customer_id:
            return cls(appointment.customer_name, appointment.phone)
        return cls(person.get_full_name()[:MAX_NAME], person.phone or "")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, token: str) -> HttpResponse:
    """Ask who comes while the place is held; a phone without an account is proven by a code."""
    holder, appointment_id = holder_of(token)
    appointment = policies.access_appointment(holder, appointment_id)
    if policies.serves(actor_of(request), appointment):
        holder = actor_of(request)
    now = now_of(request)
    over = appointment.free_at is not None and appointment.free_at <= now
    if over or appointment.state == AppointmentState.EXPIRED:
        return _is_over(request, appointment, HoldExpired())
    if appointment.state != AppointmentState.HELD:
        return HttpResponseRedirect(reverse("web:appointment", args=[token]))
    if request.method != "POST":
        return _asked(request, token, appointment, _Typed.known(request, appointment))
    typed = _Typed.of(request.POST)
    try:
        return _confirm(request, token, holder, appointment, typed)
    except NotFound:
        raise
    except HoldExpired as problem:
        return _is_over(request, appointment, problem)
    except Problem as problem:
        return _asked(request, token, appointment, typed, problem)


def _confirm(
    request: HttpRequest, token: str, holder: Actor, appointment: Appointment, typed: _Typed
) -> HttpResponse:
    phone = identifiers.phone(typed.phone).value if typed.phone else ""
    person = Person(
        customer_name=typed.customer_name,
        phone=phone,
        language=language_of(request),
        answers=typed.answers,
    )
    given: dict[str, Any] = {"actor": holder, "appointment_id": appointment.pk}
    now = now_of(request)
    code = "".join(request.POST.get("code", "").split())
    if code:
        try:
            operations.verify_booking_code(**given, code=code, now=now)
        except WrongBookingCode as problem:
            return _asked_code(request, token, appointment, typed, problem)
    every_days, times = _repetition(request.POST)
    if times > 1 and (holder.user_id or actor_of(request).user_id):
        first = _book_series(request, appointment, person, every_days, times)
        return HttpResponseRedirect(reverse("web:appointment", args=[token_of(first)]))
    try:
        operations.confirm_appointment(**given, person=person, now=now)
    except CodeNeeded:
        language = language_of(request)
        operations.send_booking_code(**given, phone=phone, language=language, now=now)
        fresh = policies.access_appointment(holder, appointment.pk)
        return _asked_code(request, token, fresh, typed)
    return HttpResponseRedirect(reverse("web:appointment", args=[token]))


def _repetition(data: QueryDict) -> tuple[int, int]:
    """Return every how many days, and how often, a form wants its time; once where it says none."""
    given = data.get("times", "")
    times = int(given) if given.isascii() and given.isdecimal() and len(given) < 3 else 1
    weeks = {"7": 7, "14": 14, "28": 28}.get(data.get("every_days", ""))
    return (weeks, min(max(times, 2), MOST_TIMES)) if weeks else (0, 1)


def _book_series(
    request: HttpRequest, held: Appointment, person: Person, every_days: int, times: int
) -> UUID:
    """Book the held time and those after it, all or none; return the first appointment."""
    actor, now = actor_of(request), now_of(request)

    def book() -> UUID:
        operations.cancel_appointment(actor=actor, appointment_id=held.pk, now=now)
        booked = operations.book_series(
            actor=actor,
            wish=Wish(
                service_id=held.service_id,
                branch_id=held.branch_id,
                starts_at=held.starts_at,
                people=held.people,
                agent_id=held.agent_id,
            ),
            every_days=every_days,
            times=times,
            person=person,
            channel=BookingChannel.WEB,
            now=now,
        )
        first: UUID = booked[0].pk
        return first

    return run_in_unit(book, actor, now)


def _asked(
    request: HttpRequest,
    token: str,
    appointment: Appointment,
    typed: _Typed,
    problem: Problem | None = None,
) -> HttpResponse:
    context = _held_context(request, token, appointment, typed)
    is_known = appointment.customer_id is not None
    is_staff = policies.serves(actor_of(request), appointment)
    visit = context["visit"]
    context |= {
        "questions": _questions([appointment, *visit]),
        "can_add": len(bookings.offered_services(appointment.branch)) > max(len(visit), 1)
        and len(visit) < operations.MOST_OF_A_VISIT,
        "is_known": is_known,
        "can_repeat": (is_known or is_staff) and not visit,
        "every_days": request.POST.get("every_days", ""),
        "times": request.POST.get("times", "4"),
        "needs_code": not (is_known or is_staff) and appointment.phone_verified_at is None,
    }
    return local_page(request, "book_form.html", context, appointment.branch, problem)


def _questions(appointments: list[Appointment]) -> list[dict[str, Any]]:
    """Return what the services of a visit ask, the same question once."""
    found: dict[str, dict[str, Any]] = {}
    for one in {row.service_id: row for row in appointments}.values():
        for question in policies.rules_of(one.service).questions:
            found.setdefault(question["code"], question)
    return list(found.values())


def _asked_code(
    request: HttpRequest,
    token: str,
    appointment: Appointment,
    typed: _Typed,
    problem: Problem | None = None,
) -> HttpResponse:
    context = _held_context(request, token, appointment, typed)
    context["mailbox"] = settings.DEVELOPMENT_MAILBOX
    return local_page(request, "book_code.html", context, appointment.branch, problem)


def _held_context(
    request: HttpRequest, token: str, appointment: Appointment, typed: _Typed
) -> dict[str, Any]:
    until = appointment.free_at or now_of(request)
    return {
        "token": token,
        "appointment": appointment,
        "service": appointment.service,
        "visit": bookings.held_with(appointment),
        "typed": typed,
        "held_until": until,
        "seconds_left": max(int((until - now_of(request)).total_seconds()), 0),
    }


def _is_over(request: HttpRequest, appointment: Appointment, problem: Problem) -> HttpResponse:
    """Lead back to the choice, with what is free next."""
    return shown_times(
        request, appointment.branch, appointment.service, problem=problem, day=appointment.date
    )


@require_http_methods(["GET", "HEAD", "POST"])
def wait(request: HttpRequest, slug: str, service_id: UUID) -> HttpResponse:
    """Let somebody wait for a place between two dates when all are taken."""
    branch, service, _found = _offered(slug, service_id)
    person = get_person(actor_of(request).user_id)
    if request.method != "POST":
        typed = {"customer_name": person.get_full_name() if person else ""}
        return _wait_form(request, branch, service, typed, str(uuid.uuid4()))
    names = ("customer_name", "phone", "from_date", "until_date", "part")
    typed = {name: " ".join(request.POST.get(name, "").split())[:MAX_NAME] for name in names}
    nonce = uuid_or_none(request.POST.get("nonce")) or uuid.uuid4()
    try:
        entry_id = _join(request, branch, service, typed, nonce)
    except (NotFound, NotSignedIn):
        raise
    except Problem as problem:
        return _wait_form(request, branch, service, typed, str(nonce), problem)
    return HttpResponseRedirect(reverse("web:waiting", args=[token_of_entry(entry_id)]))


_PARTS = {
    "morning": {"until_time": bookings.NOON},
    "afternoon": {"from_time": bookings.NOON},
}


def _join(
    request: HttpRequest, branch: Branch, service: Service, typed: dict[str, str], nonce: UUID
) -> UUID:
    since, until = date_or_none(typed["from_date"]), date_or_none(typed["until_date"])
    if since is None or until is None:
        name = "from_date" if since is None else "until_date"
        raise InvalidInput.on(name, _("Choose a date."), "required")
    phone = identifiers.phone(typed["phone"]).value if typed["phone"] else ""
    form = form_digest(request.path, nonce, sorted(typed.items()))
    _count(request, form)

    def join() -> list[UUID]:
        entry = operations.join_waitlist(
            actor=actor_of(request),
            service_id=service.pk,
            branch_id=branch.pk,
            from_date=since,
            until_date=until,
            people=people_of(request.POST),
            customer_name=typed["customer_name"],
            phone=phone,
            language=language_of(request),
            now=now_of(request),
            **_PARTS.get(typed["part"], {}),
        )
        return [entry.pk]

    return issue_once(form, join)[0]


def _needs_account(request: HttpRequest, rules: BookingRules) -> bool:
    return not rules.allows_anonymous and actor_of(request).user_id is None


def _wait_form(
    request: HttpRequest,
    branch: Branch,
    service: Service,
    typed: dict[str, str],
    nonce: str,
    problem: Problem | None = None,
) -> HttpResponse:
    now = now_of(request)
    choice = bookings.choice_of(service, branch, now)
    rules = policies.rules_of(service)
    given = request.POST if request.method == "POST" else request.GET
    first = service_date(now, branch.timezone)
    # While a place is free people book it, so they wait for what is before.
    until = max(choice.days[0][0] - timedelta(days=1), first) if choice.days else choice.last_day
    context = {
        "service": service,
        "typed": typed,
        "nonce": nonce,
        "until": until,
        "people": people_of(given),
        "first_day": first,
        "last_day": choice.last_day,
        "asks_phone": actor_of(request).user_id is None
        or policies.serves_at(actor_of(request), branch.organization_id, branch.pk),
        "needs_account": _needs_account(request, rules),
    }
    return local_page(request, "book_wait.html", context, branch, problem)

"""Staff's side of appointments: who is expected today, the week, what is offered, by which rules."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.appointments import operations, policies
from smartqueue.appointments.enums import MOVABLE, ExceptionKind, QuestionKind
from smartqueue.appointments.models import Appointment
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import access_branch, access_service, can
from smartqueue.common.clock import service_date
from smartqueue.common.errors import FieldError, InvalidInput, NotFound, Problem
from smartqueue.web import bookings, calendars
from smartqueue.web.views.booking import date_or_none, shown_times, time_of
from smartqueue.web.views.kit import (
    actor_of,
    failure,
    is_htmx,
    now_of,
    page,
    signed_in,
    uuid_or_none,
)

MAX_REASON: Final = 200
MOST_PLACES: Final = 1000
MOST_MINUTES: Final = 43_200
SPARE_QUESTIONS: Final = 2
MOST_QUESTIONS: Final = 8


def _say_reason(request: HttpRequest) -> dict[str, str]:
    return {"reason": " ".join(request.POST.get("reason", "").split())[:MAX_REASON]}


def _nothing(_request: HttpRequest) -> dict[str, str]:
    return {}


ACTIONS: Final[dict[str, tuple[Callable[..., Any], Callable[[HttpRequest], dict[str, str]]]]] = {
    "check-in": (operations.check_in_appointment, _nothing),
    "no-show": (operations.mark_no_show, _nothing),
    "approve": (operations.approve_appointment, _nothing),
    "decline": (operations.decline_appointment, _say_reason),
    "cancel": (operations.cancel_appointment, _say_reason),
}


def _branch_of(request: HttpRequest, branch_id: UUID, ability: Ability) -> Branch:
    return access_branch(actor_of(request), branch_id, ability)


def _shown(
    request: HttpRequest,
    template: str,
    branch: Branch,
    tab: str,
    context: dict[str, Any],
    problem: Problem | None = None,
) -> HttpResponse:
    """Render a page about a branch's appointments on the branch's clock."""
    actor = actor_of(request)
    shown = {
        "branch": branch,
        "tab": tab,
        "is_manager": can(actor, branch.organization_id, Ability.MANAGE, branch.pk),
        "is_bookable": bool(bookings.offered_services(branch)),
        "problem": failure(problem) if problem else None,
        **context,
    }
    with timezone.override(branch.timezone):
        return page(request, template, shown, problem.status if problem else 200)


# --- Days and weeks ----------------------------------------------------------------------------


def _day_of(request: HttpRequest, branch: Branch) -> date:
    given = request.POST if request.method == "POST" else request.GET
    found = date_or_none(given.get("date"))
    today = service_date(now_of(request), branch.timezone)
    # The next and last years are as far as anybody looks.
    return found if found and abs((found - today).days) < 800 else today


def _day_context(request: HttpRequest, branch: Branch) -> dict[str, Any]:
    day = _day_of(request, branch)
    return {
        "board": calendars.board_of(branch, day, now_of(request)),
        "day": day,
        "today": service_date(now_of(request), branch.timezone),
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "now": now_of(request),
    }


@never_cache
@signed_in
@require_safe
def day(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show who has an appointment on a date; today, who is expected, late and here."""
    branch = _branch_of(request, branch_id, Ability.SERVE)
    return _shown(request, "appointments_day.html", branch, "day", _day_context(request, branch))


@never_cache
@signed_in
@require_safe
def part(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the part of the day that changes."""
    branch = _branch_of(request, branch_id, Ability.SERVE)
    return _shown(request, "appointments_board.html", branch, "day", _day_context(request, branch))


@never_cache
@signed_in
@require_safe
def week(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Show the appointments of a week."""
    branch = _branch_of(request, branch_id, Ability.SERVE)
    shown = _day_of(request, branch)
    monday = shown - timedelta(days=shown.weekday())
    context = {
        "days": calendars.week_of(branch, shown),
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "today": service_date(now_of(request), branch.timezone),
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "movable": MOVABLE,
    }
    return _shown(request, "appointments_week.html", branch, "week", context)


def _appointment_at(request: HttpRequest, branch: Branch, appointment_id: UUID) -> Appointment:
    found = policies.access_appointment(actor_of(request), appointment_id)
    if found.branch_id != branch.pk:
        raise NotFound
    return found


@signed_in
@require_POST
def action(
    request: HttpRequest, branch_id: UUID, appointment_id: UUID, action: str
) -> HttpResponse:
    """Check somebody in, note that they did not come, approve, decline or cancel."""
    act, read = ACTIONS.get(action, (None, _nothing))
    if act is None:
        raise NotFound
    branch = _branch_of(request, branch_id, Ability.SERVE)
    found = _appointment_at(request, branch, appointment_id)
    problem = None
    try:
        act(
            actor=actor_of(request),
            appointment_id=found.pk,
            now=now_of(request),
            **read(request),
        )
    except NotFound:
        raise
    except Problem as refused:
        problem = refused
    if problem is None and not is_htmx(request):
        address = reverse("web:manage-appointments", args=[branch_id])
        return HttpResponseRedirect(f"{address}?date={_day_of(request, branch)}")
    template = "appointments_board.html" if is_htmx(request) else "appointments_day.html"
    return _shown(request, template, branch, "day", _day_context(request, branch), problem)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, branch_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Move somebody's appointment to a time that is pressed; the staff may use all places."""
    branch = _branch_of(request, branch_id, Ability.SERVE)
    found = _appointment_at(request, branch, appointment_id)
    address = reverse("web:manage-appointments", args=[branch_id])
    problem = None
    if request.method == "POST":
        try:
            moved = operations.reschedule_appointment(
                actor=actor_of(request),
                appointment_id=found.pk,
                starts_at=time_of(request),
                now=now_of(request),
            )
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
        else:
            return HttpResponseRedirect(f"{address}?date={moved.date}")
    given = request.POST if request.method == "POST" else request.GET
    more = {
        "moved": found,
        "who": found.customer_name or found.reference,
        "back": f"{address}?date={found.date}",
        "people": found.people,
        "people_choices": (),
        "needs_account": False,
        "here": request.path,
        "choice": bookings.choice_of(
            found.service,
            branch,
            now_of(request),
            day=date_or_none(given.get("day")) or found.date,
            people=found.people,
            is_public=False,
        ),
    }
    return shown_times(request, found.branch, found.service, problem=problem, more=more)


# --- What is offered ---------------------------------------------------------------------------

_DAYS = tuple((number, name) for number, name in WEEKDAYS.items())


def _valid(form: forms.Form) -> dict[str, Any]:
    """
    Return what a form holds.

    :raises InvalidInput: with a sentence for each field
    """
    if not form.is_valid():
        raise InvalidInput(
            errors=tuple(
                FieldError(name, "invalid", " ".join(map(str, texts)))
                for name, texts in form.errors.items()
            )
        )
    return form.cleaned_data


class SlotForm(forms.Form):
    """A weekly slot."""

    day_of_week = forms.TypedChoiceField(choices=_DAYS, coerce=int)
    start_time = forms.TimeField()
    end_time = forms.TimeField()
    interval_minutes = forms.IntegerField(min_value=5, max_value=480)
    capacity = forms.IntegerField(min_value=1, max_value=MOST_PLACES)
    public_capacity = forms.IntegerField(min_value=0, max_value=MOST_PLACES, required=False)
    valid_until = forms.DateField(required=False)

    def clean(self) -> dict[str, Any]:
        """Let all places be for the public unless told otherwise."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("public_capacity") is None:
            values["public_capacity"] = values.get("capacity")
        return values


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def slots(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the weekly slots of a branch; a sent form offers another one."""
    branch = _branch_of(request, branch_id, Ability.MANAGE)
    if request.method != "POST":
        return _slots(request, branch)
    try:
        service_id = uuid_or_none(request.POST.get("service"))
        if service_id is None:
            raise InvalidInput.on("service", _("Choose a service."), "required")
        operations.create_slot(
            actor=actor_of(request),
            branch_id=branch.pk,
            service_id=service_id,
            now=now_of(request),
            **_valid(SlotForm(request.POST)),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _slots(request, branch, problem)
    return _back(request, "web:manage-slots", branch, _("The slot is offered every week."))


def _back(request: HttpRequest, name: str, branch: Branch, said: str) -> HttpResponse:
    messages.success(request, said)
    return HttpResponseRedirect(reverse(name, args=[branch.pk]))


def _slots(request: HttpRequest, branch: Branch, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "services": calendars.slots_of(branch),
        "days": _DAYS,
        "typed": request.POST,
        "sets_rules": can(actor, branch.organization_id, Ability.MANAGE),
    }
    return _shown(request, "appointments_slots.html", branch, "slots", context, problem)


@signed_in
@require_POST
def generate(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Offer a service as most places do: Monday to Friday, 9 to 17, every 30 minutes."""
    branch = _branch_of(request, branch_id, Ability.MANAGE)
    service_id = uuid_or_none(request.POST.get("service"))
    if service_id is None:
        raise NotFound
    given = request.POST.get("capacity", "")
    capacity = int(given) if given.isdecimal() and given.isascii() and len(given) < 4 else 1
    try:
        operations.generate_usual_slots(
            actor=actor_of(request),
            branch_id=branch.pk,
            service_id=service_id,
            now=now_of(request),
            capacity=max(capacity, 1),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _slots(request, branch, problem)
    return _back(request, "web:manage-slots", branch, _("The usual weekly slots are offered."))


@signed_in
@require_POST
def slot_action(request: HttpRequest, branch_id: UUID, slot_id: UUID, action: str) -> HttpResponse:
    """Change a weekly slot, or offer it no more."""
    branch = _branch_of(request, branch_id, Ability.MANAGE)
    if policies.access_slot(actor_of(request), slot_id).branch_id != branch.pk:
        raise NotFound
    if action not in {"change", "retire"}:
        raise NotFound
    given: dict[str, Any] = {
        "actor": actor_of(request),
        "slot_id": slot_id,
        "now": now_of(request),
    }
    try:
        if action == "change":
            operations.update_slot(**given, **_valid(SlotForm(request.POST)))
        else:
            operations.retire_slot(**given)
    except NotFound:
        raise
    except Problem as problem:
        return _slots(request, branch, problem)
    return _back(request, "web:manage-slots", branch, _("Saved."))


# --- Dates that differ -------------------------------------------------------------------------


class DateForm(forms.Form):
    """A date that differs from the weekly slots."""

    date = forms.DateField()
    kind = forms.ChoiceField(choices=ExceptionKind.choices)
    start_time = forms.TimeField(required=False)
    end_time = forms.TimeField(required=False)
    interval_minutes = forms.IntegerField(min_value=5, max_value=480, required=False)
    capacity = forms.IntegerField(min_value=0, max_value=MOST_PLACES, required=False)
    public_capacity = forms.IntegerField(min_value=0, max_value=MOST_PLACES, required=False)
    reason = forms.CharField(max_length=120, required=False)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def dates(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the dates that differ from the weekly slots; a sent form adds one."""
    branch = _branch_of(request, branch_id, Ability.MANAGE)
    if request.method != "POST":
        return _dates(request, branch)
    try:
        operations.create_slot_exception(
            actor=actor_of(request),
            branch_id=branch.pk,
            service_id=uuid_or_none(request.POST.get("service")),
            now=now_of(request),
            **_valid(DateForm(request.POST)),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _dates(request, branch, problem)
    return _back(request, "web:manage-dates", branch, _("Saved."))


def _dates(request: HttpRequest, branch: Branch, problem: Problem | None = None) -> HttpResponse:
    context = {
        "rows": calendars.dates_of(branch, now_of(request)),
        "services": [service for service, _slots in calendars.slots_of(branch)],
        "kinds": ExceptionKind.choices,
        "typed": request.POST,
        "today": service_date(now_of(request), branch.timezone),
    }
    return _shown(request, "appointments_dates.html", branch, "dates", context, problem)


@signed_in
@require_POST
def remove_date(request: HttpRequest, branch_id: UUID, exception_id: UUID) -> HttpResponse:
    """Let a date follow the weekly slots again."""
    branch = _branch_of(request, branch_id, Ability.MANAGE)
    if policies.access_slot_exception(actor_of(request), exception_id).branch_id != branch.pk:
        raise NotFound
    operations.remove_slot_exception(
        actor=actor_of(request), exception_id=exception_id, now=now_of(request)
    )
    return _back(
        request, "web:manage-dates", branch, _("This date follows the weekly slots again.")
    )


# --- Absences ----------------------------------------------------------------------------------


class AbsenceForm(forms.Form):
    """A time at which somebody is not there."""

    agent = forms.UUIDField()
    starts_at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M"])
    ends_at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M"])
    reason = forms.CharField(max_length=120, required=False)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List when people are away: one's own, for a manager everybody's; a sent form adds one."""
    branch = _branch_of(request, branch_id, Ability.SERVE)
    if request.method != "POST":
        return _absences(request, branch)
    try:
        with timezone.override(branch.timezone):
            values = _valid(AbsenceForm(request.POST))
        operations.add_absence(
            actor=actor_of(request),
            organization_id=branch.organization_id,
            agent_id=values.pop("agent"),
            now=now_of(request),
            **values,
        )
    except NotFound:
        raise
    except Problem as problem:
        return _absences(request, branch, problem)
    return _back(request, "web:manage-absences", branch, _("Saved."))


def _absences(request: HttpRequest, branch: Branch, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    sees_all = can(actor, branch.organization_id, Ability.MANAGE)
    people = calendars.serving_people(branch.organization_id)
    context = {
        "rows": calendars.absences_of(
            branch.organization_id, now_of(request), None if sees_all else actor.require_user()
        ),
        "people": people if sees_all else [p for p in people if p.pk == actor.user_id],
        "typed": request.POST,
        "own_id": actor.user_id,
    }
    return _shown(request, "appointments_absences.html", branch, "absences", context, problem)


@signed_in
@require_POST
def remove_absence(request: HttpRequest, branch_id: UUID, absence_id: UUID) -> HttpResponse:
    """Open somebody's calendar again."""
    branch = _branch_of(request, branch_id, Ability.SERVE)
    operations.remove_absence(actor=actor_of(request), absence_id=absence_id, now=now_of(request))
    return _back(request, "web:manage-absences", branch, _("Saved."))


# --- Rules -------------------------------------------------------------------------------------

Figure = tuple[str, Any, int, int]
FIGURES: Final[tuple[tuple[Any, tuple[Figure, ...]], ...]] = (
    (
        gettext_lazy("When people can book"),
        (
            ("lead_minutes", gettext_lazy("At the latest, minutes before"), 0, MOST_MINUTES),
            ("window_days", gettext_lazy("At the earliest, days before"), 1, 366),
            ("hold_seconds", gettext_lazy("A place is kept while booking, seconds"), 30, 3600),
            ("buffer_before_minutes", gettext_lazy("Free minutes before each one"), 0, 240),
            ("buffer_after_minutes", gettext_lazy("Free minutes after each one"), 0, 240),
        ),
    ),
    (
        gettext_lazy("How much one person can book"),
        (
            ("most_people", gettext_lazy("People in one appointment"), 1, 100),
            ("most_per_day", gettext_lazy("Appointments on one day"), 1, 100),
            ("most_ahead", gettext_lazy("Appointments ahead at all"), 1, 100),
            (
                "no_show_limit",
                gettext_lazy("Missed ones before booking is closed; 0: never"),
                0,
                100,
            ),
            ("no_show_days", gettext_lazy("Missed ones count for, days"), 1, 366),
        ),
    ),
    (
        gettext_lazy("Changing and cancelling"),
        (
            ("cancel_until_minutes", gettext_lazy("Cancel until, minutes before"), 0, MOST_MINUTES),
            ("move_until_minutes", gettext_lazy("Move until, minutes before"), 0, MOST_MINUTES),
            ("most_moves", gettext_lazy("Times one can be moved"), 0, 100),
            ("resale_delay_minutes", gettext_lazy("A freed place waits, minutes"), 0, 1440),
            ("offer_minutes", gettext_lazy("The waitlist has to answer within, minutes"), 5, 1440),
        ),
    ),
    (
        gettext_lazy("At the door"),
        (
            ("early_minutes", gettext_lazy("Check in from, minutes before"), 0, 720),
            ("late_minutes", gettext_lazy("Counts as on time until, minutes after"), 0, 240),
            ("head_start_minutes", gettext_lazy("Head start in the line, minutes"), 0, 240),
        ),
    ),
)
CHOICES: Final = (
    ("is_bookable", gettext_lazy("This service takes appointments")),
    ("allows_anonymous", gettext_lazy("People can book without an account, with a code by SMS")),
    ("needs_approval", gettext_lazy("The staff confirm each appointment")),
)


class RulesForm(forms.Form):
    """How a service is booked."""

    is_bookable = forms.BooleanField(required=False)
    allows_anonymous = forms.BooleanField(required=False)
    needs_approval = forms.BooleanField(required=False)
    reminder_minutes = forms.CharField(max_length=60, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for _title, figures in FIGURES:
            for name, _label, least, most in figures:
                self.fields[name] = forms.IntegerField(min_value=least, max_value=most)

    def clean_reminder_minutes(self) -> list[int]:
        """Return minutes, longest before first."""
        words = self.cleaned_data["reminder_minutes"].replace(",", " ").split()
        wrong = [
            w for w in words if not (w.isascii() and w.isdecimal() and 5 <= int(w) <= MOST_MINUTES)
        ]
        if wrong or len(words) > 5:
            raise forms.ValidationError(_("Write at most five numbers of minutes, 5 or more."))
        return sorted({int(word) for word in words}, reverse=True)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, branch_id: UUID, service_id: UUID) -> HttpResponse:
    """Show and change how appointments for a service are made and kept."""
    branch = _branch_of(request, branch_id, Ability.MANAGE)
    service = access_service(actor_of(request), service_id, Ability.MANAGE)
    if service.organization_id != branch.organization_id:
        raise NotFound
    kept = policies.rules_of(service)
    problem = None
    if request.method == "POST":
        try:
            operations.set_booking_rules(
                actor=actor_of(request),
                service_id=service.pk,
                now=now_of(request),
                **_valid(RulesForm(request.POST)),
                questions=_questions(request),
            )
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
        else:
            return _back(request, "web:manage-slots", branch, _("The rules are saved."))
    typed = request.POST if problem else None
    context = {
        "service": service,
        "figures": [
            (title, [(n, label, low, high, _value(typed, kept, n)) for n, label, low, high in rows])
            for title, rows in FIGURES
        ],
        "choices": [
            (n, label, n in typed if typed is not None else getattr(kept, n))
            for n, label in CHOICES
        ],
        "reminders": typed.get("reminder_minutes", "")
        if typed is not None
        else ", ".join(map(str, kept.reminder_minutes)),
        "questions": [*kept.questions, *([{}] * SPARE_QUESTIONS)][:MOST_QUESTIONS],
        "question_kinds": QuestionKind.choices,
    }
    return _shown(request, "appointments_rules.html", branch, "slots", context, problem)


def _value(typed: Any, kept: Any, name: str) -> Any:
    return getattr(kept, name) if typed is None else typed.get(name, "")


def _questions(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the questions that the form holds; one without words is none."""
    found = []
    for index in range(MOST_QUESTIONS):
        label = " ".join(request.POST.get(f"question-{index}", "").split())[:200]
        if not label:
            continue
        kind = request.POST.get(f"question-{index}-kind", "")
        code = request.POST.get(f"question-{index}-code", "")[:40]
        choices = request.POST.get(f"question-{index}-choices", "").split(",")
        question: dict[str, Any] = {
            "code": slugify(code) or slugify(label)[:36] or f"q{index}",
            "label": label,
            "kind": kind if kind in QuestionKind.values else QuestionKind.TEXT.value,
            "is_required": f"question-{index}-required" in request.POST,
        }
        if question["kind"] == QuestionKind.CHOICE:
            question["choices"] = [c.strip()[:100] for c in choices if c.strip()][:20]
        found.append(question)
    return found

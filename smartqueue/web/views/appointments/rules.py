"""How appointments for a service are made and kept."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from smartqueue.appointments import operations, policies
from smartqueue.appointments.enums import QuestionKind
from smartqueue.business.enums import Ability
from smartqueue.business.policies import access_service
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web.views.appointments.frame import branch_of, branch_page, saved, valid
from smartqueue.web.views.kit import actor_of, now_of, signed_in

MOST_MINUTES: Final = 43_200
SPARE_QUESTIONS: Final = 2
MOST_QUESTIONS: Final = 8

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
    branch = branch_of(request, branch_id, Ability.MANAGE)
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
                **valid(RulesForm(request.POST)),
                questions=_questions(request),
            )
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
        else:
            return saved(request, "web:manage-slots", branch, _("The rules are saved."))
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
    return branch_page(request, "appointments_rules.html", branch, "slots", context, problem)


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

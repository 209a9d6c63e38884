"""The counters that a manager plans for a queue, a day a page."""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import formats
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from smartqueue.business.enums import Ability
from smartqueue.common import tenancy
from smartqueue.common.clock import service_date
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.queues import operations, queries
from smartqueue.queues.models import Queue
from smartqueue.queues.policies import access_queue
from smartqueue.queues.rosters import Day, Span, clock_text, day_named, minute_of, name_of
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in

EMPTY_ROWS: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One range as the form holds it."""

    since: str = ""
    until: str = ""
    counters: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.since or self.until or self.counters)


@signed_in
@require_safe
def roster(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Show the week and the dates that differ; a chosen date leads to its page."""
    queue = access_queue(actor_of(request), queue_id, Ability.MANAGE)
    asked = request.GET.get("date")
    if asked:
        return HttpResponseRedirect(_address(queue, _day(asked)))
    today = service_date(now_of(request), queue.branch.timezone)
    with tenancy.organizations([queue.organization_id]):
        planned = list(queries.list_roster(queue))
        usual = queries.usual_week(queue)
    week = [
        (
            capfirst(WEEKDAYS[number]),
            str(number),
            next((spans_text(row.spans) for row in planned if row.weekday == number), None),
            spans_text(usual[number]),
        )
        for number in range(7)
    ]
    dates = [
        (day_text(row.date), name_of(row.date), spans_text(row.spans))
        for row in planned
        if row.date is not None and row.date >= today
    ]
    context = {"queue": queue, "week": week, "dates": dates, "today": today.isoformat()}
    return page(request, "roster.html", context)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def day(request: HttpRequest, queue_id: UUID, day: str) -> HttpResponse:
    """Show what is planned for a day; a sent form replaces or removes it."""
    queue = access_queue(actor_of(request), queue_id, Ability.MANAGE)
    asked = _day(day)
    if request.method != "POST":
        return _form(request, queue, asked)
    typed = _typed(request)
    try:
        _save(request, queue, asked, typed)
    except NotFound:
        raise
    except Problem as problem:
        return _form(request, queue, asked, typed, problem)
    messages.success(request, _("Saved. Estimates count with it from now on."))
    return HttpResponseRedirect(reverse("web:manage-roster", args=[queue.pk]))


def _save(request: HttpRequest, queue: Queue, asked: Day, typed: list[Row]) -> None:
    given: dict[str, Any] = {
        "actor": actor_of(request),
        "queue_id": queue.pk,
        "now": now_of(request),
    }
    if "remove" in request.POST:
        operations.forget_day(day=asked, **given)
        return
    spans = [_span(row) for row in typed if not row.is_empty]
    also = [number for number in range(7) if str(number) in request.POST.getlist("also")]
    for one in [asked, *also] if not isinstance(asked, date) else [asked]:
        operations.plan_day(day=one, spans=spans, **given)


def _typed(request: HttpRequest) -> list[Row]:
    columns = (request.POST.getlist(name) for name in ("since", "until", "counters"))
    return [Row(*(value.strip()[:5] for value in values)) for values in zip(*columns, strict=False)]


def _span(row: Row) -> tuple[int, int, int]:
    try:
        since, until = minute_of(row.since), minute_of(row.until)
        # Midnight as an end is that of the day.
        return since, until or 24 * 60, int(row.counters)
    except ValueError as error:
        raise InvalidInput.on(
            "spans", _("Give each range a beginning, an end and a number of counters.")
        ) from error


def _day(text: str) -> Day:
    try:
        return day_named(text)
    except ValueError as error:
        raise NotFound from error


def _address(queue: Queue, asked: Day) -> str:
    return reverse("web:manage-roster-day", args=[queue.pk, name_of(asked)])


def _form(
    request: HttpRequest,
    queue: Queue,
    asked: Day,
    typed: list[Row] | None = None,
    problem: Problem | None = None,
) -> HttpResponse:
    with tenancy.organizations([queue.organization_id]):
        planned = queries.planned_on(queue, asked)
        usual = queries.usual_on(queue, asked)
        weekday = queries.planned_on(queue, asked.weekday()) if isinstance(asked, date) else None
    source = planned or weekday
    rows = typed or [
        Row(clock_text(a), clock_text(b % (24 * 60)), str(n))
        for a, b, n in (source.spans if source else [])
    ]
    filled = [row for row in rows if not row.is_empty]
    context = {
        "queue": queue,
        "day": name_of(asked),
        "title": day_text(asked),
        "is_date": isinstance(asked, date),
        "is_planned": planned is not None,
        "rows": [*filled, *[Row()] * EMPTY_ROWS],
        "usual": spans_text(usual),
        "others": [(n, capfirst(WEEKDAYS[n])) for n in range(7) if n != asked],
        "problem": failure(problem) if problem else None,
    }
    return page(request, "roster_day.html", context, problem.status if problem else 200)


def day_text(asked: Day) -> str:
    """Return a day as people call it."""
    if isinstance(asked, date):
        return capfirst(formats.date_format(asked, "l j F Y"))
    return str(capfirst(WEEKDAYS[asked]))


def spans_text(spans: list[Any] | list[tuple[int, int, float]]) -> list[tuple[str, str, str, int]]:
    """Return ranges as people read them: from, until, counters, and these in whole ones."""
    return [_span_text(span) for span in spans]


def _span_text(span: Span | tuple[int, int, float]) -> tuple[str, str, str, int]:
    since, until, counters = span
    figure = formats.number_format(counters)
    return clock_text(since), clock_text(until), figure, math.ceil(counters)

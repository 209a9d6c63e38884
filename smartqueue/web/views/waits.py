"""How far the shown waits can be trusted, for managers."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smartqueue.analytics import operations, queries
from smartqueue.business.policies import access_staff
from smartqueue.common import tenancy
from smartqueue.queues.policies import queues_managed_by
from smartqueue.web import charts
from smartqueue.web.views.kit import actor_of, now_of, page, signed_in, uuid_or_none

WEEKS_SHOWN: Final = 13
SHOWN: Final[dict[str, dict[str, bool]]] = {
    "joining": {"at_joining": True},
    "waiting": {"at_joining": False},
    "all": {},
}


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def accuracy(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Show the accuracy of the shown waits; a sent form counts the queues chosen anew."""
    actor = actor_of(request)
    organization = access_staff(actor, organization_id).organization
    managed = queues_managed_by(actor).filter(organization=organization.pk, retired_at=None)
    with tenancy.organizations([organization.pk]):
        queues = list(managed.select_related("branch").order_by("branch__name", "name"))
    chosen = uuid_or_none((request.POST or request.GET).get("queue"))
    if request.method == "POST":
        for queue in queues:
            if chosen in (None, queue.pk):
                operations.count_wait_accuracy(actor=actor, queue_id=queue.pk, now=now_of(request))
        messages.success(request, _("Counted. The figures are of this moment."))
        return HttpResponseRedirect(request.get_full_path())
    shown = request.GET.get("shown", "")
    shown = shown if shown in SHOWN else "joining"
    with tenancy.organizations([organization.pk]):
        wanted = managed.filter(pk=chosen) if chosen else managed
        rows = queries.list_accuracy(wanted).filter(**SHOWN[shown])
        weeks = sorted(set(rows.order_by().values_list("week", flat=True)), reverse=True)
        week = _week(request.GET.get("week", ""), weeks)
        found = queries.accuracy_of(list(rows.filter(week=week) if week else rows))
    context = {
        "organization": organization,
        "queues": queues,
        "chosen": chosen,
        "weeks": weeks[:WEEKS_SHOWN],
        "week": week,
        "shown": shown,
        **_drawn(found),
    }
    return page(request, "waits.html", context)


def _week(text: str, weeks: list[date]) -> date | None:
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return None
    return asked if asked in weeks else None


def _drawn(found: queries.Accuracy) -> dict[str, Any]:
    """Return the figures with where their marks stand."""
    compared = found.comparison
    errors = [
        (_("Shown by SmartQueue"), compared.ours),
        (_("Median of the last 200 waits"), compared.by_median),
        (_("The last wait"), compared.by_last),
        (_("Mean of the last ten waits"), compared.by_mean_of_ten),
        (_("People times minutes, over counters"), compared.by_people),
    ]
    lengths = charts.error_lengths([error for _name, error in errors])
    start, width, middle = charts.band()
    return {
        "figures": found.figures,
        "points": charts.calibration_points(found.calibration, found.figures.estimates),
        "ticks": charts.ticks(),
        "bars": charts.coverage_bars(found.positions),
        "positions": [
            (charts.range_text(one.since, one.until), one.figures) for one in found.positions
        ],
        "band": {"start": start, "width": width, "middle": middle},
        "compared": compared.estimates,
        "errors": [
            (name, error, length) for (name, error), length in zip(errors, lengths, strict=True)
        ],
        "side": charts.SIDE,
        "edge": charts.EDGE,
        "end": charts.EDGE + charts.SIDE,
    }

"""Reads of analytics: sums made into figures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import F, QuerySet

from smartqueue.analytics.models import WaitAccuracy
from smartqueue.queues.models import Queue
from smartqueue.queues.scores import BUCKETS

LEVELS: Final = (0.1, 0.5, 0.9)
AIM: Final = 0.8


@dataclass(frozen=True, slots=True)
class Figures:
    """
    How right some shown waits were.

    Times in whole seconds: mean absolute error of the middle figure, width of the interval, pinball
    loss over the three quantiles. Shares between 0 and 1: waits within the interval, calls more than
    five minutes before it. None when nothing was scored.
    """

    estimates: int
    mean_wait: int | None
    mean_median: int | None
    error: int | None
    coverage: float | None
    width: int | None
    pinball: int | None
    early: float | None


@dataclass(frozen=True, slots=True)
class Position:
    """Figures of everybody with `since` to `until` people ahead; None where it goes on."""

    since: int
    until: int | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Mean absolute errors over the same waits, in whole seconds: ours, the median of the last waits,
    the last wait, the mean of the last ten, and people times minutes over counters.
    """

    estimates: int
    ours: int | None
    by_median: int | None
    by_last: int | None
    by_mean_of_ten: int | None
    by_people: int | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How many of the waits were at most the quantile told for `level`."""

    level: float
    share: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """All of it for some rows: over everything, by position, beside others, by quantile."""

    figures: Figures
    positions: list[Position]
    comparison: Comparison
    calibration: list[Calibration]


def list_accuracy(queues: "QuerySet[Queue]") -> "QuerySet[WaitAccuracy]":
    """Return the sums of these queues, the newest week first; needs their organizations' scope."""
    rows: QuerySet[WaitAccuracy] = WaitAccuracy.objects.filter(
        queue_id__in=list(queues.values_list("pk", flat=True))
    )
    return rows.order_by("-week", "queue__name", "queue_id", "bucket")


def organizations_of(queues: "QuerySet[Queue]") -> list[UUID]:
    """Return the organizations that these queues belong to."""
    return list(queues.order_by().values_list("organization_id", flat=True).distinct())


def list_weeks(rows: "QuerySet[WaitAccuracy]") -> "QuerySet[WaitAccuracy, Any]":
    """Return each queue's weeks that have figures, with what names them."""
    named: QuerySet[WaitAccuracy, Any] = rows.values(
        "organization",
        "queue",
        "week",
        queue_name=F("queue__name"),
        branch=F("queue__branch"),
        branch_name=F("queue__branch__name"),
    )
    return named.order_by("-week", "queue__name", "queue").distinct()


def with_accuracy(
    weeks: Iterable[dict[str, Any]], rows: "QuerySet[WaitAccuracy]"
) -> list[dict[str, Any]]:
    """Return rows of `list_weeks` with their figures."""
    listed = list(weeks)
    found: dict[tuple[UUID, date], list[WaitAccuracy]] = {}
    wanted = rows.filter(
        queue__in={week["queue"] for week in listed}, week__in={week["week"] for week in listed}
    )
    for row in wanted:
        found.setdefault((row.queue_id, row.week), []).append(row)
    return [week | asdict(accuracy_of(found[week["queue"], week["week"]])) for week in listed]


def accuracy_of(rows: Sequence[WaitAccuracy]) -> Accuracy:
    """Add sums up into figures."""
    buckets = [[row for row in rows if row.bucket == number] for number in range(len(BUCKETS))]
    ends = [start - 1 for start in BUCKETS[1:]]
    return Accuracy(
        figures=_figures(rows),
        positions=[
            Position(start, end, _figures(own))
            for start, end, own in zip(BUCKETS, [*ends, None], buckets, strict=True)
        ],
        comparison=_comparison(rows),
        calibration=_calibration(rows),
    )


def _total(rows: Sequence[WaitAccuracy], name: str) -> float:
    total: float = sum(getattr(row, name) for row in rows)
    return total


def _figures(rows: Sequence[WaitAccuracy]) -> Figures:
    count = int(_total(rows, "estimates"))
    mean = _mean_over(rows, count)
    share = _share_over(count)
    inside = _total(rows, "up_to_high") - _total(rows, "below_low")
    return Figures(
        estimates=count,
        mean_wait=mean("waited"),
        mean_median=mean("median"),
        error=mean("error"),
        coverage=share(inside),
        width=mean("width"),
        pinball=mean("pinball"),
        early=share(_total(rows, "early")),
    )


def _comparison(rows: Sequence[WaitAccuracy]) -> Comparison:
    count = int(_total(rows, "compared"))
    mean = _mean_over(rows, count)
    return Comparison(
        estimates=count,
        ours=mean("compared_error"),
        by_median=mean("by_median_error"),
        by_last=mean("by_last_error"),
        by_mean_of_ten=mean("by_mean_of_ten_error"),
        by_people=mean("by_people_error"),
    )


def _calibration(rows: Sequence[WaitAccuracy]) -> list[Calibration]:
    count = _total(rows, "estimates")
    if not count:
        return []
    sides = ("below_low", "up_to_median", "up_to_high")
    return [
        Calibration(level, round(_total(rows, side) / count, 3))
        for level, side in zip(LEVELS, sides, strict=True)
    ]


def _mean_over(rows: Sequence[WaitAccuracy], count: int) -> Callable[[str], int | None]:
    return lambda name: round(_total(rows, name) / count) if count else None


def _share_over(count: int) -> Callable[[float], float | None]:
    return lambda part: round(part / count, 3) if count else None

"""When a morning's digest is due, and what the day before it was like, from rows that exist."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from smartqueue.appointments.queries import DayOfBookings, count_day
from smartqueue.business.hours import Schedule, intervals_of_day, moment_of
from smartqueue.business.models import Branch
from smartqueue.business.queries import schedules_of
from smartqueue.common.clock import service_date
from smartqueue.notifications.operations import budgets
from smartqueue.notifications.queries import undelivered_between
from smartqueue.queues import analytics
from smartqueue.queues.models import Queue

USUAL: Final = time(7)
EARLIEST: Final = time(5)
BEFORE_OPENING: Final = timedelta(hours=1)
LATEST: Final = timedelta(hours=6)
"""So long after it was due a digest is still of use."""
DAY: Final = timedelta(days=1)


def due_at(schedule: Schedule, today: date) -> datetime:
    """
    Return when the digest of a branch is due on a day: at seven by its clock, or an hour before it
    opens where that is earlier, and never before five.
    """
    zone = ZoneInfo(schedule.zone)
    usual = moment_of(today, USUAL, zone, last=False)
    openings = [starts for starts, _ends in intervals_of_day(schedule, today)]
    due = min([usual, *(starts - BEFORE_OPENING for starts in openings)])
    return max(due, moment_of(today, EARLIEST, zone, last=False))


def due_branches(now: datetime) -> dict[UUID, list[UUID]]:
    """Return the live branches whose digest is due or has been for a while, by organization."""
    rows = Branch.objects.with_scopes_disabled().filter(
        closed_at=None, organization__closed_at=None
    )
    early = [
        branch for branch in rows.order_by("organization_id", "pk") if _is_morning(branch, now)
    ]
    schedules = schedules_of(early)
    found: dict[UUID, list[UUID]] = {}
    for branch in early:
        due = due_at(schedules[branch.pk], service_date(now, branch.timezone))
        if due <= now < due + LATEST:
            found.setdefault(branch.organization_id, []).append(branch.pk)
    return found


def _is_morning(branch: Branch, now: datetime) -> bool:
    """Whether a digest can be due at all; most of a day none is, and no opening hours are read."""
    local = now.astimezone(ZoneInfo(branch.timezone))
    latest = datetime.combine(local.date(), USUAL) + LATEST
    return EARLIEST <= local.time() < latest.time()


@dataclass(frozen=True, slots=True)
class LongestMoment:
    """The longest line of a day: in which queue, when on the branch's clock, and how many."""

    queue: str
    at: datetime
    waiting: int


@dataclass(frozen=True, slots=True)
class BranchDay:
    """What the day before was like at a branch; `longest` is None where nobody waited."""

    branch: Branch
    day: date
    figures: analytics.Figures
    longest: LongestMoment | None
    bookings: DayOfBookings

    @property
    def is_empty(self) -> bool:
        """Whether nobody came, and nobody was expected."""
        return not (self.figures.issued or self.bookings.booked or self.bookings.cancelled)


def branch_days(branches: Iterable[Branch], now: datetime) -> list[BranchDay]:
    """Return the day before at each of an organization's branches; needs its scope."""
    return [
        _branch_day(branch, service_date(now, branch.timezone) - DAY, now) for branch in branches
    ]


def _branch_day(branch: Branch, day: date, now: datetime) -> BranchDay:
    queues = list(Queue.objects.filter(branch=branch.pk).values_list("pk", "name"))
    longest = analytics.longest_line(branch.pk, day)
    return BranchDay(
        branch=branch,
        day=day,
        figures=analytics.figures_of(branch.pk, [pk for pk, _name in queues], day, now),
        longest=LongestMoment(
            dict(queues).get(longest.queue_id, ""),
            longest.at.astimezone(ZoneInfo(branch.timezone)),
            longest.waiting,
        )
        if longest
        else None,
        bookings=count_day(branch.pk, day),
    )


@dataclass(frozen=True, slots=True)
class MessagesDay:
    """
    An organization's messages of a day that reached nobody, by why that is, and what is left of the
    month's budget for text messages; None without a budget. In minor units.
    """

    undelivered: dict[str, int]
    left_minor: int | None = None
    budget_minor: int | None = None


def messages_day(organization_id: UUID, days: Sequence[BranchDay], now: datetime) -> MessagesDay:
    """Return what became of an organization's messages on the day before, by its first branch's clock."""
    zone = ZoneInfo(days[0].branch.timezone) if days else UTC
    day = days[0].day if days else now.date() - DAY
    account = budgets.account_of(organization_id)
    spend = budgets.spend_of(organization_id, budgets.month_of(now))
    return MessagesDay(
        undelivered=undelivered_between(
            organization_id,
            datetime.combine(day, time(), tzinfo=zone),
            datetime.combine(day + DAY, time(), tzinfo=zone),
        ),
        left_minor=budgets.left_after(account, spend),
        budget_minor=account.monthly_budget_minor if account else None,
    )

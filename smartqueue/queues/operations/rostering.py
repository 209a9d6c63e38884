"""The counters that a manager plans for a queue, by weekday, and by date where a day differs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import Ability
from smartqueue.common.clock import service_date
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.queues import policies
from smartqueue.queues.models import Queue, RosterDay
from smartqueue.queues.rosters import DAY_MINUTES, QUARTER, Day, Span

MOST_SPANS: Final = 24
MOST_COUNTERS: Final = 200
FURTHEST: Final = timedelta(days=731)


@operation
def plan_day(
    *, actor: Actor, queue_id: UUID, day: Day, spans: Sequence[Span], now: datetime
) -> RosterDay:
    """
    Replace what is planned for a weekday (0 is Monday) or a date.

    `spans` are (from, to, counters) in minutes since midnight, on quarters of an hour; a date with
    none is a day without service.

    :raises NotFound: unknown queue, or not the actor's to manage
    :raises InvalidInput: spans that overlap, are off the quarters or empty; a day that is over
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE, lock=True)
    _check_day(queue, day, now)
    planned = sorted([list(span) for span in spans])
    _check_spans(planned)
    found = RosterDay.objects.filter(queue=queue, **_key(day)).first()
    row: RosterDay = found or RosterDay(
        organization_id=queue.organization_id, queue=queue, **_key(day)
    )
    row.spans = planned
    row.save()
    return row


@operation
def forget_day(*, actor: Actor, queue_id: UUID, day: Day, now: datetime) -> None:
    """
    Plan nothing for a weekday or a date any more: a date is as its weekday again.

    :raises NotFound: unknown queue, not the actor's to manage, or nothing is planned then
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE, lock=True)
    deleted, _rows = RosterDay.objects.filter(queue=queue, **_key(day)).delete()
    if not deleted:
        raise NotFound


def _key(day: Day) -> dict[str, Day]:
    return {"date": day} if isinstance(day, date) else {"weekday": day}


def _check_day(queue: Queue, day: Day, now: datetime) -> None:
    if not isinstance(day, date):
        return
    today = service_date(now, queue.branch.timezone)
    if day < today:
        raise InvalidInput.on("day", _("This day is over."), "over")
    if day > today + FURTHEST:
        raise InvalidInput.on("day", _("This is too far ahead."), "too_far")


def _check_spans(spans: Sequence[Span]) -> None:
    if len(spans) > MOST_SPANS:
        raise InvalidInput.on(
            "spans",
            ngettext(
                "Plan %(n)s range a day at most.", "Plan %(n)s ranges a day at most.", MOST_SPANS
            )
            % {"n": MOST_SPANS},
            "too_many",
        )
    for start, end, counters in spans:
        if start % QUARTER or end % QUARTER:
            raise InvalidInput.on("spans", _("Give times on quarters of an hour."), "quarters")
        if not 0 <= start < end <= DAY_MINUTES:
            raise InvalidInput.on("spans", _("A range ends after it begins."), "order")
        if not 1 <= counters <= MOST_COUNTERS:
            raise InvalidInput.on(
                "spans",
                ngettext(
                    "Plan between 1 and %(n)s counter.",
                    "Plan between 1 and %(n)s counters.",
                    MOST_COUNTERS,
                )
                % {"n": MOST_COUNTERS},
                "counters",
            )
    if any(first[1] > second[0] for first, second in pairwise(spans)):
        raise InvalidInput.on("spans", _("Two ranges overlap."), "overlap")

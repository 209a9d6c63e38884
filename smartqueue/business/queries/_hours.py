"""Opening rules of branches, all of a page's branches in one query."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from smartqueue.business import hours
from smartqueue.business.hours import Schedule
from smartqueue.business.models import Branch

_RULES = """
    SELECT branch_id, weekday, NULL::date, opens_at, closes_at, NULL::boolean
    FROM business_openinghours WHERE branch_id = ANY(%(ids)s)
    UNION ALL
    SELECT branch_id, NULL, date, opens_at, closes_at, NULL
    FROM business_openingexception WHERE branch_id = ANY(%(ids)s)
    UNION ALL
    SELECT branch.id, NULL, override.date, NULL, NULL, override.is_holiday
    FROM business_holidayoverride AS override
    JOIN business_branch AS branch ON branch.organization_id = override.organization_id
    WHERE branch.id = ANY(%(ids)s)
    ORDER BY 4
"""


class _Rules:
    def __init__(self) -> None:
        self.week: defaultdict[int, tuple[hours.Hours, ...]] = defaultdict(tuple)
        self.exceptions: defaultdict[Any, tuple[hours.Hours, ...]] = defaultdict(tuple)
        self.overrides: dict[Any, bool] = {}


def schedules_of(branches: Iterable[Branch]) -> dict[UUID, Schedule]:
    """Return the opening rules of branches by their ids, in one query."""
    wanted = {branch.pk: branch for branch in branches}
    rules: defaultdict[UUID, _Rules] = defaultdict(_Rules)
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(_RULES, {"ids": list(wanted)})
            rows = cursor.fetchall()
        for branch_id, weekday, day, opens, closes, is_holiday in rows:
            of_branch = rules[branch_id]
            if is_holiday is not None:
                of_branch.overrides[day] = is_holiday
            elif day is None:
                of_branch.week[weekday] += ((opens, closes),)
            else:
                of_branch.exceptions[day] += ((opens, closes),) if opens is not None else ()
    return {
        branch_id: Schedule(
            zone=branch.timezone,
            country=branch.country,
            week=dict(rules[branch_id].week),
            exceptions=dict(rules[branch_id].exceptions),
            overrides=rules[branch_id].overrides,
        )
        for branch_id, branch in wanted.items()
    }


def schedule_of(branch: Branch) -> Schedule:
    """Return the opening rules of one branch."""
    return schedules_of([branch])[branch.pk]


def is_open(branch: Branch, at: datetime) -> bool:
    """Whether a branch is open at a moment, by its hours, exceptions and holidays."""
    return hours.is_open(schedule_of(branch), at)


def next_opening(branch: Branch, after: datetime) -> datetime | None:
    """Return the first opening later than a moment, in UTC; None if none is known."""
    return hours.next_opening(schedule_of(branch), after)


def time_open(branch: Branch, since: datetime, until: datetime) -> timedelta | None:
    """Return for how long a branch was open between two moments; None if it never opens."""
    return hours.time_open(schedule_of(branch), since, until)


def closing_time(branch: Branch, at: datetime) -> datetime | None:
    """Return when a branch that is open closes, in UTC; None when closed, or open day and night."""
    return hours.closing_time(schedule_of(branch), at)

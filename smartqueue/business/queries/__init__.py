"""Reads about organizations, their places, hours and people."""

from smartqueue.business.queries._hours import (
    closing_time,
    is_open,
    next_opening,
    schedule_of,
    schedules_of,
)
from smartqueue.business.queries._members import (
    Reach,
    list_invitations,
    list_members,
    memberships_of,
    open_invitations_for,
    within_reach,
)
from smartqueue.business.queries._places import (
    list_branches,
    list_counters,
    list_holiday_overrides,
    list_opening_exceptions,
    list_organizations,
    list_services,
)

__all__ = [
    "Reach",
    "closing_time",
    "is_open",
    "list_branches",
    "list_counters",
    "list_holiday_overrides",
    "list_invitations",
    "list_members",
    "list_opening_exceptions",
    "list_organizations",
    "list_services",
    "memberships_of",
    "next_opening",
    "open_invitations_for",
    "schedule_of",
    "schedules_of",
    "within_reach",
]

"""What pages of calendar programs need: somebody's feeds, their addresses, calendars kept elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.enums import BusyFailure, FeedKind
from smartqueue.appointments.models import BusyCalendar, CalendarFeed
from smartqueue.appointments.operations import NewFeed
from smartqueue.business.models import Branch
from smartqueue.common.db import run_in_unit
from smartqueue.common.errors import NotFound


def feeds_of_person(owner_id: UUID) -> list[CalendarFeed]:
    """Return a person's feeds of their own appointments, oldest first."""
    return list(queries.list_feeds(owner_id).filter(kind=FeedKind.PERSON))


def feeds_of_staff(owner_id: UUID, branch: Branch) -> list[CalendarFeed]:
    """Return somebody's feeds of what they serve as an agent, and of a branch, oldest first."""
    rows = queries.list_feeds(owner_id)
    return list(rows.filter(Q(kind=FeedKind.AGENT) | Q(kind=FeedKind.BRANCH, branch=branch)))


def address_of(made: NewFeed) -> str:
    """Return the address of a new feed, for the one page that shows it."""
    return f"{settings.PUBLIC_URL}{reverse('calendar-file', args=[made.token])}"


def change(actor: Actor, feed_id: UUID, action: str, now: datetime) -> NewFeed | None:
    """
    Renew a feed, which is returned with its new address, or revoke it; the old address opens
    nothing any more.

    :raises NotFound: unknown, revoked, somebody else's, or no such action
    """
    if action == "revoke":
        operations.revoke_feed(actor=actor, feed_id=feed_id, now=now)
        return None
    if action != "renew":
        raise NotFound

    def renew() -> NewFeed:
        old = policies.access_feed(actor, feed_id)
        kind, branch_id, name = FeedKind(old.kind), old.branch_id, old.name
        operations.revoke_feed(actor=actor, feed_id=feed_id, now=now)
        return operations.create_feed(
            actor=actor, kind=kind, branch_id=branch_id, name=name, now=now
        )

    return run_in_unit(renew, actor, now)


@dataclass(frozen=True, slots=True)
class Busy:
    """A calendar kept elsewhere, and why it could not be read; nothing when it could."""

    calendar: BusyCalendar
    error: str


def busy_shown(rows: "QuerySet[Any]", branch: Branch) -> list[Busy]:
    """Return those of some calendars kept elsewhere that are a branch's or an agent's."""
    here = rows.filter(Q(branch=branch) | Q(agent__isnull=False))
    found = queries.in_order_of_making(here.select_related("agent", "branch", "service"))
    return [Busy(row, str(BusyFailure(row.error).label) if row.error else "") for row in found]

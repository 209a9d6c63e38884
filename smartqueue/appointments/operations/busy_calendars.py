"""Calendars kept elsewhere, whose busy times are not offered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import events, policies, queries
from smartqueue.appointments.enums import BusyFailure
from smartqueue.appointments.models import BusyCalendar, BusyTime
from smartqueue.business.models import Branch, Service
from smartqueue.common import http
from smartqueue.common.crypto import decrypt, encrypt
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox

PURPOSE: Final = "busy calendar"
EVERY: Final = timedelta(minutes=30)
LONGEST_PAUSE: Final = timedelta(hours=12)
MOST_OF_ONE: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came of asking for a calendar: times, None where nothing has changed since, or why there is
    no answer. `etag` and `last_modified` are the server's marks for the next time.
    """

    times: list[tuple[datetime, datetime]] | None = None
    failure: BusyFailure | None = None
    etag: str = ""
    last_modified: str = ""


@operation
def add_busy_calendar(
    *,
    actor: Actor,
    organization_id: UUID,
    url: str,
    now: datetime,
    agent_id: UUID | None = None,
    branch_id: UUID | None = None,
    service_id: UUID | None = None,
    name: str = "",
) -> BusyCalendar:
    """
    Stop offering the times at which a calendar kept elsewhere is busy: an agent's, or a branch's,
    there for one service or all. It is fetched within minutes; who is booked stays booked.

    :raises NotFound: not the actor's to say, or no such member, branch or service
    :raises InvalidInput: an address that may not be asked, not exactly one of agent and branch, or
        too many calendars
    """
    if (agent_id is None) == (branch_id is None) or (service_id and branch_id is None):
        raise InvalidInput.on("agent", _("Name an agent, or a branch and perhaps a service."))
    address = _address(url)
    branch = policies.access_busy_subject(actor, organization_id, agent_id, branch_id)
    others = BusyCalendar.objects.filter(agent=agent_id, branch=branch_id)
    if others.count() >= MOST_OF_ONE:
        raise InvalidInput.on("url", _("There are many calendars already. Remove one."))
    calendar: BusyCalendar = BusyCalendar.objects.create(
        organization_id=organization_id,
        agent_id=agent_id,
        branch_id=branch_id,
        service_id=_service(service_id),
        name=name,
        sealed_url=encrypt(address, PURPOSE),
        host=urlsplit(address).hostname or "",
        zone=_zone(organization_id, branch),
        created_at=now,
        next_fetch_at=now,
    )
    _tell(events.BusyCalendarAdded, calendar, actor, now)
    return calendar


def _address(url: str) -> str:
    """Return an address that may be asked; programs hand out webcal: for https:."""
    scheme, colon, rest = url.strip().partition(":")
    address = f"https:{rest}" if colon and scheme.lower() in {"webcal", "webcals"} else url.strip()
    try:
        http.check_address(address)
    except http.AddressRefused as error:
        raise InvalidInput.on(
            "url", _("Give the public address of a calendar, with https."), error.code
        ) from error
    return address


def _service(service_id: UUID | None) -> UUID | None:
    if service_id is None:
        return None
    found = Service.objects.filter(pk=service_id, retired_at=None).values_list("pk", flat=True)
    if not found:
        raise InvalidInput.on("service", _("Choose a service of the organization."))
    return service_id


def _zone(organization_id: UUID, branch: Branch | None) -> str:
    """Return the zone of what says none: the branch's, or the organization's first branch's."""
    if branch is None:
        live = Branch.objects.filter(organization=organization_id, closed_at=None)
        branch = live.order_by("created_at", "id").first()
    return branch.timezone if branch else "Africa/Dakar"


@operation
def remove_busy_calendar(*, actor: Actor, calendar_id: UUID, now: datetime) -> None:
    """
    Offer the times of a calendar kept elsewhere again.

    :raises NotFound: unknown, or not the actor's
    """
    calendar = policies.access_busy_calendar(actor, calendar_id)
    _tell(events.BusyCalendarRemoved, calendar, actor, now)
    calendar.delete()


@operation
def refresh_busy_calendar(*, actor: Actor, calendar_id: UUID, now: datetime) -> BusyCalendar:
    """
    Have a calendar kept elsewhere fetched at the next occasion, within minutes.

    :raises NotFound: unknown, or not the actor's
    """
    calendar = policies.access_busy_calendar(actor, calendar_id)
    calendar.next_fetch_at = now
    calendar.failures = 0
    calendar.save(update_fields=["next_fetch_at", "failures"])
    return calendar


@operation
def keep_busy_times(*, calendar_id: UUID, answer: Answer, due: datetime, now: datetime) -> None:
    """
    Store what came of asking for a calendar. After a failure the times known stay, and it is asked
    again after ever longer pauses; one that was removed meanwhile is left alone. `due` is when it was
    to be asked: where somebody has named another time meanwhile, that stands.
    """
    calendar = queries.get_busy_calendar(calendar_id, lock=True)
    if calendar is None:
        return
    named = calendar.next_fetch_at if calendar.next_fetch_at != due else None
    calendar.fetched_at = now
    if answer.failure is not None:
        calendar.error = answer.failure
        calendar.failures = min(calendar.failures + 1, 20)
        pause = min(EVERY * 2 ** (calendar.failures - 1), LONGEST_PAUSE)
        calendar.next_fetch_at = now + pause
    else:
        calendar.error, calendar.failures = "", 0
        calendar.next_fetch_at = now + EVERY
    calendar.next_fetch_at = named or calendar.next_fetch_at
    if answer.times is not None:
        calendar.read_at = now
        calendar.etag, calendar.last_modified = answer.etag, answer.last_modified
        _replace(calendar, answer.times)
    calendar.version += 1
    calendar.save()


def _replace(calendar: BusyCalendar, times: Iterable[tuple[datetime, datetime]]) -> None:
    before = BusyTime.objects.with_scopes_disabled().filter(
        organization_id=calendar.organization_id, calendar=calendar.pk
    )
    before.delete()
    BusyTime.objects.with_scopes_disabled().bulk_create(
        BusyTime(
            id=new_id(),
            organization_id=calendar.organization_id,
            calendar=calendar,
            agent_id=calendar.agent_id,
            branch_id=calendar.branch_id,
            service_id=calendar.service_id,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        for starts_at, ends_at in times
    )


def url_of(calendar: BusyCalendar) -> str:
    """Return the address of a calendar, for the one call that goes there."""
    return decrypt(calendar.sealed_url, PURPOSE)


def _tell(
    event: type[events.BusyCalendarEvent], calendar: BusyCalendar, actor: Actor, now: datetime
) -> None:
    outbox.publish(
        event(
            organization_id=calendar.organization_id,
            subject_version=calendar.version,
            occurred_at=now,
            actor=actor.label,
            calendar_id=calendar.pk,
            agent_id=calendar.agent_id,
            branch_id=calendar.branch_id,
            service_id=calendar.service_id,
        )
    )

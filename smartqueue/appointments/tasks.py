"""What happens to appointments by the clock, in batches of one appointment a transaction."""

import logging
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from smartqueue.appointments import busy, operations, queries
from smartqueue.appointments.enums import BusyFailure
from smartqueue.appointments.models import BusyCalendar
from smartqueue.common import clock, http
from smartqueue.common.jobs import periodic, run_all

logger = logging.getLogger(__name__)

READ_ANEW = timedelta(days=1)
"""So long an unchanged calendar is taken for read; then the year ahead has moved on by a day."""


@periodic(every_seconds=60)
def free_due_places_task() -> None:
    """Give back holds, offers and requests whose time is over, and offer them to the next in order."""
    now = clock.now()
    expire = operations.expire_hold
    run_all(partial(expire, appointment_id=pk, now=now) for pk in queries.holds_that_are_over(now))


@periodic(every_seconds=60)
def remind_task() -> None:
    """Publish the reminders that are due."""
    now = clock.now()
    remind = operations.remind_of_appointment
    run_all(partial(remind, appointment_id=pk, now=now) for pk in queries.reminders_due(now))


@periodic(every_seconds=300)
def give_up_missed_task() -> None:
    """Mark who never came, and end wishes of waitlists whose dates are over."""
    now = clock.now()
    give_up, expire = operations.give_up_missed, operations.expire_entry
    run_all(
        [
            *(
                partial(give_up, appointment_id=pk, now=now)
                for pk in queries.appointments_missed(now)
            ),
            *(partial(expire, entry_id=pk, now=now) for pk in queries.wishes_that_are_over(now)),
        ]
    )


@periodic(every_seconds=300, lease_seconds=3600)
def fetch_busy_calendars_task() -> None:
    """Ask for the calendars kept elsewhere that are due."""
    now = clock.now()
    run_all(partial(fetch_busy_calendar, pk, now) for pk in queries.busy_calendars_due(now))


def fetch_busy_calendar(
    calendar_id: UUID,
    now: datetime,
    *,
    reach: http.Reach = http.STRANGERS,
    resolver: http.Resolver | None = None,
) -> None:
    """Ask for one calendar kept elsewhere and store its times, or why there are none."""
    calendar = queries.get_busy_calendar(calendar_id)
    if calendar is None:
        return
    try:
        answer = _ask(calendar, now, reach, resolver)
    except (http.CallFailed, busy.Unreadable) as error:
        # One calendar that cannot be read keeps no other waiting.
        logger.info("a busy calendar was not read", extra={"calendar": str(calendar_id)})
        answer = operations.Answer(failure=BusyFailure(error.code))
    operations.keep_busy_times(
        calendar_id=calendar_id, answer=answer, due=calendar.next_fetch_at, now=now
    )


def _ask(
    calendar: BusyCalendar, now: datetime, reach: http.Reach, resolver: http.Resolver | None
) -> operations.Answer:
    headers = {"Accept": "text/calendar, text/plain;q=0.5, */*;q=0.1"}
    if calendar.read_at is not None and now - calendar.read_at < READ_ANEW:
        marks = {"If-None-Match": calendar.etag, "If-Modified-Since": calendar.last_modified}
        headers |= {name: mark for name, mark in marks.items() if mark}
    try:
        url = operations.url_of(calendar)
    except ValueError as error:
        raise busy.Unreadable(BusyFailure.ADDRESS_REFUSED.value) from error
    found = http.call(
        "GET",
        url,
        reach=reach,
        headers=headers,
        seconds=busy.FETCH_SECONDS,
        most_bytes=busy.MOST_BYTES,
        redirects=busy.REDIRECTS,
        resolver=resolver,
    )
    if found.status == 304 and len(headers) > 1:
        return operations.Answer()
    if found.status != 200:
        raise busy.Unreadable(BusyFailure.REFUSED.value)
    span = busy.Span(now - timedelta(days=1), now + busy.AHEAD, calendar.zone)
    return operations.Answer(
        times=busy.read_apart(found.body, span),
        etag=_mark(found.headers.get("etag", ""), 200),
        last_modified=_mark(found.headers.get("last-modified", ""), 80),
    )


def _mark(text: str, longest: int) -> str:
    """Return a server's mark if it can be sent back as it came."""
    return text if len(text) <= longest and text.isascii() and text.isprintable() else ""

"""The doors: closing days, forgetting, and telling that a copy was taken."""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from smartqueue.accounts.actor import Actor
from smartqueue.audit import chain, policies, queries
from smartqueue.audit.events import JournalExported
from smartqueue.audit.models import DayChain
from smartqueue.common import tenancy
from smartqueue.common.db import operation, unit_of_work
from smartqueue.outbox import operations as outbox

logger = logging.getLogger(__name__)

# No transaction is open for as long, so nothing is added to a day after it was sealed.
CLOSE_AFTER: Final = timedelta(hours=1)
_CLOCK = "SELECT now()"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('audit_daychain'))"
_FIRST_DAY = """
    SELECT least(
        (SELECT min(stored_at) FROM (
            SELECT to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
                AS stored_at
            FROM {table} ORDER BY id LIMIT 1) AS oldest), now())
"""


def _ask(statement: str, parameters: Iterable[Any] = ()) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return cursor.fetchone()[0]


def close_days() -> int:
    """
    Seal every past day (UTC) that is not yet in the chain, by the database's clock; return how many.

    A day is closed one hour after its end. Each has a link, also one on which nothing happened.
    """
    closed = 0
    while _close_next():
        closed += 1
    return closed


@operation
def _close_next() -> bool:
    _ask(_ONE_AT_A_TIME)
    now: datetime = _ask(_CLOCK)
    before = queries.last_closed_day()
    day = before.day + timedelta(days=1) if before else _first_day()
    if day >= (now - CLOSE_AFTER).date():
        return False
    sums = chain.sums_of(day)
    previous = bytes(before.digest) if before else chain.BEGINNING
    link = DayChain.objects.create(
        day=day,
        events=sums.events,
        changes=sums.changes,
        digest=sums.digest(day, previous),
        addresses=sums.addresses,
        previous=previous,
        closed_at=now,
    )
    # Logs leave the database: a chain that was rewritten as a whole differs from what they say.
    logger.info("journal day sealed", extra={"day": str(day), "digest": link.digest.hex()})
    return True


def _first_day() -> date:
    tables = ("outbox_domainevent", "audit_rowchange")
    with tenancy.with_keys(tenancy.EVERY_KEY):
        moments: list[datetime] = [_ask(_FIRST_DAY.format(table=table)) for table in tables]
    return min(moments).date()


def purge_journal(*, before: date) -> int:
    """
    Delete the entries of whole closed days before a date; return how many. Their links stay.

    A day with an event that is still to be delivered waits. The database refuses the last 30 days.
    """
    return sum(_in_unit("SELECT audit_purge_day(%s)", day) for day in queries.days_before(before))


def forget_addresses(*, before: date) -> int:
    """Empty the addresses of closed days before a date; return how many there were."""
    days = queries.days_with_addresses_before(before)
    return sum(_in_unit("SELECT audit_forget_addresses(%s)", day) for day in days)


def _in_unit(statement: str, day: date) -> int:
    with unit_of_work():
        count: int = _ask(statement, [day])
    return count


@operation
def destroy_person_keys(people: Iterable[UUID]) -> int:
    """
    Make what the journal has sealed for these people unreadable for ever; return how many keys.

    Takes accounts' ids, and the ids of rows that told of somebody without an account (a ticket, an
    invitation). Call it last in an erasure: changes made before it are sealed with the same keys.
    """
    count: int = _ask("SELECT audit_destroy_keys(%s::uuid[])", [list(people)])
    return count


@operation
def export_journal(*, actor: Actor, organization_id: UUID, now: datetime) -> None:
    """
    Tell the journal that a copy of it is taken.

    :raises NotFound: not an owner of the organization
    :raises ReasonNeeded: platform staff without open support access
    """
    policies.access_journal(actor, organization_id)
    outbox.publish(
        JournalExported(organization_id=organization_id, occurred_at=now, actor=actor.label)
    )

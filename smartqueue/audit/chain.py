"""
The daily hash chain: what a day's entries come to, computed from the rows as they are now.

A row's day is that of its id, which holds the database's clock; `at` may be a demonstration's time.
Sealed values go in as they are stored, so destroying a key changes nothing here.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from smartqueue.audit.models import DayChain
from smartqueue.common import tenancy

BEGINNING: Final = bytes(32)

# Times as microseconds and jsonb's own text: nothing in them follows a setting of the connection.
_SUMS = """
    SELECT
        count(*),
        sha256(coalesce(string_agg(sha256(convert_to(line, 'UTF8')), ''::bytea ORDER BY id), '')),
        sha256(coalesce(
            string_agg(sha256(convert_to(id || coalesce(host(address), ''), 'UTF8')), ''::bytea
                ORDER BY id), ''))
    FROM ({rows}) AS row
"""
_EVENTS = """
    SELECT id, address, jsonb_build_array(
        id, type, organization_id, actor, subject_type, subject_id, subject_version,
        (extract(epoch FROM occurred_at) * 1000000)::bigint, payload, request_id, transaction_id
    )::text AS line
    FROM outbox_domainevent
    WHERE id >= audit_first_id(%(day)s) AND id < audit_first_id(%(day)s + 1)
"""
_CHANGES = """
    SELECT id, address, jsonb_build_array(
        id, organization_id, branch_id, (extract(epoch FROM at) * 1000000)::bigint, "table", row_id,
        kind, before, after, actor, is_direct, request_id, transaction_id
    )::text AS line
    FROM audit_rowchange
    WHERE id >= audit_first_id(%(day)s) AND id < audit_first_id(%(day)s + 1)
"""
_OUTSIDE = """
    SELECT id FROM outbox_domainevent
    WHERE id < audit_first_id(%(first)s) OR id >= audit_first_id(current_date + 2)
    UNION ALL
    SELECT id FROM audit_rowchange
    WHERE id < audit_first_id(%(first)s) OR id >= audit_first_id(current_date + 2)
    LIMIT 1
"""


@dataclasses.dataclass(frozen=True, slots=True)
class DaySums:
    """What one day's entries come to."""

    events: int
    changes: int
    content: bytes
    addresses: bytes

    def digest(self, day: date, previous: bytes) -> bytes:
        """Return the day's link: its content, its counts and the day before."""
        head = f"{day.isoformat()} {self.events} {self.changes}".encode()
        return hashlib.sha256(previous + head + self.content).digest()


def sums_of(day: date) -> DaySums:
    """Compute a day's sums from its rows."""
    (events, content_a, addresses_a), (changes, content_b, addresses_b) = (
        _sums(rows, day) for rows in (_EVENTS, _CHANGES)
    )
    return DaySums(
        events,
        changes,
        hashlib.sha256(content_a + content_b).digest(),
        hashlib.sha256(addresses_a + addresses_b).digest(),
    )


@contextmanager
def _everything() -> Iterator[CursorWrapper]:
    """Read every organization's entries, whatever the scope: a sum over some of them is of no use."""
    with tenancy.with_keys(tenancy.EVERY_KEY), connection.cursor() as cursor:
        yield cursor


def _sums(rows: str, day: date) -> tuple[int, bytes, bytes]:
    with _everything() as cursor:
        statement = _SUMS.format(rows=rows)
        cursor.execute(statement, {"day": day})
        count, content, addresses = cursor.fetchone()
    return count, bytes(content), bytes(addresses)


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A day that is not what was sealed, and in what."""

    day: date
    what: str


def faults(since: date | None = None, until: date | None = None) -> Iterator[Fault]:
    """Yield what differs from the chain, oldest day first; nothing when the journal is whole."""
    links = DayChain.objects.order_by("day")
    before = None
    if since:
        before = links.filter(day__lt=since).last()
        links = links.filter(day__gte=since)
    else:
        yield from _outside()
    if until:
        links = links.filter(day__lte=until)
    for link in links.iterator():
        if next(_faults_of(link, before), None):
            # Again, with the day as it is now: it may have been purged meanwhile, or its addresses
            # forgotten, as its link says by then.
            link.refresh_from_db()
            yield from _faults_of(link, before)
        before = link


def _outside() -> Iterator[Fault]:
    first = DayChain.objects.order_by("day").first()
    if first is None:
        return
    with _everything() as cursor:
        cursor.execute(_OUTSIDE, {"first": first.day})
        is_outside = cursor.fetchone() is not None
    if is_outside:
        yield Fault(first.day, "an entry lies outside every day")


def _faults_of(link: DayChain, before: DayChain | None) -> Iterator[Fault]:
    expected = bytes(before.digest) if before else BEGINNING
    if before and link.day != before.day + timedelta(days=1):
        yield Fault(link.day, "the day before is missing")
    elif bytes(link.previous) != expected:
        yield Fault(link.day, "it does not follow the day before")
    sums = sums_of(link.day)
    if link.purged_at is not None:
        if sums.events or sums.changes:
            yield Fault(link.day, "entries were added after it was purged")
        return
    if (sums.events, sums.changes) != (link.events, link.changes):
        yield Fault(
            link.day,
            f"{sums.events} events and {sums.changes} changes,"
            f" sealed were {link.events} and {link.changes}",
        )
    elif sums.digest(link.day, bytes(link.previous)) != bytes(link.digest):
        yield Fault(link.day, "its entries are not those that were sealed")
    if link.addresses_forgotten_at is None and sums.addresses != bytes(link.addresses):
        yield Fault(link.day, "an address is not the one that was sealed")

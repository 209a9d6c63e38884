"""Sealing each past day, and letting go of what is old."""

from datetime import UTC, datetime, timedelta

from smartqueue.audit import operations
from smartqueue.common.jobs import periodic

HOUR = 3600
DAY = 24 * HOUR
JOURNAL_DAYS = 400
ADDRESS_DAYS = 90


@periodic(every_seconds=HOUR)
def close_journal_days_task() -> None:
    """Seal the days that have ended."""
    operations.close_days()


@periodic(every_seconds=DAY)
def purge_journal_task() -> None:
    """Delete entries after 400 days and addresses after 90, by real time."""
    today = datetime.now(UTC).date()
    operations.purge_journal(before=today - timedelta(days=JOURNAL_DAYS))
    operations.forget_addresses(before=today - timedelta(days=ADDRESS_DAYS))

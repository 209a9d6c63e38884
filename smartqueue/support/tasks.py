"""What becomes due in support."""

from datetime import timedelta

from django.utils import timezone

from smartqueue.common import clock
from smartqueue.common.jobs import periodic
from smartqueue.support import operations

# Longer than any request that is still bringing a file.
ORPHAN_AGE = timedelta(days=1)


@periodic(every_seconds=3600)
def close_resolved_cases_task() -> None:
    """Close cases that were resolved two weeks ago."""
    while operations.close_resolved_cases(now=clock.now()):
        pass


@periodic(every_seconds=3600)
def remove_case_files_task() -> None:
    """Delete files that no case gives out any more, and those that no case ever named."""
    while operations.remove_files():
        pass
    # Files carry the machine's time, not the demonstration's.
    operations.remove_orphans(before=timezone.now() - ORPHAN_AGE)

"""Work outside a request: making archives, walking tables, ending what is over."""

from functools import partial
from uuid import UUID

from celery import shared_task

from smartqueue.common import clock
from smartqueue.common.jobs import Work, periodic, run_all
from smartqueue.privacy import operations, retention
from smartqueue.support import operations as support_operations

DAY = 24 * 3600


@shared_task
def make_export_task(export_id: str) -> None:
    """Make one archive."""
    operations.make_export(export_id=UUID(export_id), now=clock.now())


@shared_task
def carry_out_erasures_task() -> None:
    """Carry out what erasures are asked for, each in its own transaction."""
    run_all(_erasures())


def _erasures() -> list[Work]:
    asked = operations.list_unfinished_erasures(now=clock.now())
    return [partial(_carry_out, erasure_id) for erasure_id in asked]


def _carry_out(erasure_id: UUID) -> None:
    operations.carry_out_erasure(erasure_id=erasure_id, now=clock.now())
    _remove_files()


def _remove_files() -> None:
    """Delete the files behind what was just taken out; a crash is made up for within the hour."""
    while support_operations.remove_files():
        pass


@periodic(every_seconds=60)
def sweep_requests_task() -> None:
    """Find erasures and archives whose hint was lost."""
    exports = operations.list_requested_exports()
    make = operations.make_export
    run_all(
        [*_erasures(), *(partial(make, export_id=pk, now=clock.now()) for pk in exports)],
    )


@periodic(every_seconds=3600)
def remove_old_exports_task() -> None:
    """Delete archives whose time is over."""
    operations.remove_old_exports(now=clock.now())


@periodic(every_seconds=DAY, lease_seconds=3 * 3600)
def end_retention_task() -> None:
    """Delete or empty whatever the table of retention says is over."""
    end, now = retention.end_retention, clock.now()
    run_all([*(partial(end, now, {kind.code}) for kind in retention.KINDS), _remove_files])

"""
How long each kind of data is kept: the one table that the job enforces and the pages show.

A kind with a `rule` is ended by privacy's own nightly job; the others name the job of their app,
and take their period from its constant, so that the table cannot say something else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.accounts.operations import _sweep as accounts_sweep
from smartqueue.common.errors import Text
from smartqueue.common.purge import BATCH
from smartqueue.idempotency import tasks as idempotency_tasks
from smartqueue.notifications import operations as notification_operations
from smartqueue.outbox import tasks as outbox_tasks
from smartqueue.privacy.operations._exports import EXPORT_LIFE
from smartqueue.realtime import tasks as realtime_tasks

OWN_JOB: Final = "privacy.end_retention_task"
MONTH: Final = timedelta(days=30.5)


class Rule(Protocol):
    """What the nightly job does with rows that are over."""

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        """End the rows from before a moment, of some organizations or all; return how many."""
        ...


def _table(label: str) -> str:
    return connection.ops.quote_name(apps.get_model(label)._meta.db_table)


def _in_batches(statement: str, parameters: Mapping[str, Any]) -> int:
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            count: int = cursor.rowcount
        total += count
        if count < BATCH:
            return total


def _narrowed(condition: str, organizations: Iterable[UUID] | None) -> str:
    return condition if organizations is None else f"{condition} AND organization_id = ANY(%(of)s)"


@dataclass(frozen=True, slots=True)
class Removal:
    """Delete rows; `over` is an SQL condition on the table's columns with `%(before)s`."""

    label: str
    over: str

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        table = _table(self.label)
        statement = f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} AS row
                WHERE {_narrowed(self.over, organizations)} LIMIT {BATCH}
            ))
        """  # noqa: S608  # constants of this module
        return _in_batches(statement, {"before": before, "of": list(organizations or ())})


@dataclass(frozen=True, slots=True)
class Emptying:
    """Empty columns; `changes` is an SQL assignment that makes `over` untrue."""

    label: str
    changes: str
    over: str

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        table = _table(self.label)
        statement = f"""
            UPDATE {table} SET {self.changes} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} AS row
                WHERE {_narrowed(self.over, organizations)} LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED
            ))
        """  # noqa: S608  # constants of this module
        return _in_batches(statement, {"before": before, "of": list(organizations or ())})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """
    One kind of data. `period` None is as long as the thing itself exists.

    `job` ends it: privacy's own by `rules`, another app's, or none where somebody else does.
    `since` says from when the period counts; `is_shortenable` whether organizations may shorten it.
    """

    code: str
    title: Text
    purpose: Text
    basis: Text
    period: timedelta | None
    since: Text
    at_end: Text
    job: str = ""
    rules: tuple[Rule, ...] = ()
    is_shortenable: bool = False

    @property
    def period_text(self) -> str:
        """The period in words."""
        return "" if self.period is None else in_words(self.period)


def in_words(period: timedelta) -> str:
    """Return a period as people say it: in months, days, hours or minutes."""
    if period >= 12 * MONTH:
        count = round(period / MONTH)
        return ngettext("%(n)s month", "%(n)s months", count) % {"n": count}
    for unit, text in (
        (timedelta(days=1), ("%(n)s day", "%(n)s days")),
        (timedelta(hours=1), ("%(n)s hour", "%(n)s hours")),
        (timedelta(minutes=1), ("%(n)s minute", "%(n)s minutes")),
    ):
        if period >= 2 * unit or unit == timedelta(minutes=1):
            break
    count = round(period / unit)
    return _said(text, count)


def _said(text: tuple[str, str], count: int) -> str:
    return ngettext(*text, count) % {"n": count}

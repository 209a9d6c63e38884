"""Deleting what has reached its end date, a batch and a transaction at a time."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

from smartqueue.common.db import unit_of_work

BATCH = 5000


def delete_where(
    model: type[models.Model], condition: str, parameters: Sequence[Any] = (), batch: int = BATCH
) -> int:
    """Delete the rows of a model that satisfy an SQL condition on its columns; return how many."""
    table = connection.ops.quote_name(model._meta.db_table)
    statement = f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT row.ctid FROM {table} AS row WHERE {condition} LIMIT {int(batch)}
        ))
    """  # noqa: S608  # the condition is the caller's own text
    total = 0
    while True:
        with unit_of_work(), connection.cursor() as cursor:
            cursor.execute(statement, list(parameters))
            count: int = cursor.rowcount
        total += count
        if count < batch:
            return total

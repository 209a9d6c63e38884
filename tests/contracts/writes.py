"""Which tables a request wrote to, told by PostgreSQL's own counters, so that only those are read again."""

from collections.abc import Callable, Collection
from typing import Any

from django.db import connection

# Counted for this transaction alone, and also where a savepoint took the change back. A partition
# counts for the table that it is part of.
COUNTED = """
    SELECT coalesce(pg_partition_root(relid), relid)::regclass::text,
        sum(n_tup_ins + n_tup_upd + n_tup_del)
    FROM pg_stat_xact_user_tables
    GROUP BY 1
    HAVING sum(n_tup_ins + n_tup_upd + n_tup_del) > 0
"""


class Watch:
    """
    What tables hold, from one look to the next inside one transaction.

    `read` returns what some of the tables hold, by table; all are read once.
    """

    def __init__(
        self, tables: Collection[str], read: Callable[[Collection[str]], dict[str, Any]]
    ) -> None:
        self.tables, self.read = tables, read
        self.before = read(tables)
        self.counted = _counted()
        self.differing: set[str] = set()

    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Return what the tables held at first and hold now, of those that hold something else."""
        counted = _counted()
        touched = [
            table
            for table in self.tables
            if counted.get(table) != self.counted.get(table) or table in self.differing
        ]
        now = self.read(touched) if touched else {}
        found = {
            table: (self.before[table], held)
            for table, held in now.items()
            if held != self.before[table]
        }
        self.counted, self.differing = counted, set(found)
        return found


def _counted() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTED)
        return dict(cursor.fetchall())

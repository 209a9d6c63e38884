"""
The rows that an operation of the product writes, learned by watching one, and the same writes as SQL.

Nothing here knows the columns: the tables are read before and after one operation, and what it
inserted and changed becomes statements with the same values, but for ids, numbers, versions and
times, which are made anew each time. So the bare writers go on writing the same rows when the
product's change.
"""

# ruff: noqa: S608  # the names come from the catalogue of our own scratch database

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

IGNORED = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "spatial_ref_sys",
    "locations_commune",
}
QUEUE, TICKET = "queues_queue", "queues_ticket"
PARENTS = [QUEUE, TICKET, "appointments_slotplaces", "appointments_appointment"]
# Which row a change is about, where it is not the ticket's or the queue's own.
FOUND_BY = {
    QUEUE: "id = {queue}",
    TICKET: "id = {ticket}",
    "queues_ticketperiod": "ticket_id = {ticket} AND ended_at IS NULL",
}
HEAD = """
    SELECT id FROM queues_ticket WHERE queue_id = {queue} AND state = 'waiting'
    ORDER BY order_key, id LIMIT 1
"""

Snapshot = dict[str, dict[str, dict[str, Any]]]
Place = Callable[[str, str], str]


@dataclass
class Value:
    """A column's new value: a constant, a named one, a text ending in a named one, or old plus n."""

    kind: str
    value: Any
    type: str


@dataclass
class Write:
    """One insert or update of one row."""

    table: str
    is_insert: bool
    columns: dict[str, Value]


@dataclass
class Recipe:
    """Everything one operation writes. `ids` names the new rows' ids."""

    name: str
    queue: Write
    others: list[Write]
    ids: list[str] = field(default_factory=list)

    def rows(self) -> dict[str, int]:
        """Return how many rows of each table it writes."""
        counted: dict[str, int] = {}
        for write in [self.queue, *self.others]:
            word = "+" if write.is_insert else "~"
            counted[word + write.table] = counted.get(word + write.table, 0) + 1
        return dict(sorted(counted.items()))


def snapshot(connection: psycopg.Connection) -> Snapshot:
    """Return every row of every table, by primary key; for a database that is nearly empty."""
    tables: Snapshot = {}
    for table, key in _tables(connection).items():
        columns = sql.SQL(", ").join(map(sql.Identifier, key))
        rows = connection.execute(
            sql.SQL("SELECT concat_ws(' ', {}), to_jsonb(t) FROM {} AS t").format(
                columns, sql.Identifier(table)
            )
        )
        tables[table] = dict(rows.fetchall())
    return tables


def _tables(connection: psycopg.Connection) -> dict[str, list[str]]:
    rows = connection.execute("""
        SELECT t.relname, array_agg(a.attname::text ORDER BY a.attnum)
        FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
        JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey)
        WHERE i.indisprimary AND t.relnamespace = 'public'::regnamespace GROUP BY t.relname
    """)
    return {table: key for table, key in rows.fetchall() if table not in IGNORED}


def _types(connection: psycopg.Connection, table: str) -> dict[str, str]:
    rows = connection.execute(
        """
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        [table],
    )
    return dict(rows.fetchall())


def learn(
    name: str,
    connection: psycopg.Connection,
    before: Snapshot,
    known: dict[str, str],
) -> Recipe:
    """
    Return what has been written since `before`.

    `known` gives names to values that differ from one operation to the next: ticket, queue,
    session, counter, agent.
    """
    after = snapshot(connection)
    teacher, new, ids = _inserted(connection, before, after, known)
    others, queue = [], None
    for table, rows in after.items():
        types = _types(connection, table)
        for key, row in rows.items():
            old = before[table].get(key)
            if old is None or old == row:
                continue
            if table not in FOUND_BY:
                raise RuntimeError(
                    f"{name} now changes {table}: teach bench/rows.py how to find it"
                )
            changed = {
                column: teacher.change(types[column], old[column], value)
                for column, value in row.items()
                if value != old[column]
            }
            write = Write(table, is_insert=False, columns=changed)
            if table == QUEUE:
                queue = write
            else:
                others.append(write)
    others += new
    if queue is None:
        raise RuntimeError(f"{name} did not change the queue's row")
    return Recipe(name, queue, others, ids)


def learn_inserts(
    connection: psycopg.Connection, before: Snapshot, known: dict[str, str]
) -> tuple[list[Write], list[str]]:
    """Return the rows that have come since `before` and the names of their ids, parents first."""
    _, new, ids = _inserted(connection, before, snapshot(connection), known)
    return new, ids


def _inserted(
    connection: psycopg.Connection, before: Snapshot, after: Snapshot, known: dict[str, str]
) -> "tuple[_Teacher, list[Write], list[str]]":
    names = {value: key for key, value in known.items()}
    inserted = [
        (table, row)
        for table, rows in after.items()
        for key, row in rows.items()
        if key not in before[table]
    ]
    ids: list[str] = []
    for _, row in inserted:
        identifier = row.get("id")
        if isinstance(identifier, str) and identifier not in names:
            names[identifier] = f"id{len(ids)}"
            ids.append(names[identifier])
    teacher = _Teacher(names)
    # A row comes after the one it points at.
    inserted.sort(key=lambda found: PARENTS.index(found[0]) if found[0] in PARENTS else 9)
    inserted.sort(key=lambda found: "delivery" in found[0])
    writes = []
    for table, row in inserted:
        types = _types(connection, table)
        columns = {c: teacher.insert(table, c, types[c], value, row) for c, value in row.items()}
        writes.append(Write(table, is_insert=True, columns=columns))
    return teacher, writes, ids


class _Teacher:
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._recent = datetime.now(UTC) - timedelta(minutes=5)

    def change(self, type_: str, old: Any, new: Any) -> Value:
        if isinstance(new, int) and not isinstance(new, bool) and isinstance(old, int):
            return Value("delta", new - old, type_)
        return self._value(type_, new)

    def insert(self, table: str, column: str, type_: str, value: Any, row: dict[str, Any]) -> Value:
        if table == TICKET and column in {"number", "sequence"}:
            return Value("name", column, type_)
        if column == "version" and str(row.get("topic", "")).startswith("queue:"):
            return Value("name", "version", type_)
        if type_ == "bytea":
            return Value("name", column, type_)
        return self._value(type_, value)

    def _value(self, type_: str, value: Any) -> Value:
        if isinstance(value, str) and type_ != "jsonb":
            if value in self._names:
                return Value("name", self._names[value], type_)
            head, _, tail = value.partition(":")
            if tail in self._names:
                return Value("text", [f"{head}:", self._names[tail]], type_)
            if type_ == "timestamp with time zone" and datetime.fromisoformat(value) > self._recent:
                return Value("name", "now", type_)
        return Value("constant", value, type_)


def save(recipes: dict[str, Recipe], path: Path) -> None:
    """Write recipes where the bare application reads them."""
    path.write_text(json.dumps({name: asdict(recipe) for name, recipe in recipes.items()}))


def load(path: Path) -> dict[str, Recipe]:
    """Read recipes back."""

    def write(data: dict[str, Any]) -> Write:
        columns = {name: Value(**value) for name, value in data["columns"].items()}
        return Write(data["table"], data["is_insert"], columns)

    return {
        name: Recipe(name, write(data["queue"]), [write(w) for w in data["others"]], data["ids"])
        for name, data in json.loads(path.read_text()).items()
    }


class Statements:
    """
    A recipe as SQL. `place` turns a name and a type into what stands for it in the text;
    `constant` does so for a fixed value.
    """

    def __init__(self, recipe: Recipe, place: Place, constant: Callable[[Any, str], str]) -> None:
        self._recipe = recipe
        self._place = place
        self._constant = constant

    def several(self) -> list[str]:
        """Return the queue's update, which gives version, sequence and number, then the rest."""
        return [
            self._queue(),
            *(self.one_write(write, self._place) for write in self._recipe.others),
        ]

    def head(self) -> str:
        """Return the search for who is next in the queue that is locked."""
        return HEAD.format(queue=self._place("queue", "uuid"))

    def one(self, *, finds_head: bool = False) -> str:
        """
        Return a single statement for everything.

        One that calls the next person takes the first row that nobody else holds: its snapshot is
        older than the lock of the queue's row, so that row cannot serialize the search.
        """
        from_queue = {"version", "sequence", "number"}

        def place(name: str, type_: str) -> str:
            if name in from_queue:
                return f"q.{name}"
            if finds_head and name == "ticket":
                return "head.id"
            return self._place(name, type_)

        source = "q, head" if finds_head else "q"
        parts = [f"q AS ({self._queue()})"]
        if finds_head:
            parts.append(f"head AS ({self.head()} FOR NO KEY UPDATE SKIP LOCKED)")
        closed = ""
        for number, write in enumerate(self._recipe.others):
            text = self.one_write(write, place, source + (closed if write.is_insert else ""))
            if write.table == "queues_ticketperiod" and not write.is_insert:
                # The open period is unique: the old one ends before the new one begins.
                text += " RETURNING 1"
                closed = f", (SELECT count(*) FROM w{number}) AS closed"
            parts.append(f"w{number} AS ({text})")
        answer = (
            "SELECT head.id AS ticket, q.number FROM q, head"
            if finds_head
            else (f"SELECT {self._place('ticket', 'uuid')} AS ticket, q.number FROM q")
        )
        return f"WITH {', '.join(parts)} {answer}"

    def _queue(self) -> str:
        write = self._recipe.queue
        return (
            f"UPDATE {write.table} SET {self._changes(write, self._place)}"
            f" WHERE id = {self._place('queue', 'uuid')}"
            " RETURNING version AS version, last_sequence AS sequence, prefix"
            " || lpad(last_sequence::text, greatest(3, length(last_sequence::text)), '0') AS number"
        )

    def one_write(self, write: Write, place: Place, source: str = "") -> str:
        """Return one write; `source` names what its values are selected from."""
        if write.is_insert:
            columns = ", ".join(f'"{name}"' for name in write.columns)
            values = ", ".join(self._text(value, place) for value in write.columns.values())
            body = f"SELECT {values} FROM {source}" if source else f"VALUES ({values})"
            return f"INSERT INTO {write.table} ({columns}) {body}"
        where = FOUND_BY[write.table].format(
            ticket=place("ticket", "uuid"), queue=place("queue", "uuid")
        )
        where = where.replace("id = ", f"{write.table}.id = ", 1) if where[:2] == "id" else where
        using = f" FROM {source}" if source else ""
        return f"UPDATE {write.table} SET {self._changes(write, place)}{using} WHERE {where}"

    def _changes(self, write: Write, place: Place) -> str:
        return ", ".join(
            f'"{name}" = {write.table}."{name}" + {value.value}'
            if value.kind == "delta"
            else f'"{name}" = {self._text(value, place)}'
            for name, value in write.columns.items()
        )

    def _text(self, value: Value, place: Place) -> str:
        match value.kind:
            case "name":
                return place(value.value, value.type)
            case "text":
                head, name = value.value
                return f"('{head}' || {place(name, 'uuid')}::text)"
            case _:
                return self._constant(value.value, value.type)

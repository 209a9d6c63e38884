"""The same rows written by pgbench: what the database alone can do."""

import itertools
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.place import Place
from bench.rows import Recipe, Statements
from bench.scratch import Scratch, Unusable, libpq
from bench.servers import PostgresCpu

_SEATS = """
    CREATE TABLE IF NOT EXISTS bench_seat (
        n int PRIMARY KEY, queue uuid, session uuid, counter uuid, agent uuid)
"""
_INLINE = {
    "now": "now()",
    "digest": "sha256(random()::text::bytea)",
    "body_digest": "sha256(random()::text::bytea)",
}
# In a script a colon before a letter or digit begins a variable, even inside a text.
_COLON = re.compile(r":(?=[A-Za-z0-9_])")


@dataclass(frozen=True)
class Rate:
    """Transactions, or cycles of them, a second; CPU of the backends for each, in seconds."""

    per_second: float
    postgres_cpu: float


def placed(name: str, type_: str) -> str:
    """Return what stands for a named value in a script."""
    return _INLINE.get(name, f":{name}::{type_}")


def constant(value: Any, type_: str) -> str:
    """Return a fixed value as a script has it."""
    if value is None:
        return f"NULL::{type_}"
    if type_ == "jsonb":
        text = _COLON.sub(r"\\u003a", json.dumps(value, separators=(", ", ": ")))
    elif type_ == "timestamp with time zone":
        text = str(value)[:10]
    else:
        text = str(value)
    return "'{}'::{}".format(text.replace("'", "''"), type_)


def new_ids(names: list[str]) -> str:
    """Return the line of a script that makes ids."""
    return "SELECT " + ", ".join(f"bench_uuid() AS {name}" for name in names) + " \\gset"


def _transaction(recipe: Recipe, *, one: bool) -> list[str]:
    statements = Statements(recipe, placed, constant)
    names = [*recipe.ids, *(["ticket"] if recipe.name == "issue" else [])]
    if one:
        return [new_ids(names), statements.one(finds_head=recipe.name == "call") + " \\gset"]
    queue, *rest = statements.several()
    made = ", ".join(f"bench_uuid() AS {name}" for name in names)
    lines = ["BEGIN;", f"{queue}, {made} \\gset"]
    if recipe.name == "call":
        lines.append(statements.head().replace("SELECT id", "SELECT id AS ticket") + " \\gset")
    return [*lines, *(f"{text};" for text in rest), "COMMIT;"]


def script(recipes: list[Recipe], *, one: bool) -> str:
    """Return a script that carries the recipes out one after the other at the client's seat."""
    lines = [
        "SELECT queue, session, counter, agent FROM bench_seat WHERE n = :client_id \\gset",
    ]
    for recipe in recipes:
        lines += _transaction(recipe, one=one)
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"


def write_seats(connection: psycopg.Connection, place: Place, clients: int) -> None:
    """Tell the scripts which client sits where; a seat is shared where there are more clients."""
    connection.execute(_SEATS)
    connection.execute("TRUNCATE bench_seat")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bench_seat VALUES (%s, %s, %s, %s, %s)",
            [
                [n, place.queues[n % len(place.queues)], seat.session, seat.counter, seat.agent.id]
                for n, seat in zip(range(clients), itertools.cycle(place.seats), strict=False)
            ],
        )
    connection.execute("GRANT SELECT ON bench_seat TO PUBLIC")


def run(
    scratch: Scratch,
    cpu: PostgresCpu,
    text: str,
    *,
    clients: int,
    seconds: float | None = None,
) -> Rate:
    """
    Run a script for some seconds, or once by each client.

    :raises Unusable: pgbench is not installed, or the script fails
    """
    program = shutil.which("pgbench") or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)), None
    )
    if program is None:
        raise Unusable("pgbench is not installed. It comes with PostgreSQL's server package.")
    file = scratch.directory / "script.sql"
    file.write_text(text)
    process = subprocess.Popen(  # noqa: S603
        [
            *(program, "-n", "-M", "prepared", "-c", str(clients), "-j", "1"),
            *(("-T", str(max(round(seconds), 1))) if seconds is not None else ("-t", "1")),
            *("-f", str(file), libpq(scratch.owner_url)),
        ],
        # As the bare view's connections: not somebody's direct SQL to the journal.
        env=os.environ | {"PGOPTIONS": "-c smartqueue.acting=bare"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        spent = cpu.follow(process)
    finally:
        if process.poll() is None:
            process.terminate()
    out, errors = process.communicate()
    found = re.search(r"^tps = ([0-9.]+)", out, re.MULTILINE)
    done = re.search(r"actually processed: (\d+)", out)
    if process.returncode or found is None or done is None or "aborted" in errors:
        raise Unusable(f"pgbench failed:\n{errors[-1500:]}")
    return Rate(float(found[1]), spent / max(int(done[1]), 1))

"""
One view that carries out a learned recipe in one transaction, in several statements or in one.

It checks nothing: no rights, no state, no other person of the same name, no repeated key.
"""

import functools
import hashlib
import json
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from bench import rows


def hello(request: HttpRequest) -> HttpResponse:
    """Answer at once."""
    return _json(b'{"hello": "world"}')


def _json(body: bytes) -> HttpResponse:
    headers = {"Content-Length": str(len(body))}
    return HttpResponse(body, content_type="application/json", headers=headers)


class Prepared:
    """A recipe's statements with Django's placeholders, and the values that never change."""

    def __init__(self, recipe: rows.Recipe) -> None:
        self.ids = recipe.ids
        self.constants: dict[str, Any] = {}
        self.calls = recipe.name == "call"
        statements = rows.Statements(recipe, lambda name, _: f"%({name})s", self._constant)
        self.several = statements.several()
        self.head = statements.head()
        # Without a column beside it, PostgreSQL does not know what a placeholder is.
        typed = rows.Statements(recipe, lambda name, type_: f"%({name})s::{type_}", self._typed)
        self.one = typed.one(finds_head=self.calls)

    def _constant(self, value: Any, type_: str) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = (
            json.dumps(value) if type_ == "jsonb" and value is not None else value
        )
        return f"%({name})s"

    def _typed(self, value: Any, type_: str) -> str:
        return f"{self._constant(value, type_)}::{type_}"


@functools.cache
def _recipes() -> dict[str, Prepared]:
    found = rows.load(Path(os.environ["BENCH_RECIPES"]))
    return {name: Prepared(recipe) for name, recipe in found.items()}


def _new_id() -> uuid.UUID:
    """Return a UUID of version 7, as the product's are."""
    value = (time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def operate(request: HttpRequest, way: str, name: str) -> HttpResponse:
    """Write the rows; the body gives queue, ticket, session, counter and agent as far as known."""
    recipe = _recipes()[name]
    body = request.body
    key = request.headers["Idempotency-Key"]
    values: dict[str, Any] = {
        **recipe.constants,
        **json.loads(body),
        **{identifier: _new_id() for identifier in recipe.ids},
        "now": datetime.now(UTC),
        "digest": hashlib.sha256(f"{request.path} {key}".encode()).digest(),
        "body_digest": hashlib.sha256(body).digest(),
    }
    if name == "issue":
        values["ticket"] = _new_id()
    write = _write_one if way == "one" else _write_several
    with transaction.atomic(), connection.cursor() as cursor:
        ticket, number = write(cursor, recipe, values)
    return _json(json.dumps({"id": str(ticket), "number": number}).encode())


def _write_several(cursor: Any, recipe: Prepared, values: dict[str, Any]) -> tuple[Any, str]:
    cursor.execute(recipe.several[0], values)
    values["version"], values["sequence"], values["number"] = cursor.fetchone()
    if recipe.calls:
        cursor.execute(recipe.head, values)
        values["ticket"] = cursor.fetchone()[0]
    for statement in recipe.several[1:]:
        cursor.execute(statement, values)
    return values["ticket"], values["number"]


def _write_one(cursor: Any, recipe: Prepared, values: dict[str, Any]) -> tuple[Any, str]:
    cursor.execute(recipe.one, values)
    ticket, number = cursor.fetchone()
    return ticket, number

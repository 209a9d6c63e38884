"""The journal as a file: comma-separated values that a spreadsheet shows and does not run."""

import csv
import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.utils import translation

from smartqueue.audit import queries, wording
from smartqueue.audit.models import Entry
from smartqueue.audit.queries import ERASED, SECRET, Asked
from smartqueue.common import tenancy

COLUMNS: Final = (
    "at",
    "what",
    "type",
    "kind",
    "who",
    "actor",
    "direct",
    "subject_type",
    "subject_id",
    "branch_id",
    "payload",
    "before",
    "after",
    "address",
    "request_id",
    "transaction_id",
    "id",
)
# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """Takes one line of the writer and hands it on."""

    def write(self, text: str) -> str:
        return text


def csv_lines(organization_id: UUID, asked: Asked, language: str) -> Iterator[str]:
    """Yield the whole journal that was asked for, line by line, under its own scope."""
    writer = csv.writer(_Line())
    yield "\N{ZERO WIDTH NO-BREAK SPACE}" + writer.writerow(COLUMNS)
    for batch, names in _batches(organization_id, asked):
        with translation.override(language):
            lines = [writer.writerow(map(_safe, _cells(entry, names))) for entry in batch]
        yield "".join(lines)


def _batches(organization_id: UUID, asked: Asked) -> Iterator[tuple[list[Entry], dict[str, str]]]:
    """Yield entries with the names in them; the scope is left before each is handed on."""
    with tenancy.organizations([organization_id]):
        batches = queries.batches_of(queries.list_entries(organization_id, asked))
    while True:
        with tenancy.organizations([organization_id]):
            batch = next(batches, None)
            if batch is None:
                return
            queries.open_sealed(batch)
            names = queries.names_of(batch, organization_id)
        yield batch, names


def _cells(entry: Entry, names: dict[str, str]) -> Iterator[Any]:
    yield entry.at.isoformat()
    yield wording.sentence_of(entry)
    yield entry.type
    yield entry.kind
    yield wording.actor_name(entry.actor, names)
    yield entry.actor
    yield "yes" if entry.is_direct else ""
    yield entry.subject_type
    yield entry.subject_id
    yield entry.branch_id
    for part in (entry.payload, entry.before, entry.after):
        yield json.dumps(_plain(part), ensure_ascii=False) if part else ""
    yield entry.address
    yield entry.request_id
    yield entry.transaction_id
    yield entry.pk


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    gone = {ERASED: "(erased)", SECRET: "(secret)"}
    return {
        name: gone[value] if value in (ERASED, SECRET) else value for name, value in part.items()
    }


def _safe(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text

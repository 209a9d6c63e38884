"""The archive of an export: made from the tables, sealed in a file that no address leads to."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from cryptography.fernet import Fernet
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils import translation

from smartqueue.common.crypto import decrypt, encrypt
from smartqueue.privacy import places
from smartqueue.privacy.places import Place
from smartqueue.privacy.subject import Subject

PURPOSE: Final = "privacy export"
STORAGE: Final = "exports"
LIFE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the archive: its title, its columns in words, its rows as stored."""

    file: str
    title: str
    columns: list[str]
    rows: list[dict[str, Any]]

    @property
    def lines(self) -> list[list[Any]]:
        """The rows as cells, in the order of the columns."""
        return [list(row.values()) for row in self.rows]


def storage() -> Storage:
    """Return where archives lie; nothing serves it."""
    return storages[STORAGE]


def tables_of(subject: Subject) -> Iterator[Table]:
    """Return what each table shows of a person, tables without a row of theirs included."""
    for place in places.PLACES:
        if place.shown:
            yield _table(place, subject)


def _table(place: Place, subject: Subject) -> Table:
    fields = {f.attname: f for f in place.model._meta.concrete_fields}
    rows = list(place.of(subject).values(*place.shown))
    return Table(
        file=f"data/{place.label}.json",
        title=str(place.title),
        columns=[str(fields[name].verbose_name) for name in place.shown],
        rows=rows,
    )


def make(subject: Subject, language: str, now: datetime) -> bytes:
    """Return the archive of a person: one JSON file a table, and a page to read them by."""
    with translation.override(language):
        tables = list(tables_of(subject))
        page = render_to_string(
            "privacy/archive.html",
            {"tables": tables, "made_at": now, "language": language, "is_rtl": language == "ar"},
        )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", page)
        for table in tables:
            text = json.dumps(table.rows, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
            archive.writestr(table.file, text)
    return written.getvalue()


def keep(content: bytes) -> tuple[str, str]:
    """Store an archive sealed; return its file and the sealed key that opens it."""
    key = Fernet.generate_key()
    name = storage().save(f"{uuid4().hex}.sealed", ContentFile(Fernet(key).encrypt(content)))
    return name, encrypt(key.decode(), PURPOSE)


def read(file: str, sealed_key: str) -> bytes:
    """
    Return a stored archive.

    :raises FileNotFoundError: it is gone
    """
    with storage().open(file) as sealed:
        return Fernet(decrypt(sealed_key, PURPOSE)).decrypt(sealed.read())


def delete(file: str) -> None:
    """Delete a stored archive; one that is gone already stays so."""
    if file:
        storage().delete(file)

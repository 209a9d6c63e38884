"""Reads of the journal, with what was sealed opened again while its key is there."""

import base64
import dataclasses
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from smartqueue.accounts.models import User
from smartqueue.audit.enums import EntryKind
from smartqueue.audit.models import DayChain, Entry, PersonKey, RowChange

EXPORT_BATCH: Final = 500
# Every member past and present was added to this table, so its history knows who was staff.
STAFF_TABLE: Final = "business_membership"
USER: Final = "user:"
JSON_COLUMNS: Final = ("payload", "before", "after")
VECTOR: Final = 16
BLOCK_BITS: Final = 128


@dataclasses.dataclass(frozen=True, slots=True)
class Gone:
    """A value that nobody can read any more, or never could: "erased" or "secret"."""

    why: str


ERASED: Final = Gone("erased")
SECRET: Final = Gone("secret")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """
    What somebody looks for in a journal; whatever is not given matches all.

    `text_subjects` are what else the text stands for: the tickets with a number of that text.
    """

    actor: str = ""
    subject: str = ""
    type: str = ""
    kind: str = ""
    branch: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    text_subjects: tuple[UUID, ...] = ()
    direct: bool | None = None


def list_entries(organization_id: UUID, asked: Asked) -> "QuerySet[Entry]":
    """Return the entries of one organization's journal, newest first; needs its scope."""
    rows: QuerySet[Entry] = Entry.objects.filter(organization_id=organization_id)
    exact = {
        "subject_id": asked.subject,
        "kind": asked.kind,
        "branch_id": asked.branch,
        "at__gte": asked.since,
        "at__lt": asked.until,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if asked.direct is not None:
        rows = rows.filter(is_direct=asked.direct)
    if asked.type:
        rows = rows.filter(type__startswith=asked.type)
    if asked.actor:
        rows = rows.filter(_by_actor(asked.actor, organization_id))
    if asked.text:
        texts = {f"{name}_text": Cast(name, TextField()) for name in JSON_COLUMNS}
        rows = rows.alias(**texts).filter(_with_text(asked, organization_id))
    return rows.order_by("-at", "-id")


def _by_actor(asked: str, organization_id: UUID) -> Q:
    try:
        return Q(actor=f"{USER}{UUID(asked)}")
    except ValueError:
        pass
    if ":" in asked:
        return Q(actor=asked)
    return Q(actor__icontains=asked) | Q(actor__in=_labels_of(asked, organization_id))


def _with_text(asked: Asked, organization_id: UUID) -> Q:
    text = asked.text
    found = Q(actor__in=_labels_of(text, organization_id)) | Q(request_id=text)
    found |= Q(subject_id__in=[str(pk) for pk in asked.text_subjects])
    columns = ["type", "actor", "subject_type", "subject_id"]
    for column in columns + [f"{name}_text" for name in JSON_COLUMNS]:
        found |= Q(**{f"{column}__icontains": text})
    return found


def _staff_ids(organization_id: UUID) -> set[UUID]:
    """Return everybody who is or was a member, for whom the journal says who did what by name."""
    rows = RowChange.objects.with_scopes_disabled().filter(organization_id=organization_id)
    rows = rows.filter(table=STAFF_TABLE).exclude(kind=EntryKind.DELETE)
    return {UUID(found) for found in rows.values_list("after__user_id", flat=True) if found}


def _labels_of(name: str, organization_id: UUID) -> list[str]:
    people = User.objects.filter(pk__in=_staff_ids(organization_id)).filter(
        Q(first_name__icontains=name) | Q(last_name__icontains=name) | Q(email__icontains=name)
    )
    return [f"{USER}{pk}" for pk in people.values_list("pk", flat=True)]


def names_of(entries: Iterable[Entry], organization_id: UUID) -> dict[str, str]:
    """Return the names behind the labels of those who act here as staff, or once did."""
    labels = {entry.actor for entry in entries if entry.actor.startswith(USER)}
    people = staff_names({UUID(label.removeprefix(USER)) for label in labels}, organization_id)
    return {f"{USER}{pk}": name for pk, name in people.items()}


def staff_names(ids: Collection[UUID], organization_id: UUID) -> dict[UUID, str]:
    """Return the names of those among these people who are or were members."""
    staff = _staff_ids(organization_id).intersection(ids)
    return {person.pk: str(person) for person in User.objects.filter(pk__in=staff, erased_at=None)}


def open_sealed(entries: Sequence[Entry]) -> None:
    """Replace what is sealed in these entries by its text, `ERASED` or `SECRET`; one query."""
    values = [side for entry in entries for side in (entry.before, entry.after) if side]
    people = {
        value["for"]
        for side in values
        for value in side.values()
        if isinstance(value, dict) and "for" in value
    }
    keys = {
        str(person): bytes(key)
        for person, key in PersonKey.objects.filter(pk__in=people).values_list("pk", "key")
        if key is not None
    }
    for side in values:
        for name, value in side.items():
            if isinstance(value, dict):
                side[name] = _opened(value, keys)


def _opened(value: dict[str, Any], keys: Mapping[str, bytes]) -> Any:
    if value.get("secret") is True:
        return SECRET
    if value.keys() != {"sealed", "for"}:
        return value
    key = keys.get(value["for"])
    if key is None or value["sealed"] is None:
        return ERASED
    return json.loads(unseal(value["sealed"], key))


def unseal(sealed: str, key: bytes) -> str:
    """Return the text that the trigger sealed under this key."""
    raw = base64.b64decode(sealed)
    cipher = Cipher(algorithms.AES(key), modes.CBC(raw[:VECTOR])).decryptor()
    padded = cipher.update(raw[VECTOR:]) + cipher.finalize()
    padding = PKCS7(BLOCK_BITS).unpadder()
    return (padding.update(padded) + padding.finalize()).decode()


def batches_of(rows: "QuerySet[Entry]") -> Iterator[list[Entry]]:
    """Yield a journal a batch at a time, each read by itself; entries added meanwhile stay out."""
    last: Entry | None = None
    while True:
        page = rows
        if last is not None:
            page = rows.filter(Q(at__lt=last.at) | Q(at=last.at, id__lt=last.pk))
        found = list(page[:EXPORT_BATCH])
        if not found:
            return
        yield found
        last = found[-1]


def last_closed_day() -> DayChain | None:
    """Return the newest link of the chain."""
    return DayChain.objects.order_by("-day").first()


def days_before(day: date) -> list[date]:
    """Return the closed days before a date whose entries are still there, oldest first."""
    rows = DayChain.objects.filter(day__lt=day, purged_at=None).order_by("day")
    return list(rows.values_list("day", flat=True))


def days_with_addresses_before(day: date) -> list[date]:
    """Return the closed days before a date whose addresses are still there, oldest first."""
    rows = DayChain.objects.filter(day__lt=day, purged_at=None, addresses_forgotten_at=None)
    return list(rows.order_by("day").values_list("day", flat=True))

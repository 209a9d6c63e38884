"""The journal as a page shows it: what happened together stands together, by its names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.dateparse import parse_date

from smartqueue.audit import queries, wording
from smartqueue.audit.enums import EntryKind
from smartqueue.audit.models import Entry
from smartqueue.audit.queries import Asked
from smartqueue.business.models import Branch, Counter, Organization, Service
from smartqueue.common.errors import NotFound
from smartqueue.queues.models import Queue, Ticket
from smartqueue.web.views.kit import uuid_or_none

ENTRIES_SHOWN: Final = 40
MAX_TEXT: Final = 100
TICKETS_FOUND: Final = 100
BY_US: Final = "operations"
BY_SQL: Final = "sql"
USUAL_ZONE: Final = "Africa/Dakar"
# Said already by the line itself, or by no person's wish.
UNSAID: Final = frozenset({"id", "organization_id", "created_at", "version"})
# What a line names beside its subject, in this order.
NAMED: Final = ("user_id", "queue_id", "counter_id", "service_id", "branch_id")


@dataclass(frozen=True, slots=True)
class Change:
    """One column of one row, before and after, in words."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row that was changed."""

    title: str
    changes: list[Change]


@dataclass(slots=True)
class Happening:
    """Everything that one transaction did."""

    at: datetime
    who: str
    is_direct: bool
    address: str
    request_id: str
    sentences: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form of the page asks for, as it was typed."""

    text: str = ""
    area: str = ""
    branch: str = ""
    source: str = ""
    first: str = ""
    last: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: QueryDict) -> "Filters":
        """Read the form; what makes no sense counts as not given."""
        page = given.get("page", "")
        area = given.get("area", "")
        source = given.get("source", "")
        return cls(
            text=" ".join(given.get("text", "").split())[:MAX_TEXT],
            area=area if area in wording.AREAS else "",
            branch=str(uuid_or_none(given.get("branch")) or ""),
            source=source if source in {BY_US, BY_SQL} else "",
            first=_date(given.get("first", "")),
            last=_date(given.get("last", "")),
            page=min(int(page), 1000) if page.isascii() and page.isdigit() and int(page) else 1,
        )

    def asked(self, zone: ZoneInfo) -> Asked:
        """
        Return what to look for; days are the place's own. Needs the organization's scope, to find
        tickets by their numbers.
        """
        return Asked(
            text=self.text,
            text_subjects=_tickets_numbered(self.text),
            type=self.area,
            branch=uuid_or_none(self.branch),
            direct={BY_US: False, BY_SQL: True}.get(self.source),
            since=_midnight(self.first, zone),
            until=_midnight(self.last, zone, days=1),
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether more than a text is asked for."""
        return bool(self.parameters().keys() - {"text"})

    def parameters(self) -> dict[str, str]:
        """Return the filters that are set, for a link."""
        values = {name: getattr(self, name) for name in ("text", "area", "branch", "source")}
        values |= {"first": self.first, "last": self.last}
        return {name: value for name, value in values.items() if value}


def _tickets_numbered(text: str) -> tuple[UUID, ...]:
    if not any(letter.isdigit() for letter in text):
        return ()
    rows = Ticket.objects.filter(number__iexact=text).order_by("-joined_at")
    return tuple(rows.values_list("pk", flat=True)[:TICKETS_FOUND])


def _date(text: str) -> str:
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    return found.isoformat() if found else ""


def _midnight(text: str, zone: ZoneInfo, days: int = 0) -> datetime | None:
    day = parse_date(text)
    return datetime.combine(day + timedelta(days=days), time(), zone) if day else None


def zone_of(branches: Sequence[Branch]) -> ZoneInfo:
    """Return the zone in which an organization's journal is read: that of its first branch."""
    return ZoneInfo(branches[0].timezone if branches else USUAL_ZONE)


def list_happenings(
    organization_id: UUID, filters: Filters, zone: ZoneInfo
) -> tuple[list[Happening], bool]:
    """
    Return a page of the journal, and whether there is an older one; needs the organization's scope.
    """
    start = (filters.page - 1) * ENTRIES_SHOWN
    rows = queries.list_entries(organization_id, filters.asked(zone))
    found = list(rows[start : start + ENTRIES_SHOWN + 1])
    entries = found[:ENTRIES_SHOWN]
    queries.open_sealed(entries)
    things = _names_of_things(entries, organization_id)
    together = groupby(entries, key=lambda entry: entry.transaction_id or entry.pk)
    happenings = [_happening(list(group), things) for _key, group in together]
    return happenings, len(found) > ENTRIES_SHOWN


def _ids_in(entries: Iterable[Entry]) -> Iterator[UUID]:
    for entry in entries:
        values: list[Any] = [entry.subject_id, entry.actor.removeprefix(queries.USER)]
        for part in (entry.payload, entry.before, entry.after):
            for name, value in (part or {}).items():
                if name.endswith("_id"):
                    values.append(value)
                elif name.endswith("_ids") and isinstance(value, list):
                    values += value
        found = (uuid_or_none(str(value)) for value in values)
        yield from (one for one in found if one is not None)


def _names_of_things(entries: Sequence[Entry], organization_id: UUID) -> dict[str, str]:
    """Return the names of the organization's own things and people by their ids."""
    ids = set(_ids_in(entries))
    people = queries.staff_names(ids, organization_id)
    things = {str(pk): name for pk, name in people.items()}
    named: list[tuple[Any, str]] = [(model, "name") for model in (Branch, Service, Counter, Queue)]
    for model, column in [*named, (Ticket, "number")]:
        rows = model.objects.filter(pk__in=ids).values_list("pk", column)
        things |= {str(pk): str(name) for pk, name in rows}
    return things


def _happening(entries: list[Entry], things: Mapping[str, str]) -> Happening:
    events = [entry for entry in entries if entry.kind == EntryKind.EVENT]
    told = (events or entries)[-1]
    person = things.get(told.actor.removeprefix(queries.USER))
    found = Happening(
        at=told.at,
        who=wording.actor_name(told.actor, {told.actor: person} if person else {}),
        is_direct=told.is_direct,
        address=str(told.address or ""),
        request_id=told.request_id,
    )
    # The newest is first in the list, and last in what was done.
    for entry in reversed(events or entries):
        _add_once(found.sentences, wording.sentence_of(entry))
        for key in (entry.subject_id, *((entry.payload or {}).get(name) for name in NAMED)):
            _add_once(found.about, things.get(key or "", ""))
    for entry in reversed(entries):
        changes = list(_changes(entry, things))
        if changes:
            found.records.append(Record(wording.sentence_of(entry), changes))
    return found


def _add_once(texts: list[str], text: str) -> None:
    if text and text not in texts:
        texts.append(text)


def _changes(entry: Entry, things: Mapping[str, str]) -> Iterator[Change]:
    def shown(name: str, value: Any) -> str:
        if isinstance(value, list):
            value = [things.get(str(one), one) for one in value]
        elif isinstance(value, str) and value in things:
            return things[value]
        return wording.value_text(entry.subject_type, name, value)

    for name, before, after in wording.changes_of(entry):
        if name not in UNSAID and (before or after):
            column = wording.column_name(entry.subject_type, name)
            yield Change(column, shown(name, before), shown(name, after))


def get_organization(organization_id: UUID) -> Organization:
    """
    Return the organization whose journal is read.

    :raises NotFound: unknown
    """
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        raise NotFound
    return organization


def list_all_branches() -> list[Branch]:
    """Return the branches of the organization that the policy has entered, closed ones too."""
    return list(Branch.objects.order_by("created_at", "name"))

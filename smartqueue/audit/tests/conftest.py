"""Journals to look at."""

from datetime import UTC, date, datetime, time
from uuid import UUID

from django.db import connection

from smartqueue.audit.models import RowChange
from smartqueue.common.ids import new_id
from smartqueue.outbox.models import DomainEvent

TODAY = datetime.now(UTC).date()


def id_on(day: date, number: int = 0) -> UUID:
    """Return an id as the database's clock would have given it at noon of a day."""
    noon = datetime.combine(day, time(12), UTC)
    milliseconds = int(noon.timestamp() * 1000) + number
    return UUID(int=milliseconds << 80 | 7 << 76 | new_id().int & (1 << 76) - 1)


def first_id(day: date) -> UUID:
    """Return the lowest id of a day."""
    return UUID(int=int(datetime.combine(day, time(), UTC).timestamp() * 1000) << 80)


def entries_on(day: date, number: int = 2, address: str | None = "41.82.1.2") -> None:
    """Put events and changes into a past day, which only the owner of the tables can."""
    at = datetime.combine(day, time(12), UTC)
    for index in range(number):
        DomainEvent.objects.create(
            id=id_on(day, index), type="x.y.v1", organization_id=new_id(), actor="system",
            subject_type="x", subject_id=new_id(), subject_version=index, occurred_at=at,
            payload={"n": index}, address=address, request_id="r",
        )  # fmt: skip
        RowChange.objects.with_scopes_disabled().create(
            id=id_on(day, index), organization_id=new_id(), at=at, table="business_branch",
            row_id=str(new_id()), kind="update", before={"name": "a"}, after={"name": "b"},
            actor="system", is_direct=False, request_id="r", address=address, transaction_id=1,
        )  # fmt: skip


def as_owner(statement: str, parameters: list[object]) -> None:
    """Change the journal as nobody but the owner of its tables could."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)

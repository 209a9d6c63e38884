"""Events and handlers of the tests; what a handler did is a row of JobRun, as good as any table."""

import dataclasses
from datetime import UTC, date, datetime
from uuid import UUID

from django_scopes.state import state

from smartqueue.common.ids import new_id
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import Event
from smartqueue.outbox.models import Delivery, JobRun
from smartqueue.outbox.registry import subscribe

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

ran_outside: list[UUID] = []
seen_scopes: list[object] = []


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleHappened(Event):
    name = "samples.sample.happened"
    subject = "sample"

    sample_id: UUID
    fails: bool = False
    orphans: bool = False
    on_day: date | None = None
    others: tuple[UUID, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleSent(Event):
    name = "samples.sample.sent"
    subject = "sample"

    sample_id: UUID
    dies: bool = False


def happened(**facts: object) -> SampleHappened:
    envelope = {
        "organization_id": None,
        "subject_version": 1,
        "occurred_at": AT,
        "actor": "system",
        "sample_id": new_id(),
    }
    return SampleHappened(**(envelope | facts))


def sent(**facts: object) -> SampleSent:
    envelope = {
        "organization_id": None,
        "subject_version": 1,
        "occurred_at": AT,
        "actor": "system",
        "sample_id": new_id(),
    }
    return SampleSent(**(envelope | facts))


@subscribe(SampleHappened)
def on_sample_note(event: SampleHappened) -> None:
    seen_scopes.append((state.get() or {}).get("organization"))
    JobRun.objects.get_or_create(
        job=f"note {event.sample_id}", due_at=AT, defaults={"started_at": AT}
    )


@subscribe(SampleHappened)
def on_sample_fail(event: SampleHappened) -> None:
    JobRun.objects.create(job=f"half {event.sample_id}", due_at=AT, started_at=AT)
    if event.fails:
        raise ValueError("poison \ud800\0")
    if event.orphans:
        # No event has this id, which PostgreSQL says at the commit only.
        Delivery.objects.create(
            event_id=event.sample_id, handler="nobody", state="done", next_attempt_at=AT
        )


@subscribe(SampleHappened, when=lambda event: event.on_day is not None)
def on_sample_of_a_day(event: SampleHappened) -> None:
    pass


@subscribe(SampleSent, mode=HandlerMode.OUTSIDE)
def on_sample_send(event: SampleSent) -> None:
    if event.dies and event.sample_id not in ran_outside:
        ran_outside.append(event.sample_id)
        raise SystemExit
    ran_outside.append(event.sample_id)

"""
What events carry is a promise to every handler, also to those that read stored ones.

docs/events.json holds it. A new event or a new member with a default is added there; anything else
is a new version of the event.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import pytest

from smartqueue.outbox import registry
from smartqueue.outbox.events import Event, _own_fields, known_events, rebuild

PINNED = Path(__file__).resolve().parents[2] / "docs" / "events.json"
PERSONAL = {"name", "phone", "email", "address", "plate", "note", "customer_name", "identifier"}


def published() -> dict[str, type[Event]]:
    """Return the events of the product; samples of tests are none."""
    return {
        name: cls for name, cls in sorted(known_events().items()) if ".tests." not in cls.__module__
    }


def word_of(hint: Any) -> str:
    """Return a type in words: "UUID | None"."""
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("uuid.", "")


def contract_of(cls: type[Event]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {
        "subject": cls.subject,
        "payload": {name: word_of(hints[name]) for name in sorted(_own_fields(cls))},
    }


def test_events_are_as_promised():
    promised = json.loads(PINNED.read_text())
    actual = {name: contract_of(cls) for name, cls in published().items()}

    assert actual == promised, "If the change is additive, write it to docs/events.json"


@pytest.mark.parametrize("name", sorted(published()))
def test_an_event_is_named_after_its_app_and_carries_nobody_s_data(name):
    cls = published()[name]
    app, _, _ = name.partition(".")

    assert cls.__module__.split(".")[1] == app
    assert name.endswith(f".v{cls.version}")
    assert f"{cls.subject}_id" in get_type_hints(cls)
    assert PERSONAL.isdisjoint(_own_fields(cls))


SAMPLES: dict[str, Any] = {
    "UUID": uuid4(),
    "str": "text",
    "int": 3,
    "bool": True,
    "datetime": datetime(2026, 11, 23, 9, tzinfo=UTC),
    "float": 0.5,
    "datetime.date": date(2026, 11, 23),
}


def sample(hint: Any) -> Any:
    word = word_of(hint).removesuffix(" | None")
    outer, _, inner = word.partition("[")
    if inner:
        items = [SAMPLES[inner.rstrip("]").split(",")[0]]]
        return tuple(items) if outer == "tuple" else items
    return SAMPLES[word]


@pytest.mark.parametrize("name", sorted(published()))
def test_a_stored_event_is_rebuilt_whole(name):
    cls = published()[name]
    hints = get_type_hints(cls)
    envelope = {
        "organization_id": uuid4(),
        "subject_version": 1,
        "occurred_at": SAMPLES["datetime"],
        "actor": "system",
    }
    own = {field: sample(hints[field]) for field in _own_fields(cls)}
    event = cls(**envelope, **own)

    stored = json.loads(json.dumps(event.payload()))

    assert rebuild(cls, envelope, stored | {"later": 1}) == event


def test_every_handler_takes_events_that_exist():
    names = {cls.full_name() for cls in registry._handlers}
    assert {n for n in names if "sample" not in n} <= set(known_events())


def test_the_envelope_is_the_same_for_all():
    assert {f for f in get_type_hints(Event) if f not in {"name", "version", "subject"}} == {
        "organization_id",
        "subject_version",
        "occurred_at",
        "actor",
    }
    assert isinstance(sample(UUID), UUID)

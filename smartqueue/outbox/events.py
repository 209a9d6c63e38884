"""The base of every event that an app publishes."""

import dataclasses
from datetime import date, datetime
from types import UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

_by_name: dict[str, type["Event"]] = {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """
    A fact in the past tense. Its fields are its payload: ids and facts, never personal data.

    Subclasses set `name` ("queues.ticket.called"), `version`, and `subject`, the word whose
    `<subject>_id` field says what the event is about. Changes are additive, or a new version.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    subject: ClassVar[str]

    organization_id: UUID | None
    subject_version: int
    occurred_at: datetime
    actor: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            _by_name[cls.full_name()] = cls

    @classmethod
    def full_name(cls) -> str:
        """Return the name with its version, "queues.ticket.called.v1"."""
        return f"{cls.name}.v{cls.version}"

    @property
    def subject_id(self) -> UUID:
        """The id of what the event is about."""
        value: UUID = getattr(self, f"{self.subject}_id")
        return value

    def payload(self) -> dict[str, Any]:
        """Return the subclass's own fields in their JSON form."""
        return {name: _to_json(getattr(self, name)) for name in _own_fields(type(self))}


_ENVELOPE = frozenset(f.name for f in dataclasses.fields(Event))
_own: dict[type[Event], tuple[str, ...]] = {}


def _own_fields(cls: type[Event]) -> tuple[str, ...]:
    if cls not in _own:
        _own[cls] = tuple(f.name for f in dataclasses.fields(cls) if f.name not in _ENVELOPE)
    return _own[cls]


def _to_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def known_events() -> dict[str, type[Event]]:
    """Return every event class by its full name."""
    return dict(_by_name)


def class_of(full_name: str) -> type[Event]:
    """Return the class of a stored event; KeyError when no running code knows it."""
    return _by_name[full_name]


def _from_json(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        (kind,) = (part for part in get_args(hint) if part is not type(None))
        return _from_json(kind, value)
    if origin in {list, tuple}:
        return origin(_from_json(get_args(hint)[0], item) for item in value)
    if hint is UUID:
        return UUID(value)
    if hint in {datetime, date}:
        return hint.fromisoformat(value)
    return value


_hints: dict[type[Event], dict[str, Any]] = {}


def rebuild(cls: type[Event], envelope: dict[str, Any], payload: dict[str, Any]) -> Event:
    """Return the event that was stored as this envelope and payload; unknown members are dropped."""
    if cls not in _hints:
        _hints[cls] = get_type_hints(cls)
    hints = _hints[cls]
    own = {
        name: _from_json(hints[name], payload[name]) for name in _own_fields(cls) if name in payload
    }
    return cls(**envelope, **own)

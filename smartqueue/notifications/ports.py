"""What the apps above do for this one; they fill these ports when they are ready."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from smartqueue.notifications.providers.base import InboundText


@dataclass(frozen=True, slots=True)
class UssdStep:
    """
    One step of a USSD session: `text` is all that was typed so far, `1*2` after two answers, as
    aggregators send it; `session_id` is theirs.
    """

    session_id: str
    phone: str
    service_code: str
    text: str


@dataclass(frozen=True, slots=True)
class UssdAnswer:
    """What the phone shows; `ends` closes the session (END), otherwise it waits for a reply (CON)."""

    text: str
    ends: bool


class Conversations(Protocol):
    """Answers people who write, dial or ring. Called outside a transaction; each opens its own."""

    def answer_text(self, message: InboundText, now: datetime) -> str | None:
        """Return the reply to send by text message; None for none."""
        ...

    def answer_ussd(self, step: UssdStep, now: datetime) -> UssdAnswer:
        """Return what the phone shows next."""
        ...

    def answer_missed_call(self, *, phone: str, called: str, event_id: str, now: datetime) -> None:
        """React to somebody who rang and hung up."""
        ...


_conversations: Conversations | None = None


def register_conversations(conversations: Conversations) -> None:
    """Fill the port of those who write, dial or ring; `dialogues` does, when it is ready."""
    global _conversations
    _conversations = conversations


def conversations() -> Conversations | None:
    """Return whoever answers; None where nobody does."""
    return _conversations


Relation: TypeAlias = Callable[[UUID, UUID | None, str, datetime], bool]
"""Whether an organization has to do with an account (or None) or a phone number or address, by now."""

_relations: list[Relation] = []


def register_relation(relation: Relation) -> None:
    """Add a way to know an organization's own people; `business`, `queues` and `appointments` do."""
    if relation not in _relations:
        _relations.append(relation)


def is_own_person(
    *, organization_id: UUID, user_id: UUID | None, address: str, now: datetime
) -> bool:
    """Whether an organization may write to somebody: a member, or a person who has to do with it."""
    return any(relation(organization_id, user_id, address, now) for relation in _relations)


@dataclass(frozen=True, slots=True)
class Look:
    """What an organization is called to people, and its colour (`#rrggbb`); both may be empty."""

    name: str = ""
    colour: str = ""


_look: Callable[[UUID], Look] | None = None


def register_look(look: Callable[[UUID], Look]) -> None:
    """Fill the port of how an organization's mails look; `business` does, when it is ready."""
    global _look
    _look = look


def look_of(organization_id: UUID) -> Look:
    """Return how an organization's mails look."""
    return _look(organization_id) if _look else Look()

"""What the apps above do for this one; they fill these ports when they are ready."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from django.db.models import Q

from smartqueue.common import tenancy
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


KNOWN_FOR: Final = timedelta(days=30)
"""
For so long after a visit an organization may write to a person: as long as it keeps their number.
"""


@dataclass(frozen=True, slots=True)
class Addressee:
    """
    Somebody whom staff wish to write to: `address` is a phone number (E.164) or an e-mail address in
    lower case, `user_id` the account that is reached by it, if there is one.
    """

    address: str
    user_id: UUID | None = None


Addressees: TypeAlias = frozenset[Addressee]
Relation: TypeAlias = Callable[[UUID, Addressees, datetime], Addressees]
"""
Which of these an organization has to do with, by now: one query for all of them, under the
organization's scope.
"""

_relations: list[Relation] = []


def rows_of(people: Addressees) -> Q:
    """Return the condition for rows with a `customer` and a `phone` that are some people's."""
    accounts = {one.user_id for one in people if one.user_id}
    # The indexes of phones hold those that are not empty; of more than 100 numbers PostgreSQL does
    # not work out that they are.
    by_phone = Q(phone__in={one.address for one in people}) & ~Q(phone="")
    return by_phone | Q(customer__in=accounts) if accounts else by_phone


def known_among(people: Addressees, known: Iterable[tuple[UUID | None, str]]) -> Addressees:
    """Return those of some people whose account or phone number stands in such rows."""
    accounts: set[UUID | None] = set()
    phones: set[str] = set()
    for account, phone in known:
        accounts.add(account)
        phones.add(phone)
    accounts.discard(None)
    return frozenset(one for one in people if one.user_id in accounts or one.address in phones)


def register_relation(relation: Relation) -> None:
    """Add a way to know an organization's own people; `business`, `queues` and `appointments` do."""
    if relation not in _relations:
        _relations.append(relation)


def own_people(*, organization_id: UUID, people: Addressees, now: datetime) -> Addressees:
    """
    Return those of these people whom an organization may write to: its members, and who have or had
    something to do with it in the last 30 days. No more queries for many than for one.
    """
    own: Addressees = frozenset()
    with tenancy.organizations([organization_id]):
        for relation in _relations:
            if own == people:
                break
            own |= relation(organization_id, people - own, now)
    return own


@dataclass(frozen=True, slots=True)
class Look:
    """What an organization is called to people, and its colour (`#rrggbb`); both may be empty."""

    name: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Night:
    """When people are left alone, by their clock; past midnight where the end comes first."""

    begins_at: time
    ends_at: time


_night: Callable[[UUID], Night | None] | None = None


def register_night(night: Callable[[UUID], Night | None]) -> None:
    """Fill the port of when an organization leaves people alone; `business` does, when it is ready."""
    global _night
    _night = night


def night_of(organization_id: UUID) -> Night | None:
    """Return when an organization leaves people alone who said nothing of their own."""
    return _night(organization_id) if _night else None


_look: Callable[[UUID], Look] | None = None


def register_look(look: Callable[[UUID], Look]) -> None:
    """Fill the port of how an organization's mails look; `business` does, when it is ready."""
    global _look
    _look = look


def look_of(organization_id: UUID) -> Look:
    """Return how an organization's mails look."""
    return _look(organization_id) if _look else Look()

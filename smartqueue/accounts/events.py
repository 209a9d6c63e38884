"""Facts about people and their sessions, without personal data."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class AccountEvent(Event):
    """The base of what happens to one account, which belongs to no organization."""

    subject: ClassVar[str] = "user"

    user_id: UUID
    organization_id: UUID | None = None
    subject_version: int = 0


@dataclass(frozen=True, kw_only=True)
class UserRegistered(AccountEvent):
    """Somebody asked for an account; it is open once a code has proven the identifier."""

    name: ClassVar[str] = "accounts.user.registered"

    channel: str


@dataclass(frozen=True, kw_only=True)
class UserVerified(AccountEvent):
    """A code has proven that the person reads this channel; the identifier is now theirs."""

    name: ClassVar[str] = "accounts.user.verified"

    channel: str


@dataclass(frozen=True, kw_only=True)
class UserChanged(AccountEvent):
    """The profile was changed; `fields` names what, never the values."""

    name: ClassVar[str] = "accounts.user.changed"

    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class UserErased(AccountEvent):
    """The person's data is gone from the account; every app removes its own."""

    name: ClassVar[str] = "accounts.user.erased"


@dataclass(frozen=True, kw_only=True)
class SessionStarted(AccountEvent):
    """Somebody signed in."""

    name: ClassVar[str] = "accounts.session.started"

    session_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class SessionRevoked(AccountEvent):
    """A session is over; its sockets have to close at once. `reason` is an `EndReason`."""

    name: ClassVar[str] = "accounts.session.revoked"

    session_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class SignInConfirmed(AccountEvent):
    """Somebody who was signed in proved once more who they are, before a dangerous change."""

    name: ClassVar[str] = "accounts.sign_in.confirmed"

    session_id: UUID


@dataclass(frozen=True, kw_only=True)
class SecondFactorUsed(AccountEvent):
    """A sign-in was confirmed by a second factor."""

    name: ClassVar[str] = "accounts.second_factor.used"

    method: str

"""Facts about people and their sessions, without personal data."""

from dataclasses import dataclass
from datetime import datetime
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
class ContactChangeStarted(AccountEvent):
    """Somebody wants another e-mail address or phone number; `voucher` is who else has to agree."""

    name: ClassVar[str] = "accounts.contact_change.started"

    change_id: UUID
    channel: str
    voucher: str


@dataclass(frozen=True, kw_only=True)
class ContactChanged(AccountEvent):
    """An e-mail address or phone number was replaced, added or removed."""

    name: ClassVar[str] = "accounts.user.contact_changed"

    change_id: UUID
    channel: str


@dataclass(frozen=True, kw_only=True)
class AccountAccessOpened(AccountEvent):
    """
    A platform administrator (`admin_id`) has let themselves into somebody's account. Why, stands
    in the row alone, where erasure reaches it; the person is told.
    """

    name: ClassVar[str] = "accounts.account_access.opened"

    account_access_id: UUID
    admin_id: UUID
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class AccountAccessClosed(AccountEvent):
    """It was ended before its time, by the administrator or by the person."""

    name: ClassVar[str] = "accounts.account_access.closed"

    account_access_id: UUID


@dataclass(frozen=True, kw_only=True)
class FactorResetIssued(AccountEvent):
    """
    Somebody (`issuer_id`) vouches for a person who lost every second factor; the code counts from
    `usable_at` on. Why, stands in the row alone, where erasure reaches it; the person is told.
    """

    name: ClassVar[str] = "accounts.factor_reset.issued"

    factor_reset_id: UUID
    issuer_id: UUID
    usable_at: datetime


@dataclass(frozen=True, kw_only=True)
class FactorResetCancelled(AccountEvent):
    """It was withdrawn unused, by the person or by somebody who could have given it."""

    name: ClassVar[str] = "accounts.factor_reset.cancelled"

    factor_reset_id: UUID


@dataclass(frozen=True, kw_only=True)
class FactorsReset(AccountEvent):
    """The code was used: every second factor of the person is gone, every session has ended."""

    name: ClassVar[str] = "accounts.factor_reset.used"

    factor_reset_id: UUID


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(AccountEvent):
    """The password is another; every session but the one it was changed from has ended."""

    name: ClassVar[str] = "accounts.user.password_changed"

    is_reset: bool


@dataclass(frozen=True, kw_only=True)
class UserErased(AccountEvent):
    """The person's data is gone from the account; every app removes its own."""

    name: ClassVar[str] = "accounts.user.erased"


@dataclass(frozen=True, kw_only=True)
class SessionStarted(AccountEvent):
    """Somebody signed in; on a new device, where they had signed in before on others only."""

    name: ClassVar[str] = "accounts.session.started"

    session_id: UUID
    kind: str
    is_new_device: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionRevoked(AccountEvent):
    """A session is over; its sockets have to close at once. `reason` is an `EndReason`."""

    name: ClassVar[str] = "accounts.session.revoked"

    session_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class SignedOutEverywhere(AccountEvent):
    """Somebody ended all sessions of theirs, or all but the one they did it from."""

    name: ClassVar[str] = "accounts.user.signed_out_everywhere"

    ended_count: int


@dataclass(frozen=True, kw_only=True)
class SignInConfirmed(AccountEvent):
    """Somebody who was signed in proved once more who they are, before a dangerous change."""

    name: ClassVar[str] = "accounts.sign_in.confirmed"

    session_id: UUID


@dataclass(frozen=True, kw_only=True)
class SecondFactorUsed(AccountEvent):
    """A sign-in was confirmed by a second factor; a passkey may have been all of it."""

    name: ClassVar[str] = "accounts.second_factor.used"

    method: str


@dataclass(frozen=True, kw_only=True)
class SecondFactorAdded(AccountEvent):
    """An authenticator app (perhaps in place of another) or a passkey can confirm sign-ins now."""

    name: ClassVar[str] = "accounts.second_factor.added"

    method: str
    passkey_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class SecondFactorRemoved(AccountEvent):
    """An authenticator app or a passkey confirms nothing any more."""

    name: ClassVar[str] = "accounts.second_factor.removed"

    method: str
    passkey_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class RecoveryCodesMade(AccountEvent):
    """The person has new recovery codes; earlier ones are void."""

    name: ClassVar[str] = "accounts.recovery_codes.made"


@dataclass(frozen=True, kw_only=True)
class PasskeyRenamed(AccountEvent):
    """The person has given a passkey another name."""

    name: ClassVar[str] = "accounts.passkey.renamed"

    passkey_id: UUID


@dataclass(frozen=True, kw_only=True)
class PasskeyCopied(AccountEvent):
    """A device counted lower than before: two of them hold one key. The sign-in was refused."""

    name: ClassVar[str] = "accounts.passkey.copied"

    passkey_id: UUID

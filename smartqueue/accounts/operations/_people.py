"""A person's own data: changing it, erasing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator

from smartqueue.accounts import identifiers, policies
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel, EndReason, Voucher
from smartqueue.accounts.events import UserChanged, UserErased
from smartqueue.accounts.models import (
    ContactChange,
    MfaChallenge,
    Passkey,
    PasskeyChallenge,
    Session,
    SocketTicket,
    TotpEnrolment,
    User,
    VerificationCode,
)
from smartqueue.accounts.operations._contact import (
    Wish,
    prepare_contact_change,
    start_prepared,
)
from smartqueue.accounts.operations._sessions import end_sessions_of
from smartqueue.common.db import operation
from smartqueue.outbox import operations as outbox

OWN_ROWS = (
    ContactChange,
    VerificationCode,
    MfaChallenge,
    SocketTicket,
    EmailAddress,
    Authenticator,
    TotpEnrolment,
    Passkey,
    PasskeyChallenge,
)
PLAIN_FIELDS = ("first_name", "last_name", "language")
CONTACT_FIELDS = {"email": Channel.EMAIL, "phone": Channel.SMS}


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """The account after a change, and the changes of contact that wait to be confirmed."""

    user: User
    contact_changes: list[ContactChange]


def change_profile(
    *, actor: Actor, user_id: UUID, changes: Mapping[str, Any], now: datetime
) -> ProfileChange:
    """
    Change names and language; a new or removed e-mail address or phone counts once both its ends
    are confirmed, see `start_contact_change`.

    `changes` holds only what is to change; None removes an identifier.

    :raises NotFound: unknown, or not the actor's to change
    :raises ReauthenticationNeeded: the contact is to change and the sign-in is not recent
    :raises InvalidInput: a wrong identifier, or removing the last one
    :raises ChannelUnavailable: no way to send the code
    :raises TooManyRequests: too many codes
    """
    user = policies.access_user(actor, user_id)
    wishes = [
        prepare_contact_change(
            actor=actor,
            user_id=user_id,
            channel=channel,
            value=changes[name] or "",
            voucher=Voucher.REPLACED,
            now=now,
        )
        for name, channel in CONTACT_FIELDS.items()
        if name in changes and not _is_held(user, name, changes[name])
    ]
    return _change_profile(actor=actor, user_id=user_id, changes=changes, wishes=wishes, now=now)


def _is_held(user: User, name: str, value: str | None) -> bool:
    held = getattr(user, name)
    if not value:
        return not held
    read = identifiers.email if name == "email" else identifiers.phone
    return bool(read(value, field=name).value == held)


@operation
def _change_profile(
    *,
    actor: Actor,
    user_id: UUID,
    changes: Mapping[str, Any],
    wishes: list[Wish],
    now: datetime,
) -> ProfileChange:
    user = policies.access_user(actor, user_id, lock=True)
    changed = [
        name for name in PLAIN_FIELDS if name in changes and changes[name] != getattr(user, name)
    ]
    for name in changed:
        setattr(user, name, changes[name])
    user.save(update_fields=changed)
    if changed:
        outbox.publish(
            UserChanged(user_id=user.pk, fields=changed, occurred_at=now, actor=actor.label)
        )
    started = [start_prepared(actor=actor, user_id=user_id, wish=wish, now=now) for wish in wishes]
    return ProfileChange(user, started)


@operation
def erase_user(*, actor: Actor, user_id: UUID, now: datetime) -> None:
    """
    Remove a person's data and close the account; the row stays, so that history keeps its sense.

    Every other app removes its own on `UserErased`.

    :raises NotFound: unknown, or not the actor's to erase
    :raises ReauthenticationNeeded: the sign-in is not recent
    """
    policies.require_recent_sign_in(actor, now)
    user = policies.access_user(actor, user_id, lock=True)
    end_sessions_of(user_id=user_id, reason=EndReason.ERASED, ended_by=actor.label, now=now)
    Session.objects.filter(user=user).update(device_name="", device=b"", network="", cookie_key="")
    reached_at = [value for value in (user.email, user.phone) if value]
    VerificationCode.objects.filter(recipient__in=reached_at).delete()
    for model in OWN_ROWS:
        model._default_manager.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()
    user.email = user.phone = user.phone_verified_at = user.last_login = None
    user.first_name = user.last_name = ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.erased_at = wall_now()
    user.set_unusable_password()
    user.save()
    outbox.publish(UserErased(user_id=user.pk, occurred_at=now, actor=actor.label))

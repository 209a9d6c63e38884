"""A person's own data: changing it, erasing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers, policies, ports, queries, throttle
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.events import UserChanged, UserErased
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import MfaChallenge, Session, SocketTicket, User, VerificationCode
from smartqueue.accounts.operations._codes import Verification, require_reachable, send_code
from smartqueue.accounts.operations._sessions import end_sessions_of
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.outbox import operations as outbox

PLAIN_FIELDS = ("first_name", "last_name", "language")


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """The account after a change, and where a code went for a new identifier."""

    user: User
    verification: Verification | None


def change_profile(
    *, actor: Actor, user_id: UUID, changes: Mapping[str, Any], now: datetime
) -> ProfileChange:
    """
    Change names, language, e-mail address or phone; a new identifier counts once its code is back.

    `changes` holds only what is to change; None removes an identifier.

    :raises NotFound: unknown, or not the actor's to change
    :raises InvalidInput: a wrong identifier, or removing the last one
    :raises ChannelUnavailable: no way to send the code
    :raises TooManyRequests: too many codes
    """
    user = policies.access_user(actor, user_id)
    wanted = _new_identifiers(user, changes)
    require_reachable(wanted)
    for identifier in wanted:
        throttle.check("register", identifier=identifier.value)
    return _change_profile(actor=actor, user_id=user_id, changes=changes, wanted=wanted, now=now)


def _new_identifiers(user: User, changes: Mapping[str, Any]) -> list[Identifier]:
    wanted = []
    if changes.get("email"):
        wanted.append(identifiers.email(changes["email"]))
    if changes.get("phone"):
        wanted.append(identifiers.phone(changes["phone"]))
    return [i for i in wanted if i.value not in {user.email, user.phone}]


@operation
def _change_profile(
    *,
    actor: Actor,
    user_id: UUID,
    changes: Mapping[str, Any],
    wanted: list[Identifier],
    now: datetime,
) -> ProfileChange:
    user = policies.access_user(actor, user_id, lock=True)
    changed = []
    for name in PLAIN_FIELDS:
        if name in changes and changes[name] != getattr(user, name):
            setattr(user, name, changes[name])
            changed.append(name)
    changed += _remove_identifiers(user, changes)
    user.save()
    if "email" in changed:
        user.keep_address()
    verifications = [
        send_code(identifier, user, owner=queries.owner_of(identifier), is_change=True, now=now)
        for identifier in wanted
    ]
    if changed:
        outbox.publish(
            UserChanged(user_id=user.pk, fields=changed, occurred_at=now, actor=actor.label)
        )
    return ProfileChange(user, verifications[0] if verifications else None)


def _remove_identifiers(user: User, changes: Mapping[str, Any]) -> list[str]:
    removed = [
        name
        for name in ("email", "phone")
        if name in changes and not changes[name] and getattr(user, name)
    ]
    for name in removed:
        setattr(user, name, None)
    if "phone" in removed:
        user.phone_verified_at = None
    if not user.email and not user.phone:
        raise InvalidInput.on(
            removed[0], _("Keep an e-mail address or a phone number."), "required"
        )
    return removed


@operation
def erase_user(*, actor: Actor, user_id: UUID, now: datetime) -> None:
    """
    Remove a person's data and close the account; the row stays, so that history keeps its sense.

    Every other app removes its own on `UserErased`.

    :raises NotFound: unknown, or not the actor's to erase
    :raises SoleOwner: an organization would be left without an owner
    """
    user = policies.access_user(actor, user_id, lock=True)
    ports.before_erasure(user, now)
    end_sessions_of(user_id=user_id, reason=EndReason.ERASED, ended_by=actor.label, now=now)
    Session.objects.filter(user=user).update(device_name="", cookie_key="")
    reached_at = [value for value in (user.email, user.phone) if value]
    VerificationCode.objects.filter(recipient__in=reached_at).delete()
    for model in (VerificationCode, MfaChallenge, SocketTicket, EmailAddress, Authenticator):
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

"""Registering, and proving an identifier by a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers, queries
from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel, CodePurpose
from smartqueue.accounts.errors import WrongCode
from smartqueue.accounts.events import UserRegistered
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import User, VerificationCode
from smartqueue.accounts.operations._codes import (
    Verification,
    issue_code_for_new,
    require_reachable,
    right_one,
)
from smartqueue.accounts.operations._contact import confirm_end, give_identifier
from smartqueue.accounts.operations._passwords import check_password, require_second_factor
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox

_VERIFIED = (CodePurpose.REGISTRATION, CodePurpose.CONTACT)


@dataclass(frozen=True, slots=True)
class Registration:
    """What was asked for; the account opens when the code comes back."""

    user_id: UUID
    email: str | None
    phone: str | None
    first_name: str
    last_name: str
    language: str
    verification: Verification


def register(
    *,
    email: str | None,
    phone: str | None,
    password: str,
    first_name: str,
    last_name: str,
    language: str,
    now: datetime,
) -> Registration:
    """
    Ask for an account and send a code to each identifier given.

    An identifier that has an account already gets the same answer, and a message instead of a code,
    so that nobody can find out who is registered.

    :raises InvalidInput: no identifier, a wrong one, or a weak password
    :raises ChannelUnavailable: no way to send the code
    :raises TooManyRequests: too often from here, or with this identifier
    """
    known = _identifiers(email, phone)
    _check_names(first_name=first_name, last_name=last_name)
    require_reachable(known)
    for identifier in known:
        limits.check("register", identifier=identifier.value)
    user = User(
        email=_value(known, Channel.EMAIL),
        phone=_value(known, Channel.SMS),
        first_name=first_name,
        last_name=last_name,
        language=language,
    )
    check_password(password, user)
    # Hashed whether or not the account can be made: the time taken tells nothing.
    user.password = make_password(password)
    return _register(user=user, known=known, now=now)


def _identifiers(email: str | None, phone: str | None) -> list[Identifier]:
    known = []
    if email:
        known.append(identifiers.email(email))
    if phone:
        known.append(identifiers.phone(phone))
    if not known:
        raise InvalidInput.on("email", _("Give an e-mail address or a phone number."), "required")
    return known


def _check_names(**names: str) -> None:
    for field, name in names.items():
        if not name.strip():
            raise InvalidInput.on(field, _("Give a name."), "required")
        if "\0" in name:
            raise InvalidInput.on(field, _("This name holds characters that cannot be stored."))


def _value(known: Sequence[Identifier], channel: Channel) -> str | None:
    return next((i.value for i in known if i.channel is channel), None)


@operation
def _register(*, user: User, known: Sequence[Identifier], now: datetime) -> Registration:
    user.email = user.phone = None
    user.is_active = False
    is_new = any(queries.owner_of(identifier) is None for identifier in known)
    if is_new:
        user.save(force_insert=True)
    verifications = [
        issue_code_for_new(identifier, user, purpose=CodePurpose.REGISTRATION, now=now)
        for identifier in known
    ]
    if is_new:
        outbox.publish(
            UserRegistered(
                user_id=user.pk,
                channel=verifications[0].channel.value,
                occurred_at=now,
                actor=ANONYMOUS.label,
            )
        )
    return Registration(
        user_id=user.pk,
        email=_value(known, Channel.EMAIL),
        phone=_value(known, Channel.SMS),
        first_name=user.first_name,
        last_name=user.last_name,
        language=user.language,
        verification=verifications[0],
    )


def verify_code(*, actor: Actor, identifier: str, code: str, now: datetime) -> User:
    """
    Prove an identifier: the account opens, or a signed-in person's new identifier becomes theirs.

    Call it outside a transaction: a wrong answer is counted, then raised.

    :raises WrongCode: not the code, or none was asked for
    :raises CodeExpired: it was right too late, or wrong and late
    :raises TooManyTries: answered wrongly five times; a new code is needed
    :raises MfaRequired: the identifier is proven, and signing in needs the second factor
    :raises TooManyRequests: with the seconds to wait
    """
    known = identifiers.parse(identifier)
    limits.check("verify", identifier=known.value)
    outcome = _verify(actor=actor, known=known, code=code, now=now)
    if isinstance(outcome, Problem):
        raise outcome
    limits.forget("verify", identifier=known.value)
    if actor.user_id != outcome.pk:
        require_second_factor(outcome)
    return outcome


@operation
def _verify(*, actor: Actor, known: Identifier, code: str, now: datetime) -> User | Problem:
    rows = list(
        VerificationCode.objects.select_for_update(of=("self",))
        .filter(recipient=known.value, used_at=None, purpose__in=_VERIFIED)
        .order_by("pk")
    )
    # A change is confirmed by the person who asked for it: the owner of a mailbox must not be
    # signed in to a stranger's account by typing a code that the stranger had sent to them.
    rows = [
        row
        for row in rows
        if row.purpose == CodePurpose.REGISTRATION or row.user_id == actor.user_id
    ]
    found = right_one(rows, code)
    if isinstance(found, Problem):
        return found
    VerificationCode.objects.filter(pk__in=[row.pk for row in rows]).update(used_at=wall_now())
    if found.contact_change_id:
        return confirm_end(found, found.contact_change_id, now=now)
    return WrongCode() if found.user_id is None else _open_account(found, found.user_id, now=now)


def _open_account(row: VerificationCode, user_id: UUID, *, now: datetime) -> User | Problem:
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    if user.erased_at:
        return WrongCode()
    user.is_active = True
    identifier = Identifier(Channel(row.channel), row.recipient)
    return user if give_identifier(user, identifier, now=now) else WrongCode()

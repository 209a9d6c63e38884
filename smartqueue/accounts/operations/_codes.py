"""Registering, and proving an identifier by a code."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers, ports, queries, throttle
from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel
from smartqueue.accounts.errors import ChannelUnavailable, CodeExpired, TooManyTries, WrongCode
from smartqueue.accounts.events import UserRegistered, UserVerified
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import User, VerificationCode
from smartqueue.accounts.operations._passwords import require_second_factor
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.errors import FieldError, InvalidInput, Problem
from smartqueue.common.ids import new_id
from smartqueue.common.phones import is_textable
from smartqueue.outbox import operations as outbox

CODE_LIFE = timedelta(minutes=10)
CODE_DIGITS = 6
MAX_ATTEMPTS = 5
_NOT_TEXTABLE = _(
    "Text messages are not sent to this number. Give a local mobile number, or an e-mail address."
)


@dataclass(frozen=True, slots=True)
class Verification:
    """Where a code went and until when it is good."""

    channel: Channel
    expires_at: datetime


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
        throttle.check("register", identifier=identifier.value)
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


def require_reachable(known: Sequence[Identifier]) -> None:
    """
    Refuse identifiers that no code can be sent to, and count the text messages that it takes.

    Every operation that sends codes comes through here before its transaction.

    :raises ChannelUnavailable: nothing sends on one of their channels
    :raises InvalidInput: a phone number outside the ranges that text messages are sent to
    :raises TooManyRequests: too many text messages to this number, or from here
    """
    if not all(ports.code_delivery().can_reach(identifier.channel) for identifier in known):
        raise ChannelUnavailable
    phones = [identifier.value for identifier in known if identifier.channel is Channel.SMS]
    if not all(is_textable(phone) for phone in phones):
        raise InvalidInput.on("phone", _NOT_TEXTABLE, "not_textable")
    for phone in phones:
        throttle.check("sms", phone=phone)


def check_password(password: str, user: User) -> None:
    """
    Refuse a password that is easy to guess.

    :raises InvalidInput: naming every rule that it breaks
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            errors=tuple(
                FieldError("password", e.code or "invalid", e.message % (e.params or {}))
                for e in error.error_list
            )
        ) from error


@operation
def _register(*, user: User, known: Sequence[Identifier], now: datetime) -> Registration:
    user.email = user.phone = None
    user.is_active = False
    owners = [queries.owner_of(identifier) for identifier in known]
    is_new = None in owners
    if is_new:
        user.save(force_insert=True)
    verifications = [
        send_code(identifier, user, owner=owner, is_change=False, now=now)
        for identifier, owner in zip(known, owners, strict=True)
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


def send_code(
    identifier: Identifier, user: User, *, owner: UUID | None, is_change: bool, now: datetime
) -> Verification:
    """Store a code for `user` and send it; where the identifier has an owner, tell them instead."""
    wall = wall_now()
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    row_id = new_id()
    row = VerificationCode.objects.create(
        id=row_id,
        user=None if owner else user,
        is_change=is_change,
        channel=identifier.channel,
        recipient=identifier.value,
        digest=_digest(row_id, code),
        created_at=wall,
        expires_at=wall + CODE_LIFE,
    )
    message = ports.CodeMessage(
        user_id=owner or user.pk,
        channel=identifier.channel,
        recipient=identifier.value,
        code="" if owner else code,
        language=user.language,
        expires_at=row.expires_at,
        dedupe_key=f"code:{row_id}",
    )
    ports.code_delivery().deliver(message, now)
    return Verification(identifier.channel, row.expires_at)


def _digest(row_id: UUID, code: str) -> bytes:
    return keyed_digest("code", str(row_id), code)


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
    throttle.check("verify", identifier=known.value)
    outcome = _verify(actor=actor, known=known, code=code, now=now)
    if isinstance(outcome, Problem):
        raise outcome
    throttle.forget("verify", identifier=known.value)
    if actor.user_id != outcome.pk:
        require_second_factor(outcome)
    return outcome


@operation
def _verify(*, actor: Actor, known: Identifier, code: str, now: datetime) -> User | Problem:
    rows = list(
        VerificationCode.objects.select_for_update(of=("self",))
        .filter(recipient=known.value, used_at=None)
        .order_by("pk")
    )
    # A change is confirmed by the person who asked for it: the owner of a mailbox must not be
    # signed in to a stranger's account by typing a code that the stranger had sent to them.
    rows = [row for row in rows if not row.is_change or row.user_id == actor.user_id]
    if not rows:
        return WrongCode()
    wall = wall_now()
    live = [row for row in rows if row.expires_at > wall]
    if not live:
        return CodeExpired()
    answerable = [row for row in live if row.attempts < MAX_ATTEMPTS]
    if not answerable:
        return TooManyTries()
    for row in answerable:
        is_right = hmac.compare_digest(bytes(row.digest), _digest(row.pk, code))
        if is_right and row.user_id is not None:
            return _prove(row, row.user_id, rows, wall=wall, now=now)
    VerificationCode.objects.filter(pk__in=[row.pk for row in answerable]).update(
        attempts=F("attempts") + 1
    )
    return WrongCode()


def _prove(
    row: VerificationCode,
    user_id: UUID,
    rows: Sequence[VerificationCode],
    *,
    wall: datetime,
    now: datetime,
) -> User | Problem:
    VerificationCode.objects.filter(pk__in=[other.pk for other in rows]).update(used_at=wall)
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    if user.erased_at or (row.is_change and not user.is_active):
        return WrongCode()
    if row.channel == Channel.EMAIL:
        user.email = row.recipient
    else:
        user.phone, user.phone_verified_at = row.recipient, wall
    user.is_active = True
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "phone", "phone_verified_at", "is_active"])
    except IntegrityError:
        # Another account proved the same identifier first.
        return WrongCode()
    user.keep_address()
    outbox.publish(
        UserVerified(user_id=user.pk, channel=row.channel, occurred_at=now, actor=f"user:{user.pk}")
    )
    return user

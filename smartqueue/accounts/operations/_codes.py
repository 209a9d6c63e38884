"""Codes: making, sending and checking them."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import ports, queries
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel, CodePurpose, Template
from smartqueue.accounts.errors import ChannelUnavailable, CodeExpired, TooManyTries, WrongCode
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import ContactChange, User, VerificationCode
from smartqueue.accounts.tokens import OpaqueToken
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.common.ids import new_id
from smartqueue.common.phones import is_textable
from smartqueue.limits import operations as limits

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
        limits.check("sms", phone=phone)


def issue_code(
    identifier: Identifier,
    *,
    user_id: UUID | None,
    owner: UUID | None,
    purpose: CodePurpose,
    template: Template,
    language: str,
    now: datetime,
    asker: OpaqueToken | None = None,
    change: ContactChange | None = None,
) -> Verification:
    """
    Store a code and send it. Without a `user_id` it is a decoy, and what is sent has no code.

    `owner` is whose message it is; `asker` is the token that the answer must come with.
    """
    wall = wall_now()
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    row_id = asker.id if asker else new_id()
    row = VerificationCode.objects.create(
        id=row_id,
        user_id=user_id,
        purpose=purpose,
        contact_change=change,
        asker=asker.digest if asker else None,
        channel=identifier.channel,
        recipient=identifier.value,
        digest=_digest(row_id, code),
        created_at=wall,
        expires_at=wall + CODE_LIFE,
    )
    message = ports.CodeMessage(
        user_id=owner,
        channel=identifier.channel,
        recipient=identifier.value,
        template=template,
        code=code if user_id else "",
        language=language,
        expires_at=row.expires_at,
        dedupe_key=f"code:{row_id}",
    )
    ports.code_delivery().deliver(message, now)
    return Verification(identifier.channel, row.expires_at)


def issue_code_for_new(
    identifier: Identifier,
    user: User,
    *,
    purpose: CodePurpose,
    now: datetime,
    change: ContactChange | None = None,
) -> Verification:
    """Send `user` a code for an identifier that is to be theirs; an owner of it is told instead."""
    owner = queries.owner_of(identifier)
    return issue_code(
        identifier,
        user_id=None if owner else user.pk,
        owner=owner or user.pk,
        purpose=purpose,
        template=Template.ALREADY_REGISTERED if owner else Template.CODE,
        language=user.language,
        now=now,
        change=change,
    )


def _digest(row_id: UUID, code: str) -> bytes:
    return keyed_digest("code", str(row_id), code)


def is_code_of(row: VerificationCode, code: str) -> bool:
    """Whether this is the row's code, compared in constant time; a decoy has none."""
    is_right = hmac.compare_digest(bytes(row.digest), _digest(row.pk, code))
    return is_right and row.user_id is not None


def right_one(rows: Sequence[VerificationCode], code: str) -> VerificationCode | Problem:
    """Return the one of these locked, unused rows that has this code; a wrong answer is counted."""
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
        if is_code_of(row, code):
            return row
    VerificationCode.objects.filter(pk__in=[row.pk for row in answerable]).update(
        attempts=F("attempts") + 1
    )
    return WrongCode()

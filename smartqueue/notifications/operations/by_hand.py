"""Messages that staff write themselves: to their own people, limited and within the budget."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.errors import ChannelUnavailable
from smartqueue.accounts.models import User
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.common.phones import international, is_textable
from smartqueue.limits import operations as limits
from smartqueue.notifications import policies, ports, segments
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.errors import (
    AddressDead,
    BudgetSpent,
    NotOwnPerson,
    NumberNotTextable,
    OptedOut,
    TextTooLong,
)
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.notifications.operations import budgets, mail, optouts, sending

MOST_SEGMENTS: Final = 4
MOST_LETTERS: Final = 10_000
LIFE: Final = timedelta(hours=12)


@operation
def send_sms(
    *, actor: Actor, organization_id: UUID, phone: str, text: str, key: str, now: datetime
) -> OutgoingMessage:
    """
    Queue a text message of staff to one of their organization's people. `key` tells the same again.

    :raises NotFound: not an organization that the actor manages
    :raises TooManyRequests: the actor or the organization wrote as much as it may
    :raises InvalidInput: there is no text
    :raises NumberNotTextable: not a mobile number of a country that is texted
    :raises TextTooLong: more than four segments
    :raises NotOwnPerson: the number has nothing to do with the organization
    :raises OptedOut: its owner wrote STOP
    :raises BudgetSpent: nothing is left of the month's budget
    :raises ChannelUnavailable: no provider carries text messages
    """
    policies.access_messages(actor, organization_id)
    count_message(actor, organization_id)
    check_text(text)
    phone = textable(phone)
    if not sending.can_send(Channel.SMS):
        raise ChannelUnavailable
    user = User.objects.filter(phone=phone).first()
    check_own(organization_id, {phone: user}, now)
    if optouts.has_opted_out(phone):
        raise OptedOut
    if budgets.is_spent(organization_id, now):
        raise BudgetSpent
    return _send(_Letter(Channel.SMS, organization_id, user, phone, "", text, key), now)


def count_message(actor: Actor, organization_id: UUID, cost: int = 1) -> None:
    """
    Count messages that staff write by hand.

    :raises TooManyRequests: the actor or the organization wrote as much as it may
    """
    limits.check(
        "message", account=str(actor.user_id), organization=str(organization_id), cost=cost
    )


def check_text(text: str) -> None:
    """
    Check that a text can be sent by text message.

    :raises InvalidInput: it is empty
    :raises TextTooLong: more than four segments
    """
    if not text.strip():
        raise InvalidInput.on("text", _("Write something here."), "required")
    found = segments.measure(text).segments
    if found > MOST_SEGMENTS:
        raise TextTooLong(segments=found, most=MOST_SEGMENTS)


@operation
def send_email(
    *,
    actor: Actor,
    organization_id: UUID,
    address: str,
    subject: str,
    text: str,
    key: str,
    now: datetime,
) -> OutgoingMessage:
    """
    Queue an e-mail of staff to one of their organization's people. `key` tells the same again.

    :raises NotFound: not an organization that the actor manages
    :raises TooManyRequests: the actor or the organization wrote as much as it may
    :raises InvalidInput: there is no subject or text, or too much of it, or it is no address
    :raises NotOwnPerson: the address has nothing to do with the organization
    :raises OptedOut: its owner stopped the organization's mails
    :raises AddressDead: mails to it came back lately
    :raises ChannelUnavailable: nothing carries e-mails
    """
    policies.access_messages(actor, organization_id)
    count_message(actor, organization_id)
    for field, value, most in (("subject", subject, 150), ("text", text, MOST_LETTERS)):
        if not value.strip():
            raise InvalidInput.on(field, _("Write something here."), "required")
        if len(value) > most:
            raise InvalidInput.on(field, _("This text is too long."), "max_length")
    if not sending.can_send(Channel.EMAIL):
        raise ChannelUnavailable
    address = identifiers.email(address).value
    user = User.objects.filter(email=address).first()
    check_own(organization_id, {address: user}, now)
    if refused := mail.refusal(address, organization_id):
        raise OptedOut if refused == mail.UNSUBSCRIBED else AddressDead
    subject = " ".join(subject.split())
    return _send(_Letter(Channel.EMAIL, organization_id, user, address, subject, text, key), now)


def textable(phone: str) -> str:
    """
    Return a number in international form, by which people are known.

    :raises NumberNotTextable: not a mobile number of a country that is texted
    """
    if not is_textable(phone):
        raise NumberNotTextable
    return international(phone)


def check_own(organization_id: UUID, people: Mapping[str, User | None], now: datetime) -> None:
    """
    Check that an organization may write to some addresses, given with whose account each reaches.

    :raises NotOwnPerson: one of them has nothing to do with the organization
    """
    asked = frozenset(
        ports.Addressee(address, user.pk if user else None) for address, user in people.items()
    )
    if ports.own_people(organization_id=organization_id, people=asked, now=now) != asked:
        raise NotOwnPerson


@dataclass(frozen=True, slots=True)
class _Letter:
    """What staff wrote, to whom."""

    channel: Channel
    organization_id: UUID
    user: User | None
    recipient: str
    subject: str
    text: str
    key: str


def _send(letter: _Letter, now: datetime) -> OutgoingMessage:
    dedupe_key = f"by_hand:{letter.organization_id}:{letter.key}"[:120]
    user = letter.user
    message = sending.send_message(
        channel=letter.channel,
        recipient=letter.recipient,
        template="by_hand",
        context={"subject": letter.subject, "text": letter.text},
        language=user.language if user else "fr",
        dedupe_key=dedupe_key,
        now=now,
        user_id=user.pk if user else None,
        organization_id=letter.organization_id,
        expires_at=now + LIFE,
    )
    if message is not None:
        return message
    return OutgoingMessage.objects.get(
        dedupe_key=dedupe_key, channel=letter.channel, recipient=letter.recipient
    )

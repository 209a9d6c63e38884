"""
Changing how a person is reached, confirmed on both ends.

The new identifier is proven by a code. The one it replaces answers with a code too; for somebody who
lost it, the other identifier or a second factor stands in, if it has been theirs for a day, so that
a thief of an open session cannot bring their own. Whatever stood in, the old identifier is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers, policies, ports, queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel, CodePurpose, Template, Voucher
from smartqueue.accounts.errors import CodeExpired, VoucherUnavailable, WrongCode
from smartqueue.accounts.events import ContactChanged, ContactChangeStarted, UserVerified
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import ContactChange, User, VerificationCode
from smartqueue.accounts.operations._codes import (
    CODE_LIFE,
    issue_code,
    issue_code_for_new,
    require_reachable,
    right_one,
)
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox

# How long an identifier or a second factor has to be somebody's before it can stand in.
VOUCHER_AGE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Wish:
    """A change of contact that was checked and counted; `new` None removes what is held."""

    channel: Channel
    new: Identifier | None
    voucher: Voucher


def start_contact_change(
    *,
    actor: Actor,
    user_id: UUID,
    channel: Channel,
    value: str,
    voucher: Voucher,
    now: datetime,
) -> ContactChange:
    """
    Ask for a new e-mail address or phone number, or for its removal where `value` is empty; codes
    go to the new identifier and to the one that vouches.

    :raises NotFound: unknown, or not the actor's to change
    :raises ReauthenticationNeeded: the sign-in is not recent
    :raises InvalidInput: a wrong identifier, theirs already, or the last one is to be removed
    :raises VoucherUnavailable: this voucher does not exist, or not for a day yet
    :raises ChannelUnavailable: no way to send the code
    :raises TooManyRequests: too many codes
    """
    wish = prepare_contact_change(
        actor=actor, user_id=user_id, channel=channel, value=value, voucher=voucher, now=now
    )
    return start_prepared(actor=actor, user_id=user_id, wish=wish, now=now)


def prepare_contact_change(
    *, actor: Actor, user_id: UUID, channel: Channel, value: str, voucher: Voucher, now: datetime
) -> Wish:
    """Check and count a wish, outside a transaction; raises as `start_contact_change` does."""
    user = policies.access_user(actor, user_id)
    policies.require_recent_sign_in(actor, now)
    new = _wanted(user, channel, value)
    vouching = _vouching(user, channel, voucher)
    reached = [identifier for identifier in (new, vouching) if identifier]
    require_reachable(reached)
    limits.check("contact", user=str(user_id))
    for identifier in reached:
        limits.check("code", identifier=identifier.value)
    return Wish(channel, new, voucher)


def _held(user: User, channel: Channel) -> str:
    return (user.email if channel is Channel.EMAIL else user.phone) or ""


def _other(channel: Channel) -> Channel:
    return Channel.SMS if channel is Channel.EMAIL else Channel.EMAIL


def _wanted(user: User, channel: Channel, value: str) -> Identifier | None:
    field = "email" if channel is Channel.EMAIL else "phone"
    held = _held(user, channel)
    if not value:
        if not held or not _held(user, _other(channel)):
            raise InvalidInput.on(field, _("Keep an e-mail address or a phone number."), "required")
        return None
    read = identifiers.email if channel is Channel.EMAIL else identifiers.phone
    wanted = read(value, field=field)
    if wanted.value == held:
        raise InvalidInput.on(field, _("This is yours already."), "unchanged")
    return wanted


def _vouching(user: User, channel: Channel, voucher: Voucher) -> Identifier | None:
    """
    Return whom a code has to reach besides the new identifier; None where nobody: nothing is
    replaced, or the second factor of the recent sign-in vouches.
    """
    old, since = _held(user, channel), wall_now() - VOUCHER_AGE
    if not old:
        return None
    if voucher is Voucher.REPLACED:
        return Identifier(channel, old)
    if voucher is Voucher.SECOND_FACTOR:
        if not queries.has_second_factor(user.pk, since=since):
            raise VoucherUnavailable
        return None
    other = _other(channel)
    is_new = ContactChange.objects.filter(user=user, channel=other, done_at__gt=since).exists()
    if is_new or not _held(user, other):
        raise VoucherUnavailable
    return Identifier(other, _held(user, other))


@operation
def start_prepared(*, actor: Actor, user_id: UUID, wish: Wish, now: datetime) -> ContactChange:
    """Store a wish and send its codes."""
    user = policies.access_user(actor, user_id, lock=True)
    channel, new = wish.channel, wish.new
    vouching = _vouching(user, channel, wish.voucher)
    wall = wall_now()
    # One change at a time: codes of an earlier wish must not confirm this one.
    ContactChange.objects.filter(user=user, channel=channel, done_at=None).delete()
    change = ContactChange.objects.create(
        user=user,
        channel=channel,
        old_value=_held(user, channel),
        new_value=new.value if new else "",
        voucher=wish.voucher if _held(user, channel) else "",
        new_confirmed_at=None if new else wall,
        old_confirmed_at=None if vouching else wall,
        created_at=wall,
        expires_at=wall + CODE_LIFE,
    )
    if new:
        issue_code_for_new(new, user, purpose=CodePurpose.CONTACT, now=now, change=change)
    if vouching:
        issue_code(
            vouching,
            user_id=user.pk,
            owner=user.pk,
            purpose=CodePurpose.CONTACT,
            template=Template.CONTACT_REPLACED_CODE,
            language=user.language,
            now=now,
            change=change,
        )
    outbox.publish(
        ContactChangeStarted(
            user_id=user.pk,
            channel=channel.value,
            voucher=change.voucher,
            change_id=change.pk,
            occurred_at=now,
            actor=actor.label,
        )
    )
    if not new and not vouching:
        _carry_out(change, user, now=now)
    return change


def confirm_contact_change(
    *, actor: Actor, change_id: UUID, codes: Sequence[str], now: datetime
) -> ContactChange:
    """
    Take codes that came to the ends of a change, in any order; with both ends confirmed it is done.

    Call it outside a transaction: a wrong answer is counted, then raised.

    :raises NotFound: not a change of this person
    :raises WrongCode: not one of its codes, or the identifier went to somebody else meanwhile
    :raises CodeExpired: too late
    :raises TooManyTries: answered wrongly five times; begin again
    :raises TooManyRequests: with the seconds to wait
    """
    limits.check("verify", identifier=str(change_id))
    for code in codes:
        outcome = _confirm(actor=actor, change_id=change_id, code=code, now=now)
        if isinstance(outcome, Problem):
            raise outcome
    return policies.access_contact_change(actor, change_id)


@operation
def _confirm(*, actor: Actor, change_id: UUID, code: str, now: datetime) -> User | Problem:
    change = policies.access_contact_change(actor, change_id)
    if change.expires_at <= wall_now():
        return CodeExpired()
    rows = list(
        VerificationCode.objects.select_for_update(of=("self",))
        .filter(contact_change=change, used_at=None)
        .order_by("pk")
    )
    row = right_one(rows, code)
    if isinstance(row, Problem):
        return row
    row.used_at = wall_now()
    row.save(update_fields=["used_at"])
    return confirm_end(row, change.pk, now=now)


def give_identifier(user: User, identifier: Identifier, *, now: datetime) -> bool:
    """Make a proven identifier theirs; return False where somebody else proved it first."""
    if identifier.channel is Channel.EMAIL:
        user.email = identifier.value
    else:
        user.phone, user.phone_verified_at = identifier.value, wall_now()
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "phone", "phone_verified_at", "is_active"])
    except IntegrityError:
        return False
    user.keep_address()
    outbox.publish(
        UserVerified(
            user_id=user.pk,
            channel=identifier.channel.value,
            occurred_at=now,
            actor=f"user:{user.pk}",
        )
    )
    return True


def confirm_end(row: VerificationCode, change_id: UUID, *, now: datetime) -> User | Problem:
    """
    Confirm the end of a change of contact that this row's code went to; with both ends confirmed
    the change is done.
    """
    change = (
        ContactChange.objects.select_for_update(of=("self",))
        .filter(pk=change_id, done_at=None)
        .first()
    )
    if change is None:
        return WrongCode()
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=change.user_id)
    if not user.is_active:
        return WrongCode()
    if row.recipient == change.new_value:
        change.new_confirmed_at = wall_now()
    else:
        change.old_confirmed_at = wall_now()
    change.save(update_fields=["new_confirmed_at", "old_confirmed_at"])
    if (
        change.new_confirmed_at
        and change.old_confirmed_at
        and not _carry_out(change, user, now=now)
    ):
        return WrongCode()
    return user


def _carry_out(change: ContactChange, user: User, *, now: datetime) -> bool:
    """Do what both ends have confirmed; False where the identifier went to somebody else meanwhile."""
    channel = Channel(change.channel)
    column = "email" if channel is Channel.EMAIL else "phone"
    # An earlier change may have been done since this one was asked for.
    if (getattr(user, column) or "") != change.old_value:
        return False
    if change.new_value:
        if not give_identifier(user, Identifier(channel, change.new_value), now=now):
            return False
    else:
        setattr(user, column, None)
        if channel is Channel.SMS:
            user.phone_verified_at = None
        if not user.email and not user.phone:
            return False
        user.save(update_fields=["email", "phone", "phone_verified_at"])
        user.keep_address()
    change.done_at = wall_now()
    change.save(update_fields=["done_at"])
    outbox.publish(
        ContactChanged(
            user_id=user.pk,
            channel=channel.value,
            change_id=change.pk,
            occurred_at=now,
            actor=f"user:{user.pk}",
        )
    )
    if change.old_value:
        _tell_replaced(change, user, now=now)
    return True


def _tell_replaced(change: ContactChange, user: User, *, now: datetime) -> None:
    """Tell the identifier that was taken out: its owner may be the one who did not want it."""
    delivery = ports.code_delivery()
    if not delivery.can_reach(Channel(change.channel)):
        return
    delivery.deliver(
        ports.CodeMessage(
            user_id=user.pk,
            channel=Channel(change.channel),
            recipient=change.old_value,
            template=Template.CONTACT_REPLACED,
            code="",
            language=user.language,
            expires_at=None,
            dedupe_key=f"contact-replaced:{change.pk}",
        ),
        now,
    )

"""Signing in by a code instead of a password, and the code before a new password."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers, policies, queries, tokens
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.backends import may_sign_in
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ChallengePurpose, Channel, CodePurpose, Template
from smartqueue.accounts.errors import CodeExpired, WrongCode
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import User, VerificationCode
from smartqueue.accounts.operations._codes import issue_code, require_reachable, right_one
from smartqueue.accounts.operations._passwords import require_second_factor
from smartqueue.accounts.operations._reauthentication import note_recent_sign_in
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.limits import operations as limits

_TEMPLATES = {
    CodePurpose.SIGN_IN: Template.CODE,
    CodePurpose.REAUTHENTICATION: Template.CODE,
    CodePurpose.PASSWORD_RESET: Template.PASSWORD_RESET_CODE,
}


@dataclass(frozen=True, slots=True)
class AskedCode:
    """What the answer must come with, where the code went, and until when it is good."""

    token: str
    channel: Channel
    expires_at: datetime


def ask_code(*, identifier: str, purpose: CodePurpose, language: str, now: datetime) -> AskedCode:
    """
    Send a code for one purpose to an identifier; the answer must come with the returned token.

    An identifier without an account gets the same answer and the same work, and a message that says
    so instead of a code: whoever asks learns nothing, whoever reads it learns what to do.

    :raises InvalidInput: neither an e-mail address nor a phone number
    :raises ChannelUnavailable: no way to send the code
    :raises TooManyRequests: too often from here, or with this identifier
    """
    known = identifiers.parse(identifier)
    require_reachable([known])
    limits.check("code", identifier=known.value)
    return _ask(known, purpose, language, now=now)


def ask_code_again(*, actor: Actor, channel: Channel, now: datetime) -> AskedCode:
    """
    Send a code to an identifier of somebody who is signed in, to prove once more who they are.

    :raises InvalidInput: they have no identifier on this channel
    :raises ChannelUnavailable: no way to send the code
    :raises TooManyRequests: too often
    """
    user = policies.access_user(actor, actor.require_user())
    value = user.email if channel is Channel.EMAIL else user.phone
    if not value:
        raise InvalidInput.on("channel", _("You have no such address or number."), "unavailable")
    return ask_code(
        identifier=value,
        purpose=CodePurpose.REAUTHENTICATION,
        language=user.language,
        now=now,
    )


def _who_may_sign_in(known: Identifier) -> User | None:
    user = queries.find_user(known)
    return user if user and may_sign_in(user) else None


@operation
def _ask(known: Identifier, purpose: CodePurpose, language: str, *, now: datetime) -> AskedCode:
    user = _who_may_sign_in(known)
    token = tokens.make_opaque_token()
    sent = issue_code(
        known,
        user_id=user.pk if user else None,
        owner=user.pk if user else None,
        purpose=purpose,
        template=_TEMPLATES[purpose] if user else Template.NO_ACCOUNT,
        language=user.language if user else language,
        now=now,
        asker=token,
    )
    return AskedCode(token.text, sent.channel, sent.expires_at)


def sign_in_with_code(*, token: str, code: str, now: datetime) -> User:
    """
    Return the person whom a code has let in; nobody is signed in yet.

    Call it outside a transaction: a wrong answer is counted, then raised.

    :raises WrongCode: not the code, used, or asked for by an identifier without an account
    :raises CodeExpired: too late, or not a token of ours
    :raises TooManyTries: answered wrongly five times
    :raises MfaRequired: it is right; go on with `confirm_second_factor`
    :raises TooManyRequests: with the seconds to wait
    """
    user = answer_code(token=token, code=code, purpose=CodePurpose.SIGN_IN)
    require_second_factor(user)
    return user


def reauthenticate_with_code(*, actor: Actor, token: str, code: str, now: datetime) -> None:
    """
    Take a code in place of the password; the sign-in counts as recent from now on.

    :raises WrongCode: not the code, used, or another person's
    :raises CodeExpired: too late, or not a token of ours
    :raises TooManyTries: answered wrongly five times
    :raises MfaRequired: it is right; go on with `reauthenticate_with_second_factor`
    :raises TooManyRequests: with the seconds to wait
    """
    user = answer_code(token=token, code=code, purpose=CodePurpose.REAUTHENTICATION)
    if user.pk != actor.user_id:
        raise WrongCode
    require_second_factor(user, ChallengePurpose.REAUTHENTICATION)
    note_recent_sign_in(actor=actor, now=now)


def answer_code(*, token: str, code: str, purpose: CodePurpose) -> User:
    """Return the person whose code of this purpose it is; raises as `sign_in_with_code` does."""
    read = tokens.read_opaque_token(token)
    row = VerificationCode.objects.filter(pk=read.id, purpose=purpose).first() if read else None
    if read is None or row is None or not hmac.compare_digest(row.asker or b"", read.digest):
        raise CodeExpired
    # By identifier, not by token: each asking gives another token.
    limits.check("verify", identifier=row.recipient)
    outcome = _answer(row.pk, code)
    if isinstance(outcome, Problem):
        raise outcome
    limits.forget("verify", identifier=row.recipient)
    return outcome


@operation
def _answer(row_id: UUID, code: str) -> User | Problem:
    rows = list(
        VerificationCode.objects.select_for_update(of=("self",)).filter(pk=row_id, used_at=None)
    )
    row = right_one(rows, code)
    if isinstance(row, Problem):
        return row
    others = VerificationCode.objects.filter(recipient=row.recipient, purpose=row.purpose)
    others.filter(used_at=None).update(used_at=wall_now())
    # The identifier may have gone to somebody else, or the account been closed, since it was asked.
    user = _who_may_sign_in(Identifier(Channel(row.channel), row.recipient))
    return user if user is not None and user.pk == row.user_id else WrongCode()

"""
Second factors of somebody who has lost them all: another person vouches for who they are.

Whoever vouches gets a code to hand over. It counts after a wait, in which the person is told on
every channel and can object, and only after the password or a code of the person's own; using it
removes every factor and ends every session. docs/security.md says who may vouch for whom.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import policies, queries
from smartqueue.accounts.actor import Actor, roles_of
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.errors import FactorResetOpen, NoFactorToReset
from smartqueue.accounts.events import FactorResetCancelled, FactorResetIssued, FactorsReset
from smartqueue.accounts.models import (
    FACTOR_RESET_LIFE,
    FactorReset,
    Passkey,
    PasskeyChallenge,
    TotpEnrolment,
    User,
)
from smartqueue.accounts.operations._access import LONGEST_REASON, SHORTEST_REASON
from smartqueue.accounts.operations._sessions import end_sessions_of
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.common.ids import new_id
from smartqueue.limits import operations as limits
from smartqueue.outbox import operations as outbox

# Sixty bits, of letters and figures that are not taken for each other.
ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class IssuedReset:
    """What was given, and its code, which is shown this once."""

    reset: FactorReset
    code: str


def issue_factor_reset(
    *, actor: Actor, whose: UUID | str, reason: str, now: datetime
) -> IssuedReset:
    """
    Return a code with which a person who lost every second factor signs in once more, after the
    wait. The actor has made sure who the person is, face to face or by a number known before.

    :param whose: the account's id; for platform staff also what it is known by
    :param reason: how the person was recognized; they read it
    :raises NotFound: unknown, the actor's own, or no business of the actor's
    :raises SupportOnly: a member of other organizations too, or platform staff
    :raises SecondFactorRequired: the actor has no second factor
    :raises ReauthenticationNeeded: the actor's sign-in is too long ago
    :raises NoFactorToReset: the person has none
    :raises FactorResetOpen: a code is out already
    :raises InvalidInput: a reason of less than ten characters or a very long one
    :raises TooManyRequests: with the seconds to wait
    """
    limits.check("factor_reset", user=str(actor.require_user()))
    return _issue(actor=actor, whose=whose, reason=reason, now=now)


@operation
def _issue(*, actor: Actor, whose: UUID | str, reason: str, now: datetime) -> IssuedReset:
    user, wait = policies.access_user_to_reset(actor, whose)
    policies.require_recent_sign_in(actor, now)
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        told = _("Say in a sentence how you know who it is; the person reads it.")
        raise InvalidInput.on("reason", told, "length")
    if not queries.has_second_factor(user.pk):
        raise NoFactorToReset
    if queries.open_factor_resets(user.pk).exists():
        raise FactorResetOpen
    wall, issuer_id = wall_now(), actor.require_user()
    FactorReset.objects.filter(user=user, used_at=None, cancelled_at=None).update(cancelled_at=wall)
    code = "".join(secrets.choice(ALPHABET) for _place in range(CODE_LENGTH))
    reset_id = new_id()
    reset = FactorReset.objects.create(
        id=reset_id,
        user=user,
        issuer_id=issuer_id,
        reason=reason,
        digest=_digest(reset_id, code),
        created_at=wall,
        usable_at=wall + wait,
        expires_at=wall + wait + FACTOR_RESET_LIFE,
    )
    outbox.publish(
        FactorResetIssued(
            user_id=user.pk,
            factor_reset_id=reset.pk,
            issuer_id=issuer_id,
            usable_at=reset.usable_at,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return IssuedReset(reset, code)


def _digest(reset_id: UUID, code: str) -> bytes:
    return keyed_digest("factor-reset", str(reset_id), code)


@operation
def cancel_factor_reset(*, actor: Actor, reset_id: UUID, now: datetime) -> FactorReset:
    """
    Withdraw a code that was not used; the person may, and whoever could have given it.

    :raises NotFound: unknown, used, withdrawn, too old, or not the actor's
    """
    reset = policies.access_factor_reset(actor, reset_id)
    reset.cancelled_at = wall_now()
    reset.save(update_fields=["cancelled_at"])
    outbox.publish(
        FactorResetCancelled(
            user_id=reset.user_id,
            factor_reset_id=reset.pk,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return reset


def use_factor_reset(user: User, code: str, *, now: datetime) -> bool:
    """
    Whether this is the code that is out for a person and counts by now; then it is used, every
    second factor is gone and every session over.

    The word of whoever gave it has to count still: an owner who is none any more vouches for nobody,
    nor does one whose colleague has begun to work for others.
    """
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    rows = queries.open_factor_resets(user.pk).filter(usable_at__lte=wall_now())
    reset = rows.select_for_update(of=("self",), no_key=True).select_related("issuer").first()
    if reset is None or not _is_vouched(reset.issuer, user):
        return False
    given = _digest(reset.pk, code.upper().replace("-", ""))
    if not hmac.compare_digest(bytes(reset.digest), given):
        return False
    reset.used_at = wall_now()
    reset.save(update_fields=["used_at"])
    for model in (Authenticator, Passkey, PasskeyChallenge, TotpEnrolment):
        model.objects.filter(user=user).delete()
    label = f"user:{user.pk}"
    end_sessions_of(user_id=user.pk, reason=EndReason.REVOKED, ended_by=label, now=now)
    outbox.publish(
        FactorsReset(user_id=user.pk, factor_reset_id=reset.pk, occurred_at=now, actor=label)
    )
    return True


def _is_vouched(issuer: User | None, user: User) -> bool:
    if issuer is None or not issuer.is_active:
        return False
    is_admin = issuer.is_superuser
    word = policies.wait_vouched(roles_of(issuer.pk), user, is_platform_admin=is_admin)
    return word is not None

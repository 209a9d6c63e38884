"""Erasing somebody without an account: by a phone, proven by a code."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import ANONYMOUS
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.operations import require_reachable
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.ids import new_id
from smartqueue.limits import operations as limits
from smartqueue.notifications import operations as notification_operations
from smartqueue.notifications.enums import Channel
from smartqueue.outbox import operations as outbox
from smartqueue.privacy.errors import WrongErasureCode
from smartqueue.privacy.events import ErasureRequested
from smartqueue.privacy.models import Erasure, PhoneCode
from smartqueue.privacy.operations._erasing import subject_of_phone
from smartqueue.privacy.places import digest_of_phone

CODE_LIFE: Final = timedelta(minutes=10)
CODE_DIGITS: Final = 6
MAX_ATTEMPTS: Final = 5
CODE_MESSAGE: Final = "privacy_erasure_code"


def ask_phone_erasure(*, phone: str, language: str, now: datetime) -> datetime:
    """
    Send a code to a phone; return until when it is good. Whether anything is stored under the
    phone is told to nobody.

    :raises InvalidInput: not a phone number that exists, or none that text messages are sent to
    :raises ChannelUnavailable: no text messages can be sent
    :raises TooManyRequests: too many text messages to this number, or from here
    """
    known = identifiers.phone(phone)
    require_reachable([known])
    return _send_code(known.value, language, now)


@operation
def _send_code(number: str, language: str, now: datetime) -> datetime:
    wall = wall_now()
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    row_id = new_id()
    row = PhoneCode.objects.create(
        id=row_id,
        phone_digest=digest_of_phone(number),
        digest=_digest(str(row_id), code),
        created_at=wall,
        expires_at=wall + CODE_LIFE,
    )
    notification_operations.send_message(
        channel=Channel.SMS,
        recipient=number,
        template=CODE_MESSAGE,
        context={"code": code},
        language=language,
        dedupe_key=f"erasure-code:{row_id}",
        now=now,
        expires_at=row.expires_at,
    )
    return row.expires_at


def _digest(row_id: str, code: str) -> bytes:
    return keyed_digest("erasure code", row_id, code)


def confirm_phone_erasure(*, phone: str, code: str, now: datetime) -> None:
    """
    Erase what is stored under a phone without an account; it is gone within a minute.

    Call it outside a transaction: a wrong answer is counted, then raised.

    :raises InvalidInput: not a phone number that exists
    :raises WrongErasureCode: not the code, none was asked for, or it is over
    :raises TooManyRequests: with the seconds to wait
    """
    number = identifiers.phone(phone).value
    limits.check("verify", identifier=number)
    if not _confirm(number, code, now):
        raise WrongErasureCode
    limits.forget("verify", identifier=number)


@operation
def _confirm(number: str, code: str, now: datetime) -> bool:
    wall = wall_now()
    rows = list(
        PhoneCode.objects.select_for_update(of=("self",))
        .filter(
            phone_digest=digest_of_phone(number),
            used_at=None,
            expires_at__gt=wall,
            attempts__lt=MAX_ATTEMPTS,
        )
        .order_by("pk")
    )
    ids = [row.pk for row in rows]
    is_right = any(hmac.compare_digest(bytes(r.digest), _digest(str(r.pk), code)) for r in rows)
    if not is_right:
        PhoneCode.objects.filter(pk__in=ids).update(attempts=F("attempts") + 1)
        return False
    PhoneCode.objects.filter(pk__in=ids).update(used_at=wall)
    erasure = Erasure.objects.create(
        sealed_subject=subject_of_phone(number).sealed(), requested_at=now
    )
    outbox.publish(ErasureRequested(erasure_id=erasure.pk, occurred_at=now, actor=ANONYMOUS.label))
    return True

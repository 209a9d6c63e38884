"""Proving the phone of somebody who books without an account."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.operations import require_reachable
from smartqueue.appointments import policies
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.errors import HoldExpired, WrongBookingCode
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import _places
from smartqueue.appointments.operations._taking import is_over
from smartqueue.appointments.operations.confirming import offer_of
from smartqueue.common import tenancy
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation, update_row
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel

CODE_MESSAGE: Final = "booking_code"
CODE_LIFE: Final = timedelta(minutes=10)
CODE_DIGITS: Final = 6
MAX_ATTEMPTS: Final = 5
_CODE_FIELDS: Final = (
    "phone",
    "phone_verified_at",
    "code_digest",
    "code_expires_at",
    "code_attempts",
    "free_at",
)


def send_booking_code(
    *, actor: Actor, appointment_id: UUID, phone: str, language: str, now: datetime
) -> datetime:
    """
    Send a code to the phone of somebody who books without an account; return until when it is good.

    Call it outside a transaction: text messages are counted.

    :raises NotFound: unknown, or not the actor's
    :raises HoldExpired: with what is free next
    :raises AlreadyBooked: the phone has an appointment at that time
    :raises InvalidInput: not a phone number that text messages are sent to
    :raises TooManyRequests: with the seconds to wait
    """
    known = identifiers.phone(phone)
    with tenancy.restored():
        policies.access_appointment(actor, appointment_id)
    require_reachable([known])
    return _send_code(
        actor=actor,
        appointment_id=appointment_id,
        phone=known.value,
        language=language,
        now=now,
    )


@operation
def _send_code(
    *, actor: Actor, appointment_id: UUID, phone: str, language: str, now: datetime
) -> datetime:
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    if appointment.state != AppointmentState.HELD or is_over(appointment, now):
        offer = offer_of(actor, appointment)
        raise _places.refusal(HoldExpired, offer, now, appointment.starts_at, appointment.people)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    appointment.phone = phone
    appointment.phone_verified_at = None
    appointment.code_digest = _digest(appointment.pk, phone, code)
    appointment.code_expires_at = now + CODE_LIFE
    appointment.code_attempts = 0
    # Reading a message takes time; the place is kept as long as the code is good.
    appointment.free_at = max(appointment.free_at or now, now + CODE_LIFE)
    update_row(appointment, _CODE_FIELDS)
    policies.held_beside(appointment).update(free_at=appointment.free_at)
    notifications.send_message(
        channel=Channel.SMS,
        recipient=phone,
        template=CODE_MESSAGE,
        context={"code": code},
        language=language,
        dedupe_key=f"booking-code:{appointment.pk}:{now.timestamp()}",
        now=now,
        expires_at=appointment.code_expires_at,
    )
    return appointment.code_expires_at


def _digest(appointment_id: UUID, phone: str, code: str) -> bytes:
    return keyed_digest("booking code", str(appointment_id), phone, code)


def verify_booking_code(*, actor: Actor, appointment_id: UUID, code: str, now: datetime) -> None:
    """
    Prove the phone of a hold by the code that was sent to it.

    Call it outside a transaction: a wrong answer is counted, then raised.

    :raises NotFound: unknown, or not the actor's
    :raises WrongBookingCode: not the code, none was asked for, or it is over
    """
    if not _verify(actor=actor, appointment_id=appointment_id, code=code, now=now):
        raise WrongBookingCode


@operation
def _verify(*, actor: Actor, appointment_id: UUID, code: str, now: datetime) -> bool:
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    digest = bytes(appointment.code_digest or b"")
    is_open = (
        bool(digest)
        and appointment.code_expires_at is not None
        and appointment.code_expires_at > now
        and appointment.code_attempts < MAX_ATTEMPTS
    )
    if not is_open:
        return False
    own = Appointment.objects.filter(pk=appointment.pk)
    given = _digest(appointment.pk, appointment.phone, code)
    if not hmac.compare_digest(digest, given):
        own.update(code_attempts=F("code_attempts") + 1)
        return False
    own.update(phone_verified_at=now, code_digest=None)
    return True

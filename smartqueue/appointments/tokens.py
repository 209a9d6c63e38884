"""Tokens that stand for one appointment or one place on a waitlist, as those of tickets do."""

from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.queues.tokens import read, sign

APPOINTMENT = "appointment"
WAITLIST = "waitlist"


def token_of(appointment_id: UUID) -> str:
    """Return the token that opens an appointment without an account."""
    return sign(APPOINTMENT, appointment_id)


def appointment_id_of(token: str) -> UUID | None:
    """Return the appointment that a token opens; None for a token that is not ours."""
    return read(APPOINTMENT, token)


def token_of_entry(entry_id: UUID) -> str:
    """Return the token that opens a place on a waitlist without an account."""
    return sign(WAITLIST, entry_id)


def entry_id_of(token: str) -> UUID | None:
    """Return the place on a waitlist that a token opens; None for a token that is not ours."""
    return read(WAITLIST, token)


def actor_of_token(token: str) -> Actor | None:
    """Return whom a token stands for; None for a token that is not ours."""
    if appointment_id := appointment_id_of(token):
        return Actor(kind=ActorKind.BOOKING, appointment_id=appointment_id)
    if entry_id := entry_id_of(token):
        return Actor(kind=ActorKind.BOOKING, waitlist_entry_id=entry_id)
    return None

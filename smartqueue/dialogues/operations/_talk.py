"""One exchange with a phone: once per event, one phone at a time, and what it does to tickets."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import translation

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments.models import Appointment
from smartqueue.common import tenancy
from smartqueue.common.crypto import decrypt, encrypt, keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.errors import Busy, Problem, TooManyRequests
from smartqueue.dialogues import queries, texts
from smartqueue.dialogues.models import Conversation, GivenAnswer
from smartqueue.limits import operations as limits
from smartqueue.notifications.ports import UssdAnswer
from smartqueue.queues import operations as queue_operations
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import JoinChannel
from smartqueue.queues.models import Queue, Ticket

PHONE: Final = Actor(kind=ActorKind.PHONE)
NUMBER: Final = re.compile(r"\+\d{8,15}")
PURPOSE: Final = "dialogue answer"
MOST_RECENT: Final = 3


class JoinAhead(Exception):
    """Somebody is about to take a ticket, which is counted before the transaction that does it."""


@dataclass(slots=True)
class Talk:
    """An exchange with a phone (E.164); `is_counted` once the ticket it asks for has been counted."""

    phone: str
    channel: JoinChannel
    now: datetime
    language: str
    conversation: Conversation
    is_counted: bool

    def say(self, key: str, **values: object) -> str:
        """Return one text in the person's language."""
        return texts.say(self.language, key, **values)

    def speak(self, language: str) -> None:
        """Go on in another language, remember it, and have the tickets' messages come in it."""
        self.language = self.conversation.language = language
        told = texts.told_in(language)
        own = [ticket for ticket in queries.tickets_of(self.phone) if ticket.customer_id is None]
        # Each locks its queue.
        for ticket in sorted(own, key=lambda ticket: ticket.queue_id):
            queue_operations.update_ticket(
                actor=holder_of(ticket), ticket_id=ticket.pk, language=told
            )


Work = Callable[[Talk], UssdAnswer]


@dataclass(frozen=True, slots=True)
class Event:
    """What a provider told: `key` is the same when it tells it again."""

    key: str
    phone: str
    channel: JoinChannel
    now: datetime

    @property
    def digest(self) -> bytes:
        """What the answer is found by."""
        return keyed_digest("dialogue event", self.phone, self.key)

    @property
    def is_ussd(self) -> bool:
        """Whether the answer is a screen and not a text message."""
        return self.channel is JoinChannel.USSD


def answer_once(event: Event, work: Work) -> UssdAnswer:
    """
    Do what a phone asks for, once per event; told again, the event gets the same answer.

    What cannot be done is answered with the reason.

    :raises Busy: somebody else holds the queue; the event may be tried again
    """
    try:
        try:
            return _do(actor=PHONE, now=event.now, event=event, work=work, is_counted=False)
        except JoinAhead:
            limits.check("phone_join", once=event.digest.hex(), phone=event.phone)
            return _do(actor=PHONE, now=event.now, event=event, work=work, is_counted=True)
    except Busy:
        raise
    except Problem as problem:
        return _refuse(actor=PHONE, now=event.now, event=event, problem=problem)


@operation
def _do(*, actor: Actor, now: datetime, event: Event, work: Work, is_counted: bool) -> UssdAnswer:
    talk = _begun(event, is_counted=is_counted)
    return _given(event) or _kept(event, talk, work(talk))


@operation
def _refuse(*, actor: Actor, now: datetime, event: Event, problem: Problem) -> UssdAnswer:
    talk = _begun(event, is_counted=False)
    talk.conversation.screen = {}
    is_often = isinstance(problem, TooManyRequests)
    text = talk.say("too_often") if is_often else texts.refusal(talk.language, problem)
    return _given(event) or _kept(event, talk, UssdAnswer(text, ends=True))


def _begun(event: Event, *, is_counted: bool) -> Talk:
    conversation = _locked(event)
    language = texts.known(conversation.language, ussd=event.is_ussd)
    return Talk(event.phone, event.channel, event.now, language, conversation, is_counted)


def _locked(event: Event) -> Conversation:
    digest = queries.digest_of_phone(event.phone)
    rows = Conversation.objects.filter(phone_digest=digest).select_for_update(no_key=True)
    found = rows.first()
    if found is None:
        made = Conversation(phone_digest=digest, used_at=event.now)
        Conversation.objects.bulk_create([made], ignore_conflicts=True)
        found = rows.get()
    return found


def _given(event: Event) -> UssdAnswer | None:
    row = GivenAnswer.objects.filter(event_digest=event.digest).first()
    return UssdAnswer(json.loads(decrypt(row.sealed, PURPOSE)), row.ends) if row else None


def _kept(event: Event, talk: Talk, answer: UssdAnswer) -> UssdAnswer:
    written = UssdAnswer(texts.fitted(answer.text, ussd=event.is_ussd), answer.ends)
    talk.conversation.used_at = event.now
    talk.conversation.save()
    GivenAnswer.objects.create(
        phone_digest=talk.conversation.phone_digest,
        event_digest=event.digest,
        sealed=encrypt(json.dumps(written.text), PURPOSE),
        ends=written.ends,
    )
    return written


# --- Places in line -----------------------------------------------------------------------------


def join(talk: Talk, queue: Queue) -> tuple[Ticket, bool]:
    """
    Give the phone's owner a place in line; return it, and whether it is a new one.

    :raises JoinAhead: the ticket has to be counted first
    :raises Problem: nobody can join now
    """
    remember_branch(talk, queue.branch_id)
    held = next((t for t in queries.tickets_of(talk.phone) if t.queue_id == queue.pk), None)
    if held is not None:
        return held, False
    if not talk.is_counted:
        raise JoinAhead
    ticket = queue_operations.issue_ticket(
        actor=PHONE,
        queue_id=queue.pk,
        phone=talk.phone,
        channel=talk.channel,
        language=texts.told_in(talk.language),
        now=talk.now,
    )
    return ticket, True


def remember_branch(talk: Talk, branch_id: UUID) -> None:
    """Offer this branch first the next time."""
    others = [pk for pk in talk.conversation.recent_branches if pk != str(branch_id)]
    talk.conversation.recent_branches = [str(branch_id), *others][:MOST_RECENT]


def holder_of(ticket: Ticket) -> Actor:
    """Return the ticket's holder: whoever writes from its phone."""
    return Actor(kind=ActorKind.TICKET, ticket_id=ticket.pk)


def leave(talk: Talk, ticket: Ticket) -> str:
    """Leave the line; return what is said of it."""
    queue_operations.cancel_ticket(actor=holder_of(ticket), ticket_id=ticket.pk, now=talk.now)
    return talk.say("left", number=ticket.number)


def give_time(talk: Talk, ticket: Ticket) -> str:
    """Let people pass, if anybody waits behind; return what is said of it."""
    if not queries.is_anybody_behind(ticket):
        return talk.say("delayed_alone", number=ticket.number, place=place_of(talk, ticket))
    queue_operations.give_more_time(actor=holder_of(ticket), ticket_id=ticket.pk, now=talk.now)
    moved = next(t for t in queries.tickets_of(talk.phone) if t.pk == ticket.pk)
    return talk.say("delayed", number=ticket.number, place=place_of(talk, moved))


def place_of(talk: Talk, ticket: Ticket) -> texts.Whole:
    """Return how many stand before somebody who waits, and how long that takes."""
    with tenancy.organizations([ticket.organization_id]):
        view = queue_queries.ticket_view(ticket, talk.now)
    ahead, wait = view["people_ahead"], wait_of(talk, view["estimate"])
    if ahead is None:
        return texts.Whole(talk.say("place_hidden", wait=wait))
    key = "place" if ahead else "place_first"
    return texts.Whole(talk.say(key, ahead=ahead, wait=wait))


def wait_of(talk: Talk, estimate: dict[str, Any] | None) -> texts.Whole:
    """Return an estimated wait as minutes; nothing where there is none."""
    if estimate is None:
        return texts.Whole("")
    low, high = (max(1, math.ceil(estimate[name] / 60)) for name in ("low", "high"))
    key = "wait_one" if low == high else "wait"
    return texts.Whole(talk.say(key, low=low, high=high))


def position_of(talk: Talk, ticket: Ticket) -> str:
    """Return where somebody stands."""
    counter = ticket.counter.name if ticket.counter else ""
    place = place_of(talk, ticket) if ticket.state == "waiting" else ""
    return talk.say(
        f"position_{ticket.state}",
        number=ticket.number,
        branch=ticket.branch.name,
        counter=counter,
        place=place,
    )


def joined(talk: Talk, queue: Queue, *, key: str) -> str:
    """Join a queue and return what is said of it; who is in it already hears where they stand."""
    ticket, is_new = join(talk, queue)
    if not is_new:
        return position_of(talk, ticket)
    branch = queue.branch.name
    place = place_of(talk, ticket)
    return talk.say(key, number=ticket.number, queue=queue.name, branch=branch, place=place)


# --- Appointments -------------------------------------------------------------------------------


def facts_of(talk: Talk, appointment: Appointment) -> dict[str, str]:
    """Return what is said of an appointment."""
    local = appointment.starts_at.astimezone(ZoneInfo(appointment.branch.timezone))
    with translation.override(texts.told_in(talk.language)):
        service = appointment.service.name
    return {
        "at": f"{local:%d/%m %H:%M}",
        "service": service,
        "branch": appointment.branch.name,
        "reference": appointment.reference,
    }


def guest_of(appointment: Appointment) -> Actor:
    """Return the appointment's holder: whoever writes from its phone."""
    return Actor(kind=ActorKind.BOOKING, appointment_id=appointment.pk)

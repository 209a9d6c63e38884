"""Answering text messages."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from smartqueue.appointments import operations as appointment_operations
from smartqueue.appointments.models import Appointment
from smartqueue.common.errors import TooManyRequests
from smartqueue.dialogues import queries, texts, words
from smartqueue.dialogues.models import BranchLine
from smartqueue.dialogues.operations import _talk
from smartqueue.dialogues.operations._talk import Talk
from smartqueue.dialogues.words import Meant
from smartqueue.limits import operations as limits
from smartqueue.notifications.ports import UssdAnswer
from smartqueue.notifications.providers.base import InboundText
from smartqueue.queues.enums import JoinChannel
from smartqueue.queues.models import Queue, Ticket

QUEUES_LISTED: Final = 6
TICKETS_LISTED: Final = 3
QUEUE_LETTERS: Final = 16


def answer_text(*, message: InboundText, now: datetime) -> str | None:
    """
    Return the reply to a text message; None for a sender that is no phone, or one that writes
    without end. The same message again gets the same reply and does nothing.

    :raises Busy: somebody else holds the queue; the message may be tried again
    """
    if not _talk.NUMBER.fullmatch(message.sender):
        return None
    event = _talk.Event(f"text:{message.event_id}", message.sender, JoinChannel.SMS, now)
    try:
        limits.check("text", once=event.digest.hex(), phone=message.sender)
    except TooManyRequests:
        return None
    said = message.text
    return _talk.answer_once(event, lambda talk: UssdAnswer(_reply(talk, said), ends=True)).text


def _reply(talk: Talk, text: str) -> str:
    meant = words.meant_by(text)
    if not meant.command:
        line = queries.line_named(meant.rest)
        if line is not None:
            return _join(talk, *line)
        meant = words.guessed(meant.rest)
    if not meant.command:
        return _help_with_code(talk, meant.rest)
    # Who has chosen no language is answered in that of the word, and joins in it.
    if not talk.conversation.language:
        talk.language = meant.language
    return _COMMANDS[meant.command](talk, meant)


def _help_with_code(talk: Talk, said: tuple[str, ...]) -> str:
    near = queries.code_near(said)
    if near is not None:
        return talk.say("close_code", code=said[0], found=near)
    return talk.say("help")


def _join_named(talk: Talk, meant: Meant) -> str:
    line = queries.line_named(meant.rest)
    if line is not None:
        return _join(talk, *line)
    if not meant.rest:
        return talk.say("help")
    near = queries.code_near(meant.rest)
    if near is not None:
        return talk.say("close_code", code=meant.rest[0], found=near)
    return talk.say("unknown_code", code=meant.rest[0])


def _join(talk: Talk, line: BranchLine, letter: str) -> str:
    queues = queries.open_queues(line.branch_id)
    if not queues:
        return talk.say("no_queue", branch=line.branch.name)
    chosen = [queue for queue in queues if queue.prefix.upper() == letter]
    if not letter and len(queues) == 1:
        chosen = queues
    if not chosen:
        lines = texts.Whole(", ".join(_listed(talk, queue) for queue in queues[:QUEUES_LISTED]))
        return talk.say("choose_queue", branch=line.branch.name, code=line.code, lines=lines)
    return _talk.joined(talk, chosen[0], key="joined")


def _listed(talk: Talk, queue: Queue) -> str:
    name = texts.cut(queue.name, QUEUE_LETTERS)
    count = "" if queue.hides_waiting_count else f" ({queue.waiting_count})"
    return f"{queue.prefix} {name}{count}"


def _position(talk: Talk, meant: Meant) -> str:
    tickets = queries.tickets_of(talk.phone)
    if not tickets:
        return talk.say("no_ticket")
    return " ".join(_talk.position_of(talk, ticket) for ticket in tickets[-TICKETS_LISTED:])


def _for_ticket(act: Callable[[Talk, Ticket], str], word: str) -> Callable[[Talk, Meant], str]:
    def answer(talk: Talk, meant: Meant) -> str:
        tickets = queries.tickets_of(talk.phone)
        if not tickets:
            return talk.say("no_ticket")
        ticket = _meant_ticket(tickets, meant)
        if ticket is None:
            numbers = texts.Whole(" ".join(ticket.number for ticket in tickets))
            said = texts.tables()[texts.known(talk.language)]["words"][word][0]
            return talk.say("which_ticket", word=said, number=tickets[0].number, numbers=numbers)
        return act(talk, ticket)

    return answer


def _meant_ticket(tickets: list[Ticket], meant: Meant) -> Ticket | None:
    said = "".join(meant.rest)
    named = next((ticket for ticket in tickets if ticket.number.upper() == said), None)
    is_numbered = any(letter.isdigit() for letter in said)
    return named or (tickets[0] if len(tickets) == 1 and not is_numbered else None)


def _for_appointment(
    act: Callable[[Talk, Appointment], str], word: str
) -> Callable[[Talk, Meant], str]:
    def answer(talk: Talk, meant: Meant) -> str:
        found = queries.appointments_of(talk.phone, talk.now)
        if not found:
            return talk.say("no_appointment")
        said = "".join(meant.rest)
        chosen = next((one for one in found if one.reference.upper() == said), None)
        if chosen is None and len(found) == 1:
            chosen = found[0]
        if chosen is None:
            references = texts.Whole(" ".join(one.reference for one in found))
            named = texts.tables()[texts.known(talk.language)]["words"][word][0]
            first = found[0].reference
            return talk.say("which_appointment", word=named, reference=first, references=references)
        return act(talk, chosen)

    return answer


def confirm(talk: Talk, appointment: Appointment) -> str:
    """Note that somebody will come; return what is said of it."""
    appointment_operations.confirm_attendance(
        actor=_talk.guest_of(appointment), appointment_id=appointment.pk, now=talk.now
    )
    return talk.say("appointment_confirmed", **_talk.facts_of(talk, appointment))


def cancel(talk: Talk, appointment: Appointment) -> str:
    """Give up an appointment; return what is said of it."""
    appointment_operations.cancel_appointment(
        actor=_talk.guest_of(appointment), appointment_id=appointment.pk, now=talk.now
    )
    return talk.say("appointment_cancelled", **_talk.facts_of(talk, appointment))


_cancel_appointment = _for_appointment(cancel, "cancel")
_leave = _for_ticket(_talk.leave, "leave")


def _cancel(talk: Talk, meant: Meant) -> str:
    """Give up the appointment; who has none, but a ticket, means that."""
    said = "".join(meant.rest)
    tickets = queries.tickets_of(talk.phone)
    has_named = any(ticket.number.upper() == said for ticket in tickets)
    if has_named or (tickets and not queries.appointments_of(talk.phone, talk.now)):
        return _leave(talk, meant)
    return _cancel_appointment(talk, meant)


def _set_language(talk: Talk, meant: Meant) -> str:
    talk.speak(meant.language)
    return talk.say("language_set")


_COMMANDS: Final[dict[str, Callable[[Talk, Meant], str]]] = {
    "join": _join_named,
    "position": _position,
    "more_time": _for_ticket(_talk.give_time, "more_time"),
    "leave": _leave,
    "confirm": _for_appointment(confirm, "confirm"),
    "cancel": _cancel,
    "help": lambda talk, _: talk.say("help"),
    "language": _set_language,
}

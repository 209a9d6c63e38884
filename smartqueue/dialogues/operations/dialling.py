"""
Answering USSD: a menu over what text messages do too.

An aggregator sends all that was typed in a session so far, and sends it again when it hears nothing.
A session that drops is gone on with by the next one from the same phone, for some minutes.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from smartqueue.common.errors import Busy, TooManyRequests
from smartqueue.dialogues import queries, texts, words
from smartqueue.dialogues.operations import _talk, texting
from smartqueue.dialogues.operations._talk import Talk
from smartqueue.limits import operations as limits
from smartqueue.notifications.ports import UssdAnswer, UssdStep
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import JoinChannel, TicketState
from smartqueue.queues.models import Queue

RESUMED_WITHIN: Final = timedelta(minutes=5)
MOST_TYPED: Final = 400
QUEUES_A_PAGE: Final = 3
QUEUE_LETTERS: Final = 12
LINE_LETTERS: Final = 26
BACK, MORE, YES = "0", "9", "1"

Screen = dict[str, Any]
"""A place in the menu: `at`, and what was chosen on the way there."""

HOME: Final[Screen] = {"at": "home"}


class _End(Exception):  # it ends a session well
    """The session is over with this text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Wrong(Exception):  # caught at once
    """What was typed is no choice here; `text` says so above the same screen."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text


def answer_ussd(*, step: UssdStep, now: datetime) -> UssdAnswer:
    """
    Return what a phone shows after a step of its session; the same step again shows the same and
    does nothing.
    """
    failed = UssdAnswer(texts.fitted(texts.say(texts.FALLBACK, "failed"), ussd=True), ends=True)
    if not _talk.NUMBER.fullmatch(step.phone) or len(step.text) > MOST_TYPED:
        return failed
    key = f"ussd:{step.session_id}:{step.text}"
    event = _talk.Event(key, step.phone, JoinChannel.USSD, now)
    try:
        limits.check("ussd", once=event.digest.hex(), phone=step.phone)
    except TooManyRequests:
        return UssdAnswer(texts.fitted(texts.say(texts.FALLBACK, "too_often"), ussd=True), True)
    try:
        return _talk.answer_once(event, lambda talk: _answer(talk, step))
    except Busy:
        return failed


def _answer(talk: Talk, step: UssdStep) -> UssdAnswer:
    kept = talk.conversation
    screen, typed = _where(talk, step)
    kept.session, kept.typed = step.session_id[:100], step.text
    note = ""
    try:
        for word in typed:
            note = ""
            try:
                screen = _SCREENS[screen["at"]].take(talk, screen, word.strip())
            except _Wrong as wrong:
                note = wrong.text or talk.say("menu_wrong")
        shown = _SCREENS[screen["at"]].show(talk, screen)
    except _End as end:
        kept.screen = {}
        return UssdAnswer(end.text, ends=True)
    kept.screen = screen
    return UssdAnswer(f"{note}\n{shown}" if note else shown, ends=False)


def _where(talk: Talk, step: UssdStep) -> tuple[Screen, list[str]]:
    """Return the screen that a step starts from, and what was typed since."""
    kept = talk.conversation
    words_now = step.text.split("*") if step.text else []
    before = kept.typed.split("*") if kept.typed else []
    is_same = kept.session == step.session_id[:100]
    if is_same and kept.screen and words_now[: len(before)] == before:
        return kept.screen, words_now[len(before) :]
    is_fresh = kept.screen and talk.now - kept.used_at <= RESUMED_WITHIN
    if not is_same and is_fresh and not words_now:
        return kept.screen, []
    return HOME, words_now


def _chosen(word: str, count: int) -> int:
    """Return the index of a numbered choice."""
    if word.isdecimal() and 1 <= int(word) <= count:
        return int(word) - 1
    raise _Wrong


def _numbered(lines: list[str]) -> str:
    return "\n".join(
        f"{number} {texts.cut(line, LINE_LETTERS)}" for number, line in enumerate(lines, 1)
    )


# --- Home and language --------------------------------------------------------------------------


def _show_home(talk: Talk, screen: Screen) -> str:
    return talk.say("menu_home")


def _take_home(talk: Talk, screen: Screen, word: str) -> Screen:
    match word:
        case "1":
            return {"at": "branch"}
        case "2":
            return _to_tickets(talk)
        case "3":
            return _to_appointments(talk)
        case "4":
            return {"at": "language"}
    # Who knows the code types it at once: *245*MAIRIE#.
    return _take_branch(talk, screen, word)


def _show_language(talk: Talk, screen: Screen) -> str:
    names = [texts.name_of(code) for code in texts.languages(ussd=True)]
    return f"{talk.say('menu_language')}\n{_numbered(names)}\n{talk.say('menu_back')}"


def _take_language(talk: Talk, screen: Screen, word: str) -> Screen:
    if word != BACK:
        known = texts.languages(ussd=True)
        talk.speak(known[_chosen(word, len(known))])
    return HOME


# --- Taking a ticket ----------------------------------------------------------------------------


def _show_branch(talk: Talk, screen: Screen) -> str:
    recent = queries.lines_of_branches(talk.conversation.recent_branches)
    if not recent:
        return f"{talk.say('menu_branch')}\n{talk.say('menu_back')}"
    listed = _numbered([line.branch.name for line in recent])
    return f"{talk.say('menu_recent')}\n{listed}\n{talk.say('menu_back')}"


def _take_branch(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return HOME
    if screen["at"] == "branch" and word.isdecimal() and len(word) == 1:
        recent = queries.lines_of_branches(talk.conversation.recent_branches)
        return _to_queues(talk, recent[_chosen(word, len(recent))].branch_id, "")
    found = queries.line_named(words.words_of(word))
    if found is None:
        raise _Wrong(talk.say("menu_wrong"))
    line, letter = found
    return _to_queues(talk, line.branch_id, letter)


def _to_queues(talk: Talk, branch_id: UUID, letter: str) -> Screen:
    queues = queries.open_queues(branch_id)
    if not queues:
        raise _End(talk.say("failed"))
    _talk.remember_branch(talk, branch_id)
    named = [queue for queue in queues if queue.prefix.upper() == letter] or queues
    if len(named) == 1:
        return _at_queue(named[0])
    return {"at": "queues", "branch": str(branch_id), "page": 0}


def _at_queue(queue: Queue) -> Screen:
    return {"at": "queue", "queue": str(queue.pk), "branch": str(queue.branch_id)}


def _page_of(screen: Screen) -> tuple[list[Queue], bool]:
    """Return the queues on a page of the list, and whether there are more."""
    queues = queries.open_queues(UUID(screen["branch"]))
    start = screen["page"] * QUEUES_A_PAGE
    return queues[start : start + QUEUES_A_PAGE], len(queues) > start + QUEUES_A_PAGE


def _show_queues(talk: Talk, screen: Screen) -> str:
    page, is_more = _page_of(screen)
    if not page:
        raise _End(talk.say("failed"))
    feet = [talk.say("menu_more")] if is_more else []
    feet.append(talk.say("menu_back"))
    for with_wait in (True, False):
        lines = [
            f"{number} {queue.prefix} {texts.cut(queue.name, QUEUE_LETTERS)}: "
            f"{_line_of(talk, queue, with_wait=with_wait)}"
            for number, queue in enumerate(page, 1)
        ]
        shown = "\n".join([*lines, *feet])
        if len(shown) <= texts.USSD_LETTERS:
            break
    return shown


def _line_of(talk: Talk, queue: Queue, *, with_wait: bool) -> str:
    estimate = queue_queries.wait_on_joining(queue, talk.now)["estimate"] if with_wait else None
    wait = _talk.wait_of(talk, estimate)
    if queue.hides_waiting_count:
        return talk.say("line_open", wait=wait)
    return talk.say("line_waiting", waiting=queue.waiting_count, wait=wait)


def _take_queues(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return {**screen, "page": screen["page"] - 1} if screen["page"] else {"at": "branch"}
    page, is_more = _page_of(screen)
    if word == MORE and is_more:
        return {**screen, "page": screen["page"] + 1}
    return _at_queue(page[_chosen(word, len(page))])


def _queue_at(screen: Screen) -> Queue | None:
    queues = queries.open_queues(UUID(screen["branch"]))
    return next((queue for queue in queues if str(queue.pk) == screen["queue"]), None)


def _show_queue(talk: Talk, screen: Screen) -> str:
    queue = _queue_at(screen)
    if queue is None:
        raise _End(talk.say("failed"))
    wait = _talk.wait_of(talk, queue_queries.wait_on_joining(queue, talk.now)["estimate"])
    key = "queue_place_hidden" if queue.hides_waiting_count else "queue_place"
    place = texts.Whole(talk.say(key, waiting=queue.waiting_count, wait=wait))
    return talk.say("menu_queue", queue=queue.name, branch=queue.branch.name, place=place)


def _take_queue(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return {"at": "branch"}
    if word != YES:
        raise _Wrong
    queue = _queue_at(screen)
    if queue is None:
        raise _End(talk.say("failed"))
    raise _End(_talk.joined(talk, queue, key="joined_short"))


# --- My ticket ----------------------------------------------------------------------------------


def _to_tickets(talk: Talk) -> Screen:
    tickets = queries.tickets_of(talk.phone)
    if not tickets:
        raise _End(talk.say("no_ticket_short"))
    return {"at": "ticket", "id": str(tickets[0].pk)} if len(tickets) == 1 else {"at": "tickets"}


def _show_tickets(talk: Talk, screen: Screen) -> str:
    lines = [f"{t.number} {t.branch.name}" for t in queries.tickets_of(talk.phone)]
    return f"{_numbered(lines)}\n{talk.say('menu_back')}"


def _take_tickets(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return HOME
    tickets = queries.tickets_of(talk.phone)
    return {"at": "ticket", "id": str(tickets[_chosen(word, len(tickets))].pk)}


def _mine(talk: Talk, screen: Screen, rows: list[Any], key: str) -> Any:
    """Return the ticket or appointment of a screen, which may have ended meanwhile."""
    found = next((row for row in rows if str(row.pk) == screen["id"]), None)
    if found is None:
        raise _End(talk.say(key))
    return found


def _ticket_at(talk: Talk, screen: Screen) -> Any:
    return _mine(talk, screen, queries.tickets_of(talk.phone), "no_ticket_short")


def _show_ticket(talk: Talk, screen: Screen) -> str:
    ticket = _ticket_at(talk, screen)
    text = texts.Whole(_talk.position_of(talk, ticket))
    is_waiting = ticket.state == TicketState.WAITING
    return talk.say("menu_ticket" if is_waiting else "menu_ticket_called", text=text)


def _take_ticket(talk: Talk, screen: Screen, word: str) -> Screen:
    ticket = _ticket_at(talk, screen)
    match word:
        case "0":
            return HOME
        case "1" if ticket.state == TicketState.WAITING:
            raise _End(_talk.give_time(talk, ticket))
        case "2":
            return {"at": "leave", "id": screen["id"]}
    raise _Wrong


def _show_leave(talk: Talk, screen: Screen) -> str:
    return talk.say("menu_leave", number=_ticket_at(talk, screen).number)


def _take_leave(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return {"at": "ticket", "id": screen["id"]}
    if word != YES:
        raise _Wrong
    raise _End(_talk.leave(talk, _ticket_at(talk, screen)))


# --- My appointment -----------------------------------------------------------------------------


def _to_appointments(talk: Talk) -> Screen:
    found = queries.appointments_of(talk.phone, talk.now)
    if not found:
        raise _End(talk.say("no_appointment"))
    if len(found) == 1:
        return {"at": "appointment", "id": str(found[0].pk)}
    return {"at": "appointments"}


def _show_appointments(talk: Talk, screen: Screen) -> str:
    found = queries.appointments_of(talk.phone, talk.now)
    lines = [talk.say("appointment", **_talk.facts_of(talk, one)) for one in found]
    return f"{_numbered(lines)}\n{talk.say('menu_back')}"


def _take_appointments(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return HOME
    found = queries.appointments_of(talk.phone, talk.now)
    return {"at": "appointment", "id": str(found[_chosen(word, len(found))].pk)}


def _appointment_at(talk: Talk, screen: Screen) -> Any:
    rows = queries.appointments_of(talk.phone, talk.now)
    return _mine(talk, screen, rows, "no_appointment")


def _appointment_shown(key: str) -> Callable[[Talk, Screen], str]:
    def show(talk: Talk, screen: Screen) -> str:
        facts = _talk.facts_of(talk, _appointment_at(talk, screen))
        return talk.say(key, text=texts.Whole(talk.say("appointment", **facts)))

    return show


def _take_appointment(talk: Talk, screen: Screen, word: str) -> Screen:
    match word:
        case "0":
            return HOME
        case "1":
            raise _End(texting.confirm(talk, _appointment_at(talk, screen)))
        case "2":
            return {"at": "cancel", "id": screen["id"]}
    raise _Wrong


def _take_cancel(talk: Talk, screen: Screen, word: str) -> Screen:
    if word == BACK:
        return {"at": "appointment", "id": screen["id"]}
    if word != YES:
        raise _Wrong
    raise _End(texting.cancel(talk, _appointment_at(talk, screen)))


class _Door:
    """How one screen is shown, and what an answer to it leads to."""

    def __init__(
        self, show: Callable[[Talk, Screen], str], take: Callable[[Talk, Screen, str], Screen]
    ) -> None:
        self.show = show
        self.take = take


_SCREENS: Final = {
    "home": _Door(_show_home, _take_home),
    "language": _Door(_show_language, _take_language),
    "branch": _Door(_show_branch, _take_branch),
    "queues": _Door(_show_queues, _take_queues),
    "queue": _Door(_show_queue, _take_queue),
    "tickets": _Door(_show_tickets, _take_tickets),
    "ticket": _Door(_show_ticket, _take_ticket),
    "leave": _Door(_show_leave, _take_leave),
    "appointments": _Door(_show_appointments, _take_appointments),
    "appointment": _Door(_appointment_shown("menu_appointment"), _take_appointment),
    "cancel": _Door(_appointment_shown("menu_cancel"), _take_cancel),
}

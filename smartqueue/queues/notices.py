"""What people are told of their place in line, and managers of a line that has grown long."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max, QuerySet
from django.utils import formats, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.models import User
from smartqueue.business.hours import next_opening
from smartqueue.business.queries import managers_at, schedule_of
from smartqueue.common import clock
from smartqueue.common.db import hold_names
from smartqueue.notifications import operations as notifications
from smartqueue.notifications import queries as notification_queries
from smartqueue.notifications.enums import Channel, Group, Importance
from smartqueue.notifications.events import TicketWatched
from smartqueue.notifications.operations import Person
from smartqueue.notifications.queries import already_told
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.registry import subscribe
from smartqueue.queues import operations, queries
from smartqueue.queues.enums import JoinChannel, QueueState, TicketState
from smartqueue.queues.events import (
    QueueEvent,
    QueueGrewLong,
    QueueOpened,
    QueuePaused,
    TicketCalled,
    TicketCancelled,
    TicketEvent,
    TicketExpired,
    TicketIssued,
    TicketNoShow,
    TicketParked,
    TicketRecalled,
    TicketReinstated,
    TicketResumed,
    TicketReturned,
    TicketStarted,
    TicketTransferred,
)
from smartqueue.queues.models import Queue, Ticket, TicketStep
from smartqueue.queues.tokens import token_of

NEAR: Final = (1, 3)
"""How many people are before those who are told that their turn comes, the nearest first."""
_NOTICED: Final = max(NEAR) + 1
_ANSWERED_AT_ONCE: Final = frozenset({JoinChannel.SMS, JoinChannel.USSD})
_OF_A_TURN: Final = (
    "ticket_called",
    "ticket_recalled",
    "ticket_not_yet",
    "ticket_missed",
    "ticket_returned",
)
_IN_LINE: Final = frozenset({TicketState.WAITING, TicketState.PARKED})

_PLACE: Final = {
    "organization": "Mairie de Dakar",
    "place": "Mairie de Dakar-Plateau",
    "queue": "Etat civil",
    "number": "B042",
    "name": "Awa Diop",
    "link": "https://smartqueue.example/t/AZ8kq3bVd9eXkWc0Tt5uYg.7QmW2sZr/",
}


def _words(
    code: str,
    subject: Promise,
    body: Promise,
    *,
    life: timedelta,
    importance: Importance = Importance.NORMAL,
    is_live: bool = True,
    **samples: str,
) -> None:
    register_text(
        code,
        subject=subject,
        body=body,
        group=Group.QUEUE,
        importance=importance,
        life=life,
        is_live=is_live,
        variables={**_PLACE, **samples},
    )


_words(
    "ticket_joined",
    _("Your ticket is %(number)s"),
    _(
        "%(place)s: your ticket is %(number)s. People before you: %(ahead)s. "
        "Follow your place: %(link)s"
    ),
    life=timedelta(hours=1),
    ahead="12",
)
_words(
    "ticket_near",
    _("Your turn is near"),
    _("%(place)s: people before ticket %(number)s: %(ahead)s. Please come. %(link)s"),
    life=timedelta(minutes=30),
    ahead="3",
)
_words(
    "ticket_called",
    _("It is your turn: %(number)s"),
    _("%(place)s: it is your turn, ticket %(number)s. Please go to: %(counter)s."),
    life=timedelta(minutes=10),
    importance=Importance.VITAL,
    counter="Guichet 3",
)
_words(
    "ticket_recalled",
    _("You are called again: %(number)s"),
    _("%(place)s: ticket %(number)s is called again. Please go now to: %(counter)s."),
    life=timedelta(minutes=10),
    importance=Importance.VITAL,
    counter="Guichet 3",
)
_words(
    "ticket_not_yet",
    _("It is not your turn yet: %(number)s"),
    _("%(place)s: it is not yet the turn of ticket %(number)s. Please wait, your place is kept."),
    life=timedelta(minutes=10),
    importance=Importance.VITAL,
)
_words(
    "ticket_missed",
    _("You missed your turn"),
    _(
        "%(place)s: ticket %(number)s was called and nobody came. "
        "Come to the counter within %(minutes)s min, and you are taken back. %(link)s"
    ),
    life=timedelta(minutes=15),
    minutes="15",
)
_words(
    "ticket_returned",
    _("You are in line again"),
    _("%(place)s: ticket %(number)s waits again. People before you: %(ahead)s. %(link)s"),
    life=timedelta(minutes=30),
    ahead="2",
)
_words(
    "queue_paused",
    _("The line is interrupted"),
    _("%(place)s: the line is interrupted. Your ticket %(number)s keeps its place. %(link)s"),
    life=timedelta(minutes=30),
)
_words(
    "queue_resumed",
    _("The line goes on"),
    _("%(place)s: the line goes on. People before ticket %(number)s: %(ahead)s. %(link)s"),
    life=timedelta(minutes=30),
    ahead="4",
)
_words(
    "ticket_expired",
    _("The line has closed"),
    _(
        "%(place)s: the line has closed, and ticket %(number)s could not be served. "
        "It opens again: %(opening)s. Take a new ticket: %(link)s"
    ),
    life=timedelta(hours=6),
    opening="24/11/2026 08:00",
)
_words(
    "ticket_to_return",
    _("Come back on %(day)s"),
    _(
        "%(place)s: nobody else can be served today. Ticket %(number)s counts again on %(day)s, "
        "before those who come that day. %(link)s"
    ),
    life=timedelta(hours=20),
    is_live=False,
    day="24/11/2026",
)
register_text(
    "queue_long",
    subject=_("A long line at %(place)s"),
    body=_("%(place)s, %(queue)s: people waiting: %(waiting)s. Consider opening a counter."),
    group=Group.ORGANIZATION,
    life=timedelta(minutes=30),
    is_live=True,
    variables={
        "place": "Mairie de Dakar-Plateau",
        "queue": "Etat civil",
        "waiting": "40",
        "link": "https://smartqueue.example/manage/branches/0192f3c0-5a8e-7c3d-9d59-2f60c1f0a111/",
    },
)


# --- One ticket ----------------------------------------------------------------------------------


@subscribe(TicketWatched)
def on_ticket_watched_note(event: TicketWatched) -> None:
    """From now on tell this ticket's events, whoever holds it, and a call that was told to nobody."""
    noted = operations.watch_ticket(ticket_id=event.ticket_id)
    if noted is None or noted.state != TicketState.CALLED or noted.called_at is None:
        return
    tickets = Ticket.objects.with_scopes_disabled().select_related(*_NAMED)
    ticket = tickets.get(pk=noted.pk)
    if not (ticket.phone or ticket.customer_id):
        key = _key(ticket.pk, "ticket_called", ticket.version)
        _tell(ticket, "ticket_called", key=key, now=noted.called_at)


def _is_joined(event: TicketEvent) -> bool:
    return event.is_reachable and event.channel not in _ANSWERED_AT_ONCE


def _concerns_holder(event: TicketEvent) -> bool:
    return event.is_reachable and event.reason != "undo"


def _is_reachable(event: TicketEvent) -> bool:
    return event.is_reachable


def _is_not_undone(event: TicketEvent) -> bool:
    return event.reason != "undo"


def _is_left_waiting(event: TicketEvent) -> bool:
    return event.is_reachable and event.from_state in _IN_LINE


@subscribe(TicketIssued, when=_is_joined)
def on_ticket_issued_tell(event: TicketEvent) -> None:
    """Send somebody their number and the way to follow their place."""
    _tell_holder(event, "ticket_joined", with_place=True)


@subscribe(TicketCalled, when=_is_not_undone)
def on_ticket_called_tell(event: TicketEvent) -> None:
    """Tell who is called, and those who have become the next ones."""
    if event.is_reachable:
        _withdraw_older(event)
        _tell_holder(event, "ticket_called")
    _tell_next_ones(event)


@subscribe(
    TicketStarted,
    TicketReturned,
    TicketTransferred,
    TicketParked,
    TicketNoShow,
    TicketCancelled,
    TicketExpired,
    when=_is_reachable,
)
def on_ticket_moved_withdraw(event: TicketEvent) -> None:
    """
    Keep back what has not left of a turn that is over, or was none; who had heard of one that was none
    is told so.
    """
    gone = _withdraw_older(event)
    if event.reason == "undo" and event.from_state == TicketState.CALLED:
        _tell_not_yet(event, gone)


@subscribe(TicketRecalled, when=_concerns_holder)
def on_ticket_recalled_tell(event: TicketEvent) -> None:
    """Call somebody once more."""
    _tell_holder(event, "ticket_recalled")


@subscribe(TicketNoShow, when=_concerns_holder)
def on_ticket_missed_tell(event: TicketEvent) -> None:
    """Tell somebody who did not come how to get back into line."""
    _tell_holder(event, "ticket_missed")


@subscribe(TicketReinstated, TicketReturned, TicketResumed, when=_concerns_holder)
def on_ticket_back_tell(event: TicketEvent) -> None:
    """Tell somebody that they are in line again."""
    _tell_holder(event, "ticket_returned", with_place=True)


@subscribe(TicketExpired, when=_is_left_waiting)
def on_ticket_expired_tell(event: TicketEvent) -> None:
    """Tell somebody whose line closed before their turn what to do."""
    is_outage = event.reason == operations.OUTAGE
    _tell_holder(event, "ticket_to_return" if is_outage else "ticket_expired")


_NAMED: Final = ("queue__organization", "queue__branch", "branch", "counter", "customer")


def _tell_holder(event: TicketEvent, code: str, *, with_place: bool = False) -> None:
    _one_at_a_time([event.ticket_id])
    ticket = _ticket_of(event)
    if ticket is None or not _still_holds(event, ticket):
        return
    extra: dict[str, Any] = {}
    if with_place:
        extra["ahead"] = str(queries.people_ahead([ticket]).get(ticket.pk, 0))
    key = _key(ticket.pk, code, event.subject_version)
    _tell(ticket, code, key=key, now=event.occurred_at, **extra)


def _ticket_of(event: TicketEvent) -> Ticket | None:
    tickets = Ticket.objects.with_scopes_disabled().select_related(*_NAMED)
    found: Ticket | None = tickets.filter(pk=event.ticket_id).first()
    return found


def _still_holds(event: TicketEvent, ticket: Ticket) -> bool:
    """
    Whether nothing newer has happened that makes an event's words wrong; of two calls, and of two that
    were missed, one is told.
    """
    last = {TicketState.CALLED: ticket.called_at, TicketState.NO_SHOW: ticket.ended_at}
    at = last.get(TicketState(event.state), event.occurred_at)
    return ticket.state == event.state and at == event.occurred_at


def _key(ticket_id: UUID, code: str, version: int) -> str:
    return f"ticket:{ticket_id}:{code}:{version}"


# --- What holds no more --------------------------------------------------------------------------


# Who is told of a ticket, and who takes that back, do not look at the same time: without it a message
# might be made of what was just withdrawn. The ticket's own row would stop those who call.
def _one_at_a_time(ticket_ids: Iterable[UUID]) -> None:
    hold_names(f"told:{one}" for one in ticket_ids)


def _withdraw_older(event: TicketEvent) -> set[str]:
    """Stop what was said of a ticket's turn before an event; return the keys of what has left."""
    _one_at_a_time([event.ticket_id])
    keys = []
    # Somebody whose call was undone may be told again that their turn is near.
    here = Ticket.objects.with_scopes_disabled().filter(pk=event.ticket_id)
    if not here.filter(state=TicketState.WAITING).exists():
        keys += [f"ticket:{event.ticket_id}:near:{stage}" for stage in NEAR]
    for code in _OF_A_TURN:
        keys += [_key(event.ticket_id, code, n) for n in range(1, event.subject_version)]
    return notifications.withdraw_messages(keys=keys, now=event.occurred_at)


def _tell_not_yet(event: TicketEvent, gone: set[str]) -> None:
    """Tell who was called by mistake, if they can have heard: by a message only where one had left."""
    ticket = _ticket_of(event)
    if ticket is None or ticket.state != event.state:
        return
    steps = TicketStep.objects.with_scopes_disabled().filter(
        ticket=ticket, to_state=TicketState.CALLED, ticket_version__lt=event.subject_version
    )
    called = steps.aggregate(last=Max("ticket_version"))["last"] or 1
    heard = {
        _key(ticket.pk, code, version)
        for code in ("ticket_called", "ticket_recalled")
        for version in range(called, event.subject_version)
    }
    if heard & (gone | already_told(heard)):
        key = _key(ticket.pk, "ticket_not_yet", event.subject_version)
        leaves = bool(heard & gone)
        _tell(ticket, "ticket_not_yet", key=key, now=event.occurred_at, leaves=leaves)


def _tell(
    ticket: Ticket, code: str, *, key: str, now: datetime, leaves: bool = True, **extra: str
) -> None:
    person = person_of(ticket)
    if not person.is_reachable:
        return
    branch = ticket.branch
    own = {
        "organization": ticket.queue.organization.name,
        "place": branch.name,
        "queue": ticket.queue.name,
        "number": ticket.number,
        "name": ticket.customer_name or person.name,
        "counter": ticket.counter.name if ticket.counter else "",
        "minutes": str(ticket.queue.no_show_grace_minutes),
        "ticket_id": str(ticket.pk),
    }
    if ticket.returns_on is not None:
        with translation.override(person.language):
            own["day"] = formats.date_format(ticket.returns_on, "SHORT_DATE_FORMAT")
    link = f"{settings.PUBLIC_URL}/t/{token_of(ticket.pk)}/"
    if code == "ticket_expired":
        own["opening"] = _opening(ticket, person.language, now)
        link = f"{settings.PUBLIC_URL}/b/{branch.slug}/"
    notifications.tell(
        to=person,
        code=code,
        data=own | extra,
        dedupe_key=key,
        now=now,
        organization_id=ticket.organization_id,
        link=link,
        topic=ticket.pk.hex,
        leaves=leaves,
    )


def person_of(ticket: Ticket) -> Person:
    """Return who holds a ticket: the account, the phone that was given, or nobody to be reached."""
    if ticket.customer is not None:
        return notifications.person_of(ticket.customer, timezone=ticket.branch.timezone)
    browsers = notification_queries.browsers_of_ticket(ticket.pk) if ticket.is_watched else ()
    return Person(
        phone=ticket.phone,
        language=ticket.language,
        name=ticket.customer_name,
        timezone=ticket.branch.timezone,
        devices=tuple((Channel.WEB_PUSH, browser) for browser in browsers),
    )


def _opening(ticket: Ticket, language: str, now: datetime) -> str:
    at = next_opening(schedule_of(ticket.branch), now)
    if at is None:
        return "-"
    with translation.override(language):
        local = at.astimezone(ZoneInfo(ticket.branch.timezone))
        return formats.date_format(local, "SHORT_DATETIME_FORMAT")


# --- Those who come next -------------------------------------------------------------------------


def _tell_next_ones(event: TicketEvent) -> None:
    """Tell the first few of a line, each once for each of `NEAR`; two statements for all of them."""
    waiting = Ticket.objects.with_scopes_disabled().filter(
        queue_id=event.queue_id, state=TicketState.WAITING
    )
    first = waiting.select_related(*_NAMED).order_by("order_key", "pk")[:_NOTICED]
    due = {
        f"ticket:{ticket.pk}:near:{_stage(ahead)}": (ticket, ahead)
        for ahead, ticket in enumerate(first)
        if ticket.pk != event.ticket_id
        and (ticket.phone or ticket.customer_id or ticket.is_watched)
    }
    told = already_told(due) if due else set()
    new = {key: found for key, found in due.items() if key not in told}
    if not new:
        return
    _one_at_a_time(ticket.pk for ticket, _ahead in new.values())
    # Somebody may have been called, or have left, since the line was read.
    here = set(
        waiting.filter(pk__in=[t.pk for t, _ahead in new.values()]).values_list("pk", flat=True)
    )
    # It is true now, however late that is: nobody is told it twice, and so not when it has expired.
    now = max(event.occurred_at, clock.now())
    for key, (ticket, ahead) in new.items():
        if ticket.pk in here:
            _tell(ticket, "ticket_near", key=key, now=now, ahead=str(ahead))


def _stage(ahead: int) -> int:
    return next(stage for stage in NEAR if ahead <= stage)


# --- A whole line --------------------------------------------------------------------------------


@subscribe(QueuePaused, mode=HandlerMode.OUTSIDE)
def on_queue_paused_tell(event: QueueEvent) -> None:
    """Tell everybody in line that nobody is called for a while."""
    _tell_line(event, "queue_paused", QueueState.PAUSED)


@subscribe(QueueOpened, mode=HandlerMode.OUTSIDE)
def on_queue_opened_tell(event: QueueEvent) -> None:
    """Tell those who were in line before it opened that it goes on."""
    _tell_line(event, "queue_resumed", QueueState.OPEN)


_AT_ONCE: Final = 20
"""After so many people it is asked again whether it holds, and who is still in line."""


def _tell_line(event: QueueEvent, code: str, state: QueueState) -> None:
    line = list(_line(event.queue_id).filter(queue__state=state))
    here: set[UUID] = set()
    for place, ticket in enumerate(line):
        if place % _AT_ONCE == 0:
            asked = [ticket.pk for ticket in line[place : place + _AT_ONCE]]
            still = _line(event.queue_id).filter(queue__state=state, pk__in=asked)
            here = set(still.values_list("pk", flat=True))
        if ticket.pk in here and ticket.joined_at < event.occurred_at:
            key = f"ticket:{ticket.pk}:{code}:{event.subject_version}"
            _tell(ticket, code, key=key, now=event.occurred_at, ahead=str(place))


def _line(queue_id: UUID) -> "QuerySet[Ticket]":
    rows: QuerySet[Ticket] = Ticket.objects.with_scopes_disabled().filter(
        queue_id=queue_id, state=TicketState.WAITING
    )
    return rows.select_related(*_NAMED).order_by("order_key", "pk")


@subscribe(QueueGrewLong)
def on_queue_grew_long_tell(event: QueueGrewLong) -> None:
    """Tell the managers of a place that many people wait."""
    queue = Queue.objects.with_scopes_disabled().select_related("branch").get(pk=event.queue_id)
    for user in User.objects.filter(pk__in=managers_at(queue.organization_id, queue.branch_id)):
        notifications.tell(
            to=notifications.person_of(user, timezone=queue.branch.timezone),
            code="queue_long",
            data={
                "place": queue.branch.name,
                "queue": queue.name,
                "waiting": str(event.waiting),
                "queue_id": str(queue.pk),
            },
            dedupe_key=f"queue:{queue.pk}:long:{event.spell}",
            now=event.occurred_at,
            organization_id=queue.organization_id,
            link=f"{settings.PUBLIC_URL}/manage/branches/{queue.branch_id}/?queue={queue.pk}#long-line",
        )

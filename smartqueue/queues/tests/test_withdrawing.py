"""What was said of a turn is taken back when the turn is over, or was none."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from smartqueue.notifications import operations as notifications
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.notifications.providers.base import ProviderError, Terms
from smartqueue.notifications.tests.carrier import lines
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import notices, operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_place,
    make_user,
    sit_down,
)
from smartqueue.queues.tests.test_notices import event_of, hear

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=1)
PHONE = "+221771234509"


@pytest.fixture(autouse=True)
def carrier() -> Iterator[None]:
    """Have text messages wait for a carrier, in place of the development mailbox."""
    with lines(("carrier", Terms(countries=("SN",), price_minor=10))):
        yield


def called(place: Place, **person: object) -> Ticket:
    """Return the ticket of somebody called, who has been told so."""
    ticket = join(place, **person)
    hear()
    session = sit_down(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=LATER)
    hear()
    return ticket


def undo(place: Place, ticket: Ticket) -> None:
    operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=LATER + timedelta(seconds=9))


def message(code: str) -> OutgoingMessage:
    return OutgoingMessage.objects.get(template=code)


def claim(row: OutgoingMessage, at: datetime = LATER) -> notifications.ClaimedMessage | None:
    choices = notifications.choices_for(row.pk)
    if choices is None:
        return None
    (choice,) = choices.found
    return notifications.claim_message(message_id=row.pk, choice=choice, now=at)


def left(phone: str = PHONE) -> list[str]:
    """Return what leaves or has left for somebody, but who hears that they are next."""
    rows = OutgoingMessage.objects.exclude(state="cancelled").filter(recipient=phone)
    return [row.template for row in rows.exclude(template="ticket_near").order_by("pk")]


def test_a_call_taken_back_before_it_was_sent_is_never_sent() -> None:
    place = make_place()
    caller = make_actor(make_user(phone=PHONE, email=None))
    ticket = called(place, actor=caller)
    assert left() == ["ticket_joined", "ticket_called"]
    undo(place, ticket)
    hear(2)
    kept = message("ticket_called")
    assert (kept.state, kept.last_error, kept.sealed_body) == ("cancelled", "withdrawn", "")
    assert claim(kept) is None
    # Nobody was texted, so nobody is texted again; the application had shown it.
    assert left() == ["ticket_joined"]
    shown = Notification.objects.filter(user_id=caller.user_id).order_by("pk")
    shown = shown.exclude(code="ticket_near")
    codes = [row.code for row in shown]
    assert codes == ["ticket_joined", "ticket_called", "ticket_not_yet"]


def test_who_had_heard_of_it_is_told_that_it_is_not_their_turn_yet() -> None:
    place = make_place()
    ticket = called(place, phone=PHONE)
    row = message("ticket_called")
    claimed = claim(row)
    assert claimed is not None
    undo(place, ticket)
    hear(2)
    assert left() == ["ticket_joined", "ticket_called", "ticket_not_yet"]
    # What the provider did not take after all does not go again.
    refused = ProviderError("down", retryable=True)
    notifications.record_refusal(attempt_id=claimed.attempt_id, error=refused, now=LATER)
    OutgoingMessage.objects.filter(pk=row.pk).update(next_attempt_at=row.stored_at)
    assert claim(row, LATER + timedelta(minutes=1)) is None
    row.refresh_from_db()
    assert row.state == "expired"


def test_what_waits_for_another_try_or_another_way_stays() -> None:
    place = make_place()
    ticket = called(place, actor=make_actor(make_user(phone=PHONE)))
    by_text = OutgoingMessage.objects.get(template="ticket_called", channel="sms")
    claimed = claim(by_text)
    assert claimed is not None
    gone = ProviderError("no_such_number", retryable=False, is_recipient=True)
    notifications.record_refusal(attempt_id=claimed.attempt_id, error=gone, now=LATER)
    (by_mail,) = OutgoingMessage.objects.filter(fallback_of=by_text)
    # The mailbox of development has kept the mail; here it waits.
    OutgoingMessage.objects.filter(pk=by_mail.pk).update(state="queued", ended_at=None)
    undo(place, ticket)
    hear()
    by_mail.refresh_from_db()
    assert by_mail.state == "cancelled"
    assert "ticket_not_yet" not in left()


def test_of_a_call_that_is_told_late_nothing_is_told() -> None:
    place = make_place()
    ticket = join(place, phone=PHONE)
    session = sit_down(place)
    seat = {"actor": place.agent, "session_id": session.pk}
    operations.call_next_for_session(now=LATER, **seat)
    undo(place, ticket)
    events = [event_of(row) for row in DomainEvent.objects.filter(type__startswith="queues.ticket")]
    by_name = {type(event).__name__: event for event in events}
    notices.on_ticket_moved_withdraw(by_name["TicketReturned"])
    notices.on_ticket_called_tell(by_name["TicketCalled"])
    assert left() == []
    again = LATER + timedelta(seconds=20)
    operations.call_next_for_session(now=again, **seat)
    hear(2)
    # One message for two calls; the withdrawal of the first leaves the second alone.
    assert left() == ["ticket_called"]
    assert message("ticket_called").dedupe_key.endswith(":4")
    OutgoingMessage.objects.update(state="sent", ended_at=again)
    undo_at = again + timedelta(seconds=5)
    operations.undo_step(actor=place.agent, ticket_id=ticket.pk, now=undo_at)
    hear()
    assert left()[0] == "ticket_called"
    assert left()[-1] == "ticket_not_yet"


def test_nothing_of_a_turn_is_sent_once_the_ticket_is_over() -> None:
    place = make_place()
    phones = [f"+22177123450{n}" for n in range(4)]
    tickets = [join(place, phone=phone) for phone in phones]
    session = sit_down(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=LATER)
    hear()
    due = OutgoingMessage.objects.filter(state="queued")
    turns = due.filter(template__in=("ticket_called", "ticket_near")).order_by("recipient")
    assert [row.recipient for row in turns] == phones

    operations.start_ticket(actor=place.agent, ticket_id=tickets[0].pk, now=LATER)
    operations.cancel_ticket(actor=place.owner, ticket_id=tickets[1].pk, now=LATER)
    hear()
    assert {row.recipient for row in turns.all()} == set(phones[2:])
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=LATER)
    operations.expire_tickets(queue_id=place.queue.pk, now=LATER)
    hear()
    assert not turns.all().exists()
    assert due.filter(template="ticket_expired").count() == 2

"""An outage ends the line for today; who waited comes back with a ticket that counts another day."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from smartqueue.accounts.actor import Actor
from smartqueue.business.models import OpeningHours
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import operations
from smartqueue.queues.errors import AlreadyWaiting, NoReturnTicket, QueueClosed
from smartqueue.queues.models import Queue, Ticket
from smartqueue.queues.tests.conftest import Api, Clock
from smartqueue.queues.tests.factories import NOW, Place, join, make_actor, make_place, sit_down
from smartqueue.queues.tests.test_notices import hear, phone, sent, words
from smartqueue.queues.tokens import actor_of_token, token_of
from tests.checks import check_queue_truth

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=30)
MORROW = NOW + timedelta(days=1)
TOMORROW = date(2026, 11, 24)


@pytest.fixture
def place() -> Place:
    return make_place()


def holder(ticket: Ticket) -> Actor:
    actor = actor_of_token(token_of(ticket.pk))
    assert actor is not None
    return actor


def outage(place: Place, **more: Any) -> Queue:
    """Close a place's queue for an outage, and let its line end."""
    closed = operations.close_for_outage(
        actor=place.owner, queue_id=place.queue.pk, now=LATER, reason="Coupure", **more
    )
    while operations.expire_tickets(queue_id=place.queue.pk, now=LATER, limit=2):
        pass
    return closed


def reopen(place: Place, at: datetime = MORROW) -> None:
    operations.open_queue(actor=place.owner, queue_id=place.queue.pk, now=at)


def come_back(ticket: Ticket, at: datetime = MORROW, actor: Actor | None = None) -> Ticket:
    return operations.use_return_ticket(actor=actor or holder(ticket), ticket_id=ticket.pk, now=at)


def stored(pk: UUID) -> Ticket:
    found: Ticket = Ticket.objects.with_scopes_disabled().get(pk=pk)
    return found


def test_who_waited_comes_back_before_those_of_the_day_and_in_the_order_of_then(
    place: Place,
) -> None:
    elderly = {"actor": place.agent, "priority": "elderly"}
    served, second, third, first = (
        join(place, phone=phone(0)),
        join(place, phone=phone(1)),
        join(place, phone=phone(2)),
        join(place, **elderly),
    )
    seat = {"actor": place.agent, "session_id": sit_down(place).pk}
    assert operations.call_next_for_session(**seat, now=NOW).pk == first.pk
    operations.park_ticket(actor=place.agent, ticket_id=first.pk, now=NOW)
    operations.call_next_for_session(**seat, now=NOW)
    closed = outage(place)
    assert (closed.state, closed.returns_on) == ("closed", TOMORROW)
    ended = [stored(ticket.pk) for ticket in (served, first, second, third)]
    # Who is at a counter is finished by the agent.
    assert [t.state for t in ended] == ["called", "expired", "expired", "expired"]
    assert [t.returns_on for t in ended] == [None, TOMORROW, TOMORROW, TOMORROW]
    told = DomainEvent.objects.filter(type="queues.ticket.expired.v1")
    assert {event.payload["reason"] for event in told} == {"outage"}

    with pytest.raises(QueueClosed):
        come_back(second)
    reopen(place)
    early = join(place, now=MORROW)
    urgent = join(place, now=MORROW, actor=place.agent, priority="urgent")
    back = [come_back(ticket) for ticket in (third, second)]
    by_staff = come_back(first, actor=place.agent)
    assert (by_staff.channel, by_staff.priority) == ("agent", "elderly")
    assert [t.phone for t in back] == [phone(2), phone(1)]
    numbers = [t.number for t in (early, urgent, *back, by_staff)]
    assert numbers == ["A001", "A002", "A003", "A004", "A005"]
    called = []
    operations.mark_no_show(actor=place.agent, ticket_id=served.pk, now=MORROW)
    for _ in range(5):
        ticket = operations.call_next_for_session(**seat, now=MORROW)
        called.append((ticket.pk, ticket.call_reason["code"]))
        operations.mark_no_show(actor=place.agent, ticket_id=ticket.pk, now=MORROW)
    assert called == [
        (urgent.pk, "emergency"),
        (by_staff.pk, "return_ticket"),
        (back[1].pk, "return_ticket"),
        (back[0].pk, "return_ticket"),
        (early.pk, "first_in_line"),
    ]
    check_queue_truth(place.queue.pk)


def test_a_return_ticket_counts_once_on_its_day_for_its_holder_and_the_staff(
    place: Place,
) -> None:
    mine, other = join(place, phone=phone(1)), join(place)
    outage(place)
    reopen(place, LATER)
    with pytest.raises(NoReturnTicket) as refused:
        come_back(mine, LATER)
    assert refused.value.extra == {"day": "2026-11-24"}
    with pytest.raises(NoReturnTicket):
        come_back(mine, MORROW + timedelta(days=1))
    for stranger in (holder(other), make_actor()):
        with pytest.raises(NotFound):
            come_back(mine, actor=stranger)
    taken = come_back(mine)
    assert come_back(mine).pk == taken.pk
    assert come_back(mine, actor=place.agent).pk == taken.pk
    again = stored(taken.pk)
    assert (again.return_of_id, again.number, again.service_date) == (mine.pk, "A001", TOMORROW)
    with pytest.raises(NoReturnTicket):
        come_back(again)
    # Today's line was left alone by what is promised for tomorrow.
    with pytest.raises(AlreadyWaiting):
        join(place, now=MORROW, phone=phone(1))
    check_queue_truth(place.queue.pk)


def test_who_closes_says_the_day_and_the_first_word_counts(place: Place) -> None:
    join(place)
    close = {"queue_id": place.queue.pk, "now": LATER}
    for actor in (place.agent, make_actor()):
        with pytest.raises(NotFound):
            operations.close_for_outage(actor=actor, **close)
    for day in (date(2026, 11, 23), date(2027, 3, 1)):
        with pytest.raises(InvalidInput):
            operations.close_for_outage(actor=place.owner, day=day, **close)
    day = date(2026, 11, 30)
    outage(place, day=day)
    kept = operations.close_for_outage(actor=place.owner, day=TOMORROW, **close)
    assert kept.returns_on == day
    assert DomainEvent.objects.filter(type="queues.queue.closed.v1").count() == 1
    reopen(place)
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=MORROW)
    with pytest.raises(QueueClosed):
        operations.close_for_outage(actor=place.owner, queue_id=place.queue.pk, now=MORROW)


def test_a_queue_still_frozen_when_the_place_closes_gives_them_too(place: Place) -> None:
    OpeningHours.objects.with_scopes_disabled().create(
        organization=place.organization,
        branch=place.branch,
        weekday=2,
        opens_at="08:00",
        closes_at="17:00",
    )
    waiting = join(place)
    queue = {"queue_id": place.queue.pk, "now": LATER}
    operations.pause_queue(actor=place.owner, reason="Coupure", **queue)
    operations.follow_opening_hours(is_open=False, **queue)
    operations.expire_tickets(**queue)
    # The next Wednesday: the place opens on no other day.
    assert stored(waiting.pk).returns_on == date(2026, 11, 25)
    operations.follow_opening_hours(is_open=True, queue_id=place.queue.pk, now=MORROW)
    plain = join(place, now=MORROW)
    operations.follow_opening_hours(is_open=False, queue_id=place.queue.pk, now=MORROW)
    operations.expire_tickets(queue_id=place.queue.pk, now=MORROW)
    assert stored(plain.pk).returns_on is None


def test_a_line_that_is_ended_after_midnight_gives_them_too(place: Place) -> None:
    waiting = join(place)
    late = NOW.replace(hour=23, minute=55)
    operations.close_for_outage(actor=place.owner, queue_id=place.queue.pk, now=late)

    operations.expire_tickets(queue_id=place.queue.pk, now=late + timedelta(minutes=10))

    assert stored(waiting.pk).returns_on == TOMORROW
    reopen(place)
    assert come_back(waiting).number == "A001"


def test_they_are_told_the_day_and_where_to_come_back_to(place: Place) -> None:
    ticket = join(place, phone=phone(1), language="fr")
    outage(place)
    hear(2)
    assert sent(1)[-1] == "ticket_to_return"
    told = words(1, "ticket_to_return")
    assert "24/11/2026" in told
    assert f"/t/{token_of(ticket.pk)}/" in told


def test_over_rest(place: Place, entrance: Clock) -> None:
    ticket = join(place)
    owner, path = Api(place.owner), f"queues/queues/{place.queue.pk}/outage/"
    assert owner.post(path, {"day": "soon"}).status_code == 400
    assert owner.ok(path, {"reason": "Coupure"})["state"] == "closed"
    operations.expire_tickets(queue_id=place.queue.pk, now=NOW)
    mine = Api(token=token_of(ticket.pk))
    assert mine.get(f"queues/tickets/{ticket.pk}/").json()["returns_on"] == "2026-11-24"
    refused = mine.post(f"queues/tickets/{ticket.pk}/use-return/")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_return_ticket")
    entrance.at = MORROW
    reopen(place)
    key = {"Idempotency_Key": "0192f2a0-0000-7000-8000-000000000001"}
    first, again = (mine.post(f"queues/tickets/{ticket.pk}/use-return/", **key) for _ in range(2))
    assert first.status_code == 201
    assert again.json() == first.json()
    assert first.json()["token"] == token_of(UUID(first.json()["id"]))

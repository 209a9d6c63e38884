"""What people hear of their place in line, and managers of a long one."""

import dataclasses
from datetime import timedelta

import pytest

from smartqueue.accounts.actor import Actor, ActorKind
from smartqueue.accounts.models import User
from smartqueue.common import clock
from smartqueue.common.crypto import decrypt
from smartqueue.common.errors import NotFound, Problem
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.models import BatchChunk, Notification, OutgoingMessage
from smartqueue.notifications.queries import BODY_PURPOSE
from smartqueue.notifications.tests.test_devices import browser
from smartqueue.outbox import registry
from smartqueue.outbox.events import Event, class_of, rebuild
from smartqueue.outbox.models import Delivery, DomainEvent
from smartqueue.queues import notices, operations
from smartqueue.queues.models import Queue
from smartqueue.queues.tests.factories import NOW, Place, join, make_actor, make_place, sit_down

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def place() -> Place:
    return make_place()


def hear(times: int = 1) -> None:
    """Let this module's handlers hear every event so far, as often."""
    for row in DomainEvent.objects.filter(type__startswith="queues.").order_by("pk"):
        event = event_of(row)
        for handler in registry.handlers_for(event):
            if handler.run.__module__ == notices.__name__:
                for _ in range(times):
                    handler.run(event)


def event_of(row: DomainEvent) -> Event:
    envelope = {
        "organization_id": row.organization_id,
        "subject_version": row.subject_version,
        "occurred_at": row.occurred_at,
        "actor": row.actor,
    }
    return rebuild(class_of(row.type), envelope, row.payload)


def phone(number: int) -> str:
    return f"+22177123450{number}"


def sent(number: int) -> list[str]:
    rows = OutgoingMessage.objects.filter(recipient=phone(number)).order_by("pk")
    return [row.template for row in rows]


def words(number: int, code: str) -> str:
    row = OutgoingMessage.objects.get(recipient=phone(number), template=code)
    return decrypt(row.sealed_body, BODY_PURPOSE)


def test_a_line_hears_of_joining_coming_near_and_the_call_each_once(
    place, django_assert_num_queries
):
    tickets = [join(place, phone=phone(n), language="fr") for n in range(6)]
    join(place)
    seat = {"actor": place.agent, "session_id": sit_down(place).pk, "now": LATER}
    hear(2)
    assert [sent(n) for n in range(6)] == [["ticket_joined"]] * 6
    assert tickets[3].number in words(3, "ticket_joined")
    assert f"{place.branch.name} : " in words(3, "ticket_joined")

    called = operations.call_next_for_session(**seat)
    assert called.pk == tickets[0].pk
    hear(2)
    assert sent(0) == ["ticket_joined", "ticket_called"]
    assert place.counters[0].name in words(0, "ticket_called")
    assert [sent(n)[1:] for n in range(1, 6)] == [["ticket_near"]] * 4 + [[]]

    event = event_of(DomainEvent.objects.get(type="queues.ticket.called.v1"))
    # The line and what was told already: as many however long it is.
    with django_assert_num_queries(2):
        notices._tell_next_ones(event)

    operations.mark_no_show(actor=place.agent, ticket_id=called.pk, now=LATER)
    hear()
    assert sent(0)[-1] == "ticket_missed"
    second = operations.call_next_for_session(**seat)
    hear()
    assert second.pk == tickets[1].pk
    # Who had three before them hears again when one is left; the sixth hears of three.
    assert sent(3).count("ticket_near") == 2
    assert sent(5) == ["ticket_joined", "ticket_near"]
    operations.recall_ticket(actor=place.agent, ticket_id=second.pk, now=LATER)
    hear()
    assert sent(1)[-1] == "ticket_recalled"


def test_who_is_near_is_told_in_time_also_by_a_handler_that_runs_late(place):
    join(place)
    join(place, phone=phone(1))
    session = sit_down(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=LATER)
    event = event_of(DomainEvent.objects.get(type="queues.ticket.called.v1"))
    before = clock.now() - timedelta(hours=1)
    notices.on_ticket_called_tell(dataclasses.replace(event, occurred_at=before))
    near = OutgoingMessage.objects.get(recipient=phone(1), template="ticket_near")
    assert near.expires_at > clock.now()


def test_who_is_near_and_left_no_number_is_told_in_their_browser(place):
    join(place)
    watched, _unwatched = join(place), join(place)
    holder = Actor(kind=ActorKind.TICKET, ticket_id=watched.pk)
    notifications.add_browser(actor=holder, subscription=browser(), now=NOW)
    operations.watch_ticket(ticket_id=watched.pk)
    session = sit_down(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=LATER)
    hear()
    near = OutgoingMessage.objects.get(template="ticket_near")
    assert near.channel == "web_push"


def test_who_missed_two_turns_before_it_was_told_hears_of_one(place):
    ticket = join(place, phone=phone(1))
    seat = {"actor": place.agent, "session_id": sit_down(place).pk}
    own = {"actor": place.agent, "ticket_id": ticket.pk}
    for minute in (1, 3):
        at = NOW + timedelta(minutes=minute)
        operations.call_next_for_session(now=at, **seat)
        operations.mark_no_show(now=at, **own)
        if minute == 1:
            operations.resume_ticket(now=at + timedelta(minutes=1), **own)
    missed = DomainEvent.objects.filter(type="queues.ticket.no_show.v1").order_by("-pk")
    for row in missed:
        notices.on_ticket_moved_withdraw(event_of(row))
        notices.on_ticket_missed_tell(event_of(row))
    assert sent(1) == ["ticket_missed"]


def test_nobody_to_be_reached_costs_the_hot_path_no_delivery(place):
    join(place)
    named = Delivery.objects.filter(handler__startswith="queues.on_ticket_issued_tell")
    assert not named.exists()
    join(place, phone=phone(1))
    assert named.count() == 1


def test_an_interruption_and_the_end_are_told_to_who_waits(place):
    actor = make_actor()
    join(place, actor=actor)
    join(place, phone=phone(1), language="ar")
    operations.pause_queue(actor=place.owner, queue_id=place.queue.pk, now=LATER)
    hear()
    assert sent(1)[-1] == "queue_paused"
    operations.open_queue(
        actor=place.owner, queue_id=place.queue.pk, now=LATER + timedelta(minutes=5)
    )
    hear()
    assert sent(1)[-1] == "queue_resumed"
    operations.close_queue(
        actor=place.owner, queue_id=place.queue.pk, now=LATER + timedelta(minutes=9)
    )
    operations.expire_tickets(queue_id=place.queue.pk, now=LATER + timedelta(minutes=9))
    hear(2)
    assert sent(1) == ["ticket_joined", "queue_paused", "queue_resumed", "ticket_expired"]
    assert f"/b/{place.branch.slug}/" in words(1, "ticket_expired")
    codes = Notification.objects.filter(user_id=actor.user_id).values_list("code", flat=True)
    assert set(codes) == {"ticket_joined", "queue_paused", "queue_resumed", "ticket_expired"}


def test_a_long_line_hears_no_more_of_an_interruption_that_is_over(place, monkeypatch):
    for number in range(4):
        join(place, phone=phone(number))
    operations.pause_queue(actor=place.owner, queue_id=place.queue.pk, now=LATER)
    paused = event_of(DomainEvent.objects.get(type="queues.queue.paused.v1"))
    tell = notices._tell

    def told_and_opened(ticket, *args, **more):
        tell(ticket, *args, **more)
        if Queue.objects.with_scopes_disabled().get(pk=place.queue.pk).state != "open":
            operations.open_queue(actor=place.owner, queue_id=place.queue.pk, now=LATER)

    monkeypatch.setattr(notices, "_AT_ONCE", 2)
    monkeypatch.setattr(notices, "_tell", told_and_opened)
    notices.on_queue_paused_tell(paused)
    assert [sent(number) for number in range(4)] == [["queue_paused"]] * 2 + [[]] * 2


def test_managers_hear_once_a_spell_of_a_long_line(place):
    operations.set_long_line(actor=place.owner, queue_id=place.queue.pk, people=3)
    with pytest.raises(NotFound):
        operations.set_long_line(actor=make_actor(), queue_id=place.queue.pk, people=3)
    tickets = [join(place, phone=phone(n)) for n in range(3)]
    assert operations.watch_long_lines(now=LATER) == 1
    assert operations.watch_long_lines(now=LATER) == 0
    hear(2)
    owner = User.objects.get(pk=place.owner.user_id)
    (told,) = Notification.objects.filter(user=owner, code="queue_long")
    assert told.data["waiting"] == "3"
    operations.cancel_ticket(actor=place.owner, ticket_id=tickets[0].pk, now=LATER)
    assert operations.watch_long_lines(now=LATER) == 0
    join(place, phone=phone(7))
    assert operations.watch_long_lines(now=LATER) == 1
    assert Queue.objects.with_scopes_disabled().get(pk=place.queue.pk).waiting_count == 3


def test_staff_write_to_everybody_who_waits(place):
    join(place, phone=phone(1))
    join(place, phone=phone(2))
    join(place)
    make = operations.write_to_waiting
    told = {"queue_id": place.queue.pk, "text": "Le guichet 3 ouvre.", "now": LATER}
    batch = make(actor=place.owner, **told)
    assert batch.total == 2
    assert BatchChunk.objects.with_scopes_disabled().filter(batch=batch).count() == 1
    with pytest.raises(NotFound):
        make(actor=make_actor(), **told)
    with pytest.raises(Problem):
        make(actor=place.owner, **told | {"text": "x" * 700})

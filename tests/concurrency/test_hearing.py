"""Who asks to be told while they are called hears of the call."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.notifications.tests.test_devices import browser
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import operations
from smartqueue.queues.operations import calling
from smartqueue.queues.tests.factories import NOW, join, make_place, sit_down
from tests.concurrency.races import PATIENCE_SECONDS, errors_of, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


def test_a_browser_that_asks_while_its_ticket_is_being_called_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = make_place()
    ticket, session = join(place), sit_down(place)
    holder = Actor(kind=ActorKind.TICKET, ticket_id=ticket.pk)
    called, noted = threading.Event(), threading.Event()
    call = calling._call

    def slow_call(*args: Any) -> Any:
        result = call(*args)
        called.set()
        # Who notes the browser either does it beside this call, or waits for its end.
        noted.wait(0.5)
        return result

    monkeypatch.setattr(calling, "_call", slow_call)

    def caller() -> None:
        operations.call_next_for_session(
            actor=place.agent, session_id=session.pk, now=NOW + timedelta(minutes=1)
        )

    def watcher() -> None:
        called.wait(PATIENCE_SECONDS)
        notifications.add_browser(
            actor=holder, subscription=browser(), now=NOW + timedelta(minutes=1)
        )
        carry_due(HandlerMode.DATABASE)
        noted.set()

    assert errors_of(together([caller, watcher])) == []
    carry_due(HandlerMode.DATABASE)

    ticket.refresh_from_db()
    assert (ticket.state, ticket.is_watched) == ("called", True)
    assert OutgoingMessage.objects.filter(template="ticket_called").count() == 1

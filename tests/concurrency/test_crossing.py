"""Two whose steps cross do not both miss the other: one waits, and sees what the first has done."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.business import operations as business
from smartqueue.business.models import Membership
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.notifications.tests.test_devices import browser
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import operations
from smartqueue.queues.models import CounterSession, Queue, TicketStep
from smartqueue.queues.operations import calling, configuring, sessions
from smartqueue.queues.tests.factories import NOW, join, make_actor, make_place, sit_down
from tests.concurrency.races import PATIENCE_SECONDS, errors_of, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


LATER = NOW + timedelta(minutes=1)


class Crossing:
    """Lets a second step be done before a first one commits, or wait for it if it must."""

    def __init__(self) -> None:
        self.is_written, self.is_over = threading.Event(), threading.Event()

    def slowed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a part of the first step, the last before its commit."""

        def slowly(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self.is_written.set()
            self.is_over.wait(0.5)
            return result

        return slowly

    def run(self, first: Callable[[], object], second: Callable[[], object]) -> list[str]:
        """Do both, and what follows; return the names of the errors."""

        def crosses() -> None:
            self.is_written.wait(PATIENCE_SECONDS)
            second()
            carry_due(HandlerMode.DATABASE)
            self.is_over.set()

        errors = errors_of(together([first, crosses]))
        carry_due(HandlerMode.DATABASE)
        return errors


def test_a_browser_that_asks_while_its_ticket_is_being_called_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, crossing = make_place(), Crossing()
    ticket, session = join(place), sit_down(place)
    holder = Actor(kind=ActorKind.TICKET, ticket_id=ticket.pk)
    monkeypatch.setattr(calling, "_call", crossing.slowed(calling._call))

    errors = crossing.run(
        lambda: operations.call_next_for_session(
            actor=place.agent, session_id=session.pk, now=LATER
        ),
        lambda: notifications.add_browser(actor=holder, subscription=browser(), now=LATER),
    )

    assert errors == []

    ticket.refresh_from_db()
    assert (ticket.state, ticket.is_watched) == ("called", True)
    assert OutgoingMessage.objects.filter(template="ticket_called").count() == 1


def test_a_call_that_crosses_an_erasure_writes_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, crossing = make_place(), Crossing()
    person = make_actor()
    ticket, session = join(place, actor=person), sit_down(place)
    operations.update_ticket(actor=place.agent, ticket_id=ticket.pk, note="remark")
    monkeypatch.setattr(calling, "_call", crossing.slowed(calling._call))

    errors = crossing.run(
        lambda: operations.call_next_for_session(
            actor=place.agent, session_id=session.pk, now=LATER
        ),
        lambda: operations.forget_person(user_id=person.require_user()),
    )

    assert errors == []
    ticket.refresh_from_db()
    assert (ticket.state, ticket.customer_id, ticket.note) == ("called", None, "")
    assert not TicketStep.objects.with_scopes_disabled().exists()


def test_who_sits_down_while_being_removed_does_not_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, crossing = make_place(), Crossing()
    membership = Membership.objects.with_scopes_disabled().get(user=place.agent.user_id)
    monkeypatch.setattr(sessions, "_tell", crossing.slowed(sessions._tell))

    errors = crossing.run(
        lambda: sit_down(place),
        lambda: business.remove_member(actor=place.owner, membership_id=membership.pk, now=LATER),
    )

    assert errors == []
    assert CounterSession.objects.with_scopes_disabled().get().state == "ended"
    place.queue.refresh_from_db()
    assert place.queue.open_counters == 0


def test_a_queue_that_is_made_while_its_branch_closes_is_retired_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, crossing = make_place(), Crossing()
    slowed = crossing.slowed(configuring._set_vehicle_categories)
    monkeypatch.setattr(configuring, "_set_vehicle_categories", slowed)
    made = {"name": "B", "prefix": "B", "services": [place.service.pk], "now": NOW}

    errors = crossing.run(
        lambda: operations.create_queue(actor=place.owner, branch_id=place.branch.pk, **made),
        lambda: business.close_branch(actor=place.owner, branch_id=place.branch.pk, now=LATER),
    )

    assert errors == []
    assert not Queue.objects.with_scopes_disabled().filter(retired_at=None).exists()

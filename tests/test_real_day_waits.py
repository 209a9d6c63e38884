"""
A real day through the product: people join, look, are called and served as the table says; what
they were shown is scored by the handlers, and the intervals hold.

The day's clock is passed to every operation, so that it takes as long as the work itself.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from django.test import Client

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import User
from smartqueue.analytics import operations as analytics
from smartqueue.common import clock, tenancy
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.relay import carry_due
from smartqueue.queues import estimates, operations, queries
from smartqueue.queues.management.commands._real_day import Step, read_day, steps_of
from smartqueue.queues.models import CounterSession, ShownEstimate, Ticket
from smartqueue.queues.tests.factories import Place, join, make_place, sit_down

pytestmark = [pytest.mark.serial, pytest.mark.django_db]

MIDNIGHT: Final = datetime(2026, 11, 23, tzinfo=UTC)
LEARNING_UNTIL: Final = 11 * 3600.0
LOOKS_EVERY: Final = 300.0
WALK: Final = 25.0
LONGEST_SERVICE: Final = 600.0


@dataclass
class Counter:
    """A counter of the day; `ticket` is who is there."""

    index: int
    session: CounterSession
    ticket: Ticket | None = None
    called_at: float = 0.0
    started: bool = False

    @property
    def due_at(self) -> float:
        return self.called_at + (LONGEST_SERVICE if self.started else WALK)


@dataclass
class Day:
    """The day in progress, carried out by operations and the handlers of their events."""

    place: Place
    counters: list[Counter] = field(default_factory=list)
    looked_at: float = 0.0

    def run(self, steps: list[Step]) -> None:
        for step in steps:
            self._catch_up(step.at)
            now = at(step.at)
            estimates.forget_profiles()
            match step.kind:
                case "join":
                    join(self.place, now=now, actor=self.place.owner)
                case "counters":
                    self._staff(step.counters, step.at)
                case "call":
                    self._call(step.at)
            self.learn(step.at)

    def learn(self, moment: float) -> None:
        """Let the workers note what has happened and learn what stands by then."""
        carry_due(HandlerMode.DATABASE)
        while operations.learn_lessons(queue_id=self.place.queue.pk, now=at(moment)) is not None:
            pass

    def _catch_up(self, until: float) -> None:
        """Let counters move on and people look at their tickets until a moment."""
        while True:
            busy = [counter for counter in self.counters if counter.ticket]
            counter = min(busy, key=lambda one: one.due_at, default=None)
            looks_at = self.looked_at + LOOKS_EVERY
            if counter is not None and counter.due_at <= min(until, looks_at):
                self._advance(counter, counter.due_at)
            elif looks_at <= until:
                self.looked_at = looks_at
                self._look(looks_at)
            else:
                return

    def _look(self, moment: float) -> None:
        estimates.forget_profiles()
        with tenancy.organizations([self.place.organization.pk]):
            waiting = list(queries.list_tickets().filter(state="waiting"))
            queries.ticket_views(waiting, at(moment))

    def _staff(self, wanted: int, moment: float) -> None:
        while len(self.counters) > wanted:
            counter = self.counters.pop()
            while counter.ticket:
                self._advance(counter, moment)
            operations.end_session(
                actor=self.place.agents[counter.index],
                session_id=counter.session.pk,
                now=at(moment),
            )
        while len(self.counters) < wanted:
            index = len(self.counters)
            self.counters.append(Counter(index, sit_down(self.place, index, now=at(moment))))

    def _call(self, moment: float) -> None:
        counter = min(self.counters, key=lambda one: (one.ticket is not None, one.called_at))
        while counter.ticket:
            self._advance(counter, moment)
        counter.ticket = operations.call_next_for_session(
            actor=self.place.agents[counter.index],
            session_id=counter.session.pk,
            now=at(moment),
        )
        counter.called_at, counter.started = moment, False

    def _advance(self, counter: Counter, moment: float) -> None:
        assert counter.ticket is not None
        step = operations.complete_ticket if counter.started else operations.start_ticket
        step(
            actor=self.place.agents[counter.index],
            ticket_id=counter.ticket.pk,
            now=at(moment),
        )
        if counter.started:
            counter.ticket = None
        counter.started = True


def at(second: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=second)


@pytest.fixture
def day() -> Iterator[Day]:
    estimates.forget_profiles()
    yield Day(make_place(agents=3))
    estimates.forget_profiles()


def test_the_intervals_of_a_real_day_hold_after_the_first_hours(
    day: Day, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = steps_of(read_day())
    day.run(steps)

    day.learn(steps[-1].at + 3600)
    place = day.place
    rows: Any = ShownEstimate.objects.with_scopes_disabled().filter(queue=place.queue)
    later = rows.filter(made_at__gte=at(LEARNING_UNTIL))
    inside = sum(row.low <= row.waited <= row.high for row in later)
    coverage = inside / later.count()
    end = at(steps[-1].at)
    analytics.count_wait_accuracy(actor=place.owner, queue_id=place.queue.pk, now=end)
    monkeypatch.setattr(clock, "now", lambda: end)
    told = answered(place, end)
    lines = [f"{later.count()} shown waits after the first hours, {coverage:.3f} in the interval"]
    lines += [f"{name}: {told[name]['figures']}" for name in told]
    lines.append(f"mean errors in seconds: {told['joining']['comparison']}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")

    assert rows.filter(at_joining=True).count() > 120
    assert later.count() > 100
    assert 0.70 <= coverage <= 0.90
    assert told["all"]["figures"]["estimates"] == rows.count()
    comparison = told["joining"]["comparison"]
    assert comparison["ours"] < comparison["by_last"]
    assert comparison["ours"] < comparison["by_people"]


def answered(place: Place, now: datetime) -> dict[str, Any]:
    """Return what the API says of the day."""
    user = User.objects.get(pk=place.owner.user_id)
    access = accounts.sign_in(user=user, device=Device(), now=now).access
    client = Client(headers={"Authorization": f"Bearer {access}"})
    path = f"/api/analytics/wait-accuracy/?queue={place.queue.pk}"
    found = {}
    for name in ("joining", "waiting", "all"):
        (found[name],) = client.get(f"{path}&shown={name}").json()["results"]
    return found

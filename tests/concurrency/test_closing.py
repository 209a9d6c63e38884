"""A line that closes, and a busy day on it, leave every figure as tickets and sessions say."""

import contextlib
import random
from datetime import timedelta

import pytest

from smartqueue.common.errors import Conflict, InvalidInput, NotFound
from smartqueue.queues import operations
from smartqueue.queues.errors import QueueClosed
from smartqueue.queues.models import Queue, Ticket
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, make_queue, sit_down
from tests.checks import check_queue_truth
from tests.concurrency.races import errors_of, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

LATER = NOW + timedelta(minutes=5)


def states(queue: Queue) -> set[str]:
    rows = Ticket.objects.with_scopes_disabled().filter(queue=queue)
    return set(rows.values_list("state", flat=True))


def test_closing_while_people_join_and_are_called_leaves_nobody_waiting():
    place = make_place(agents=4, policy="fifo")
    for _ in range(40):
        join(place)
    sessions = [sit_down(place, index) for index in range(4)]

    def join_until_closed() -> None:
        with contextlib.suppress(QueueClosed):
            for _ in range(40):
                join(place)

    def call_until_empty(index: int) -> None:
        while ticket := operations.call_next_for_session(
            actor=place.agents[index], session_id=sessions[index].pk, now=LATER
        ):
            acting = {"actor": place.agents[index], "ticket_id": ticket.pk, "now": LATER}
            operations.start_ticket(**acting)
            operations.complete_ticket(**acting)

    def close_and_expire() -> int:
        operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=LATER)
        ended = 0
        while count := operations.expire_tickets(queue_id=place.queue.pk, now=LATER, limit=7):
            ended += count
        return ended

    outcomes = together(
        [
            *[join_until_closed] * 4,
            *[lambda i=i: call_until_empty(i) for i in range(4)],
            *[close_and_expire] * 2,
        ]
    )

    assert errors_of(outcomes) == []
    assert states(place.queue) <= {"completed", "expired"}
    check_queue_truth(place.queue.pk)


class Day:
    """Random legal and illegal steps of one agent and of the people in line."""

    def __init__(self, place: Place, queues: list[Queue], index: int) -> None:
        self.place, self.queues, self.index = place, queues, index
        self.random = random.Random(index)  # one seed for each thread
        self.session = sit_down(place, index)
        self.agent = place.agents[index]
        self.refused = 0

    def run(self, steps: int) -> int:
        for _ in range(steps):
            try:
                self.step()
            except (InvalidInput, NotFound, Conflict):
                self.refused += 1
        return self.refused

    def step(self) -> None:
        queue = self.random.choice(self.queues)
        choice = self.random.randrange(12)
        if choice < 4:
            priority = self.random.choice(["ordinary", "elderly", "urgent"])
            join(self.place, queue_id=queue.pk, priority=priority, actor=self.agent)
        elif choice < 7:
            operations.call_next_for_session(
                actor=self.agent, session_id=self.session.pk, now=LATER
            )
        else:
            self.change(queue, choice)

    def change(self, queue: Queue, choice: int) -> None:
        rows = Ticket.objects.with_scopes_disabled().filter(branch=self.place.branch)
        pks = list(rows.values_list("pk", flat=True))
        if not pks:
            return
        ticket_id = self.random.choice(pks)
        mine = rows.filter(session=self.session, state__in=("called", "serving")).first()
        if mine is not None and self.random.random() < 0.6:
            ticket_id = mine.pk
        on_ticket = {"actor": self.agent, "ticket_id": ticket_id, "now": LATER}
        name = self.random.choice(
            [
                "start_ticket",
                "complete_ticket",
                "recall_ticket",
                "mark_no_show",
                "park_ticket",
                "resume_ticket",
                "return_ticket",
                "cancel_ticket",
                "give_more_time",
                "undo_step",
                "transfer_ticket",
            ]
        )
        extra = {"target_queue_id": queue.pk} if name == "transfer_ticket" else {}
        getattr(operations, name)(**on_ticket, **extra)


def test_any_mix_of_steps_at_once_leaves_the_truth():
    place = make_place(agents=8)
    queues = [place.queue, make_queue(place, "B", policy="one_in_n")]
    days = [Day(place, queues, index) for index in range(8)]

    outcomes = together([lambda d=d: d.run(40) for d in days])

    assert errors_of(outcomes) == []
    assert sum(outcome.get() for outcome in outcomes) < 8 * 40 * 3 / 4
    assert len(states(place.queue)) >= 4
    check_queue_truth(*(queue.pk for queue in queues))

"""
Random days at a branch with two queues and two agents, against a model in plain Python.

After every step the answers, the order of the line, the counts and what the screens were told are
compared; at the end every table is.
"""

import dataclasses
import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from smartqueue.common.errors import Problem
from smartqueue.queues import live, operations, queries
from smartqueue.queues.enums import TRANSITIONS, TicketState
from smartqueue.queues.models import CounterSession, Queue, Ticket
from smartqueue.queues.tests.factories import NOW, join, make_place, make_queue, sit_down
from smartqueue.realtime.models import TopicEvent
from tests.checks import check_queue_truth, message_of

pytestmark = pytest.mark.no_cover

S = TicketState
MICROSECOND = timedelta(microseconds=1)
HEAD_START = timedelta(minutes=15)
CAP, MAX_CALLS, MORE_TIME, GRACE = 2, 2, 1, timedelta(minutes=15)
AT_COUNTER = {S.CALLED, S.SERVING}
EXAMPLES = int(os.environ.get("SMARTQUEUE_TEST_DAYS", "25"))


class Refused(Exception):
    """The model expects this code."""


@dataclasses.dataclass
class Step:
    agent: int
    to_state: TicketState
    before: dict[str, Any]
    at: datetime
    undone: bool = False


@dataclasses.dataclass
class Person:
    """A ticket as the model has it."""

    id: UUID
    number: str
    queue: int
    day: Any
    key: datetime
    state: TicketState = S.WAITING
    overtaken: int = 0
    counter: int | None = None
    calls: int = 0
    more_time: int = 0
    ended_at: datetime | None = None
    steps: list[Step] = dataclasses.field(default_factory=list)

    @property
    def place(self) -> tuple[datetime, UUID]:
        return self.key, self.id

    def move(self, to: TicketState) -> None:
        if to not in TRANSITIONS[self.state]:
            raise Refused("illegal_transition")
        self.state = to

    def remember(self, agent: int, to: TicketState, at: datetime) -> Step:
        kept = ("state", "counter", "calls", "key", "ended_at")
        return Step(agent, to, {name: getattr(self, name) for name in kept}, at)


class Model:
    """What should happen; raises `Refused` with the code of the refusal."""

    def __init__(self, policy: str, rules: dict[str, str]) -> None:
        self.policy, self.rules = policy, rules
        self.queues = ["open", "open"]
        self.sessions: list[str | None] = [None, None]
        self.sequences: dict[tuple[int, Any], int] = {}
        self.people: dict[UUID, Person] = {}

    def line(self, queue: int) -> list[Person]:
        waiting = (p for p in self.people.values() if p.queue == queue and p.state is S.WAITING)
        return sorted(waiting, key=lambda p: p.place)

    def at_counter(self, counter: int) -> list[Person]:
        return [p for p in self.people.values() if p.counter == counter and p.state in AT_COUNTER]

    def join(self, queue: int, priority: str, now: datetime) -> tuple[str, datetime]:
        if self.queues[queue] != "open":
            raise Refused(f"queue_{self.queues[queue]}")
        sequence = self.sequences.get((queue, now.date()), 0) + 1
        self.sequences[queue, now.date()] = sequence
        return f"{'AB'[queue]}{sequence:03d}", self._key(queue, priority, now)

    def _key(self, queue: int, priority: str, now: datetime) -> datetime:
        if priority == "urgent":
            return now - timedelta(days=1)
        if priority == "ordinary" or self.policy == "fifo":
            return now
        wanted = now - HEAD_START
        spent = [p.key for p in self.line(queue) if p.key >= wanted and p.overtaken >= CAP]
        key = max(spent) + MICROSECOND if spent else wanted
        for person in self.line(queue):
            person.overtaken += person.key >= key
        return key

    def ready(self, agent: int) -> None:
        if self.sessions[agent] != "open":
            raise Refused("session_not_open")
        if self.at_counter(agent):
            raise Refused("counter_busy")

    def heads(self) -> list[Person]:
        lines = [self.line(queue) for queue in (0, 1) if self.queues[queue] != "paused"]
        return [line[0] for line in lines if line]

    def seat(self, person: Person, agent: int, now: datetime) -> None:
        person.steps.append(person.remember(agent, S.CALLED, now))
        person.move(S.CALLED)
        person.counter, person.calls = agent, 1

    def call(self, person: Person, agent: int, now: datetime) -> None:
        if person.state not in {S.WAITING, S.PARKED}:
            raise Refused("ticket_not_waiting")
        if self.queues[person.queue] == "paused":
            raise Refused("queue_paused")
        self.ready(agent)
        self.seat(person, agent, now)

    def recall(self, person: Person, now: datetime) -> None:
        if person.state is not S.CALLED:
            raise Refused("illegal_transition")
        if person.calls >= MAX_CALLS:
            self.miss(person, now)
        else:
            person.calls += 1

    def miss(self, person: Person, now: datetime) -> None:
        step = person.remember(person.counter or 0, S.NO_SHOW, now)
        person.move(S.NO_SHOW)
        person.steps.append(step)
        person.counter, person.ended_at = None, now

    def start(self, person: Person, now: datetime) -> None:
        step = person.remember(person.counter or 0, S.SERVING, now)
        person.move(S.SERVING)
        person.steps.append(step)

    def complete(self, person: Person, now: datetime) -> None:
        step = person.remember(person.counter or 0, S.COMPLETED, now)
        person.move(S.COMPLETED)
        person.steps.append(step)
        person.ended_at = now

    def park(self, person: Person) -> None:
        person.move(S.PARKED)
        person.counter = None

    def resume(self, person: Person, now: datetime) -> None:
        if person.state is S.NO_SHOW:
            if self.queues[person.queue] == "closed":
                raise Refused("queue_closed")
            if now - person.ended_at > GRACE:
                raise Refused("grace_over")
            if self.rules["after_no_show"] == "last":
                person.key = now
        elif person.state is not S.PARKED:
            raise Refused("illegal_transition")
        person.move(S.WAITING)
        person.ended_at = None

    def give_back(self, person: Person, to: str, now: datetime) -> None:
        if person.state not in AT_COUNTER:
            raise Refused("illegal_transition")
        line = self.line(person.queue)
        first = min(line[0].key - MICROSECOND, now) if line else now
        person.move(S.WAITING)
        person.counter = None
        person.key = now if to == "last" else min(first, person.key)

    def transfer(self, person: Person, queue: int, now: datetime) -> None:
        if person.queue == queue:
            raise Refused("invalid_input")
        if self.queues[queue] == "closed":
            raise Refused("queue_closed")
        if person.state not in {S.WAITING, *AT_COUNTER}:
            raise Refused("illegal_transition")
        person.state, person.queue, person.counter = S.WAITING, queue, None
        if self.rules["after_transfer"] == "last":
            person.key = now

    def cancel(self, person: Person, now: datetime) -> None:
        person.move(S.CANCELLED)
        person.counter, person.ended_at = None, now

    def more_time(self, person: Person, people: int) -> None:
        if person.state is not S.WAITING:
            raise Refused("illegal_transition")
        if person.more_time >= MORE_TIME:
            raise Refused("more_time_exhausted")
        person.more_time += 1
        behind = [p.key for p in self.line(person.queue) if p.key > person.key][:people]
        if behind:
            person.key = behind[-1] + MICROSECOND

    def undo(self, person: Person, agent: int, now: datetime) -> None:
        steps = [step for step in person.steps if not step.undone]
        step = steps[-1] if steps else None
        if (
            step is None
            or step.agent != agent
            or now - step.at > timedelta(minutes=2)
            or person.state is not step.to_state
        ):
            raise Refused("nothing_to_undo")
        back = step.before
        if back["state"] in AT_COUNTER:
            if self.sessions[back["counter"]] is None:
                raise Refused("nothing_to_undo")
            if any(other is not person for other in self.at_counter(back["counter"])):
                raise Refused("counter_busy")
        step.undone = True
        for name, value in back.items():
            setattr(person, name, value)

    def expire(self, queue: int, now: datetime) -> None:
        for person in self.people.values():
            if person.queue != queue or S.EXPIRED not in TRANSITIONS[person.state]:
                continue
            left = person.day < now.date()
            if left or (self.queues[queue] == "closed" and person.state not in AT_COUNTER):
                person.state, person.counter, person.ended_at = S.EXPIRED, None, now


AGENTS = st.integers(0, 1)
QUEUES = st.integers(0, 1)
ANYBODY = st.integers(0, 7)


class QueueMachine(RuleBasedStateMachine):
    """Every operation on tickets, queues and sessions, in any order."""

    @initialize(
        policy=st.sampled_from(["fifo", "head_start"]),
        after_no_show=st.sampled_from(["keep", "last"]),
        after_transfer=st.sampled_from(["keep", "last"]),
        people=st.integers(2, 5),
    )
    def begin(self, policy: str, people: int, **rules: str) -> None:
        shared: dict[str, Any] = {
            **rules,
            "policy": policy,
            "overtake_cap": CAP,
            "max_calls": MAX_CALLS,
            "more_time_limit": MORE_TIME,
            "no_show_grace_minutes": 15,
        }
        self.place = make_place(**shared)
        self.queues = [self.place.queue, make_queue(self.place, "B", **shared)]
        self.sessions: list[CounterSession | None] = [None, None]
        self.model = Model(policy, rules)
        self.now = NOW
        self.screens = [self.fresh(queue) for queue in self.queues]
        for number in range(people):
            self.join(queue=number % 3 // 2, priority="ordinary")
        self.sit_down(agent=0)

    # --- Carrying out a step in both worlds ---

    def attempt(self, expected: Any, actual: Any) -> Any:
        """Do the same in the model and for real; both succeed or both refuse alike."""
        self.now += timedelta(seconds=1)
        kept = {pk: dataclasses.replace(p) for pk, p in self.model.people.items()}
        try:
            wanted, code = expected(), None
        except Refused as refusal:
            wanted, code = None, str(refusal)
            self.model.people = kept
        try:
            got, refusal_code = actual(), None
        except Problem as problem:
            got, refusal_code = None, problem.code
        assert refusal_code == code
        return None if code else (wanted, got)

    def on_ticket(self, name: str, who: int, expected: Any, agent: int = 0, **extra: Any) -> None:
        person = self.somebody(who)
        self.attempt(
            lambda: expected(person),
            lambda: getattr(operations, name)(
                actor=self.place.agents[agent], ticket_id=person.id, now=self.now, **extra
            ),
        )

    def somebody(self, who: int) -> Person:
        """Return one of the latest people, sooner one whose ticket has not ended."""
        people = list(self.model.people.values())
        running = [p for p in people if p.ended_at is None]
        chosen = running if running and who % 4 else people
        return chosen[-1 - who % len(chosen)]

    def has_people(self) -> bool:
        return bool(self.model.people)

    # --- Joining and waiting ---

    @rule(queue=QUEUES, priority=st.sampled_from(["ordinary", "ordinary", "elderly", "urgent"]))
    def join(self, queue: int, priority: str) -> None:
        done = self.attempt(
            lambda: self.model.join(queue, priority, self.now),
            lambda: join(
                self.place,
                now=self.now,
                queue_id=self.queues[queue].pk,
                priority=priority,
                actor=self.place.agent,
            ),
        )
        if done is not None:
            (number, key), ticket = done
            assert ticket.number == number
            self.model.people[ticket.pk] = Person(ticket.pk, number, queue, self.now.date(), key)

    @precondition(has_people)
    @rule(who=ANYBODY, people=st.integers(1, 4))
    def more_time(self, who: int, people: int) -> None:
        self.on_ticket(
            "give_more_time", who, lambda p: self.model.more_time(p, people), people=people
        )

    @precondition(has_people)
    @rule(who=ANYBODY)
    def cancel(self, who: int) -> None:
        self.on_ticket("cancel_ticket", who, lambda p: self.model.cancel(p, self.now))

    # --- At the counters ---

    @rule(agent=AGENTS)
    def call_next(self, agent: int) -> None:
        session = self.sessions[agent]
        if session is None:
            return
        done = self.attempt(
            lambda: self.model.ready(agent),
            lambda: operations.call_next_for_session(
                actor=self.place.agents[agent], session_id=session.pk, now=self.now
            ),
        )
        if done is None:
            return
        heads = self.model.heads()
        called = done[1]
        if not heads:
            assert called is None
            return
        first = min(heads, key=lambda p: p.key).key
        assert called.pk in {p.id for p in heads if p.key == first}
        self.model.seat(self.model.people[called.pk], agent, self.now)

    @precondition(has_people)
    @rule(agent=AGENTS, who=ANYBODY)
    def call_one(self, agent: int, who: int) -> None:
        session = self.sessions[agent]
        if session is not None:
            self.on_ticket(
                "call_ticket",
                who,
                lambda p: self.model.call(p, agent, self.now),
                agent,
                session_id=session.pk,
            )

    @precondition(has_people)
    @rule(who=ANYBODY)
    def recall(self, who: int) -> None:
        self.on_ticket("recall_ticket", who, lambda p: self.model.recall(p, self.now))

    @precondition(has_people)
    @rule(who=ANYBODY)
    def start(self, who: int) -> None:
        self.on_ticket("start_ticket", who, lambda p: self.model.start(p, self.now))

    @precondition(has_people)
    @rule(who=ANYBODY)
    def complete(self, who: int) -> None:
        self.on_ticket("complete_ticket", who, lambda p: self.model.complete(p, self.now))

    @precondition(has_people)
    @rule(who=ANYBODY)
    def no_show(self, who: int) -> None:
        self.on_ticket("mark_no_show", who, lambda p: self.model.miss(p, self.now))

    @precondition(has_people)
    @rule(who=ANYBODY)
    def park(self, who: int) -> None:
        self.on_ticket("park_ticket", who, self.model.park)

    @precondition(has_people)
    @rule(who=ANYBODY)
    def resume(self, who: int) -> None:
        self.on_ticket("resume_ticket", who, lambda p: self.model.resume(p, self.now))

    @precondition(has_people)
    @rule(who=ANYBODY, to=st.sampled_from(["first", "last"]))
    def give_back(self, who: int, to: str) -> None:
        self.on_ticket("return_ticket", who, lambda p: self.model.give_back(p, to, self.now), to=to)

    @precondition(has_people)
    @rule(who=ANYBODY, queue=QUEUES)
    def transfer(self, who: int, queue: int) -> None:
        self.on_ticket(
            "transfer_ticket",
            who,
            lambda p: self.model.transfer(p, queue, self.now),
            target_queue_id=self.queues[queue].pk,
        )

    @precondition(has_people)
    @rule(who=ANYBODY, agent=AGENTS)
    def undo(self, who: int, agent: int) -> None:
        self.on_ticket("undo_step", who, lambda p: self.model.undo(p, agent, self.now), agent)

    # --- Sessions ---

    @rule(agent=AGENTS)
    def sit_down(self, agent: int) -> None:
        if self.sessions[agent] is None:
            self.now += timedelta(seconds=1)
            self.sessions[agent] = sit_down(self.place, agent, now=self.now)
            self.model.sessions[agent] = "open"

    @rule(agent=AGENTS)
    def take_break(self, agent: int) -> None:
        self.change_session(agent, operations.take_break, "on_break")

    @rule(agent=AGENTS)
    def come_back(self, agent: int) -> None:
        session = self.sessions[agent]
        if session is not None:
            self.now += timedelta(seconds=1)
            operations.resume_session(
                actor=self.place.agents[agent], session_id=session.pk, now=self.now
            )
            self.model.sessions[agent] = "open"

    @rule(agent=AGENTS)
    def leave(self, agent: int) -> None:
        if self.change_session(agent, operations.end_session, None):
            self.sessions[agent] = None

    def change_session(self, agent: int, change: Any, to: str | None) -> bool:
        session = self.sessions[agent]
        if session is None:
            return False

        def expected() -> None:
            if to == "on_break" and self.model.sessions[agent] != "open":
                raise Refused("session_not_open")
            if self.model.at_counter(agent):
                raise Refused("counter_busy")
            self.model.sessions[agent] = to

        return (
            self.attempt(
                expected,
                lambda: change(actor=self.place.agents[agent], session_id=session.pk, now=self.now),
            )
            is not None
        )

    # --- The queue and the clock ---

    @rule(queue=QUEUES, state=st.sampled_from(["open", "open", "paused", "closed"]))
    def set_state(self, queue: int, state: str) -> None:
        self.now += timedelta(seconds=1)
        change = {
            "open": operations.open_queue,
            "paused": operations.pause_queue,
            "closed": operations.close_queue,
        }[state]
        change(actor=self.place.owner, queue_id=self.queues[queue].pk, now=self.now)
        self.model.queues[queue] = state

    @rule(queue=QUEUES)
    def expire(self, queue: int) -> None:
        self.now += timedelta(seconds=1)
        while operations.expire_tickets(queue_id=self.queues[queue].pk, now=self.now, limit=2):
            pass
        self.model.expire(queue, self.now)

    @rule(minutes=st.sampled_from([1, 3, 16]))
    def wait(self, minutes: int) -> None:
        midnight = self.now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        self.now = min(self.now + timedelta(minutes=minutes), midnight - timedelta(seconds=1))

    @rule()
    def sleep(self) -> None:
        self.now = (self.now + timedelta(days=1)).replace(hour=9, minute=0, second=0)
        for queue in (0, 1):
            self.expire(queue)

    # --- What must hold after every step ---

    def fresh(self, queue: Queue) -> dict[str, Any]:
        status = queries.queue_status(queue.pk, self.now)
        return {k: v for k, v in status.items() if k not in {"estimate", "updated_at"}}

    @invariant()
    def lines_are_as_modelled(self) -> None:
        tickets = Ticket.objects.with_scopes_disabled()
        for index, queue in enumerate(self.queues):
            waiting = tickets.filter(queue=queue, state="waiting").order_by("order_key", "id")
            assert [t.number for t in waiting] == [p.number for p in self.model.line(index)]
        for ticket in tickets.filter(branch=self.place.branch):
            person = self.model.people[ticket.pk]
            at_counter = ticket.counter_id if ticket.state in AT_COUNTER else None
            wanted = self.place.counters[person.counter].pk if at_counter else None
            assert (ticket.state, ticket.queue_id, at_counter, ticket.calls) == (
                person.state,
                self.queues[person.queue].pk,
                wanted,
                person.calls,
            )

    @invariant()
    def screens_show_what_a_fresh_read_shows(self) -> None:
        for index, queue in enumerate(self.queues):
            screen = self.screens[index]
            missed = TopicEvent.objects.filter(
                topic=f"queue:{queue.pk}", version__gt=screen["version"]
            )
            for event in missed.order_by("version"):
                assert event.version == screen["version"] + 1
                screen = live.apply_to_status(screen, message_of(event))
            self.screens[index] = screen
            assert screen == self.fresh(queue)

    @invariant()
    def holders_were_told_what_a_fresh_read_shows(self) -> None:
        tickets = Ticket.objects.with_scopes_disabled().filter(branch=self.place.branch)
        for ticket in tickets.select_related("counter"):
            last = TopicEvent.objects.get(topic=f"ticket:{ticket.pk}", version=ticket.version)
            assert last.data == live.ticket_facts(ticket)

    def teardown(self) -> None:
        if hasattr(self, "queues"):
            check_queue_truth(*(queue.pk for queue in self.queues))


def machine_settings(examples: int, **options: Any) -> settings:
    return settings(
        **options,
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.django_db
def test_any_day_goes_as_modelled() -> None:
    run_state_machine_as_test(QueueMachine, settings=machine_settings(EXAMPLES))


@pytest.mark.django_db
def test_control_a_model_that_serves_the_last_first_is_found_out(monkeypatch) -> None:
    backwards = property(lambda self: (-self.key.timestamp(), self.id))
    monkeypatch.setattr(Person, "place", backwards)

    with pytest.raises(AssertionError):
        # Found is enough; the shortest day that shows it would take minutes.
        run_state_machine_as_test(
            QueueMachine, settings=machine_settings(60, phases=[Phase.generate])
        )

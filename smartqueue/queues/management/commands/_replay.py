"""Carrying out the steps of a day at the demonstration's own pace, through the public API."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from smartqueue.queues.management.commands._api import Account, Api, Refused
from smartqueue.queues.management.commands._real_day import Step

# The table tells when people are called, not how long they walk or are served: a counter's person
# leaves when it calls the next, or after this long.
WALK_SECONDS: Final = 25.0
LONGEST_SERVICE_SECONDS: Final = 600.0
# Who sits down first.
ROLES: Final = ("agent", "manager", "owner")
LONGEST_NAP: Final = 0.2


@dataclass
class Seat:
    """An agent at a counter; `ticket` is who is there, `due_at` when their next step is."""

    agent: Account
    counter: str
    session: str
    ticket: str | None = None
    is_started: bool = False
    called_at: float = 0.0
    due_at: float = 0.0

    @property
    def path(self) -> str:
        return f"/api/agents/sessions/{self.session}/"


@dataclass
class Tally:
    """What has been done."""

    joined: int = 0
    called: int = 0
    served: int = 0
    missed_calls: int = 0


@dataclass
class Town:
    """What the API tells of the branch before the day begins."""

    queue: str
    queue_name: str
    zone: str
    services: list[str]
    counters: list[str]
    agents: list[Account]
    chief: Account


class Unfit(Exception):
    """The server has no such demonstration."""


def find_town(api: Api, owner: Account, account: Callable[[str], Account], names: Any) -> Town:
    """
    Find the branch, its queue, its counters and who may serve there.

    :raises Unfit: there is no such queue
    """
    branches = api.get("/api/business/branches/", search=names.branch, page_size="100")["results"]
    branch = next((b for b in branches if b["name"] == names.branch), None)
    if branch is None:
        raise Unfit(f"no branch is called {names.branch}")
    queues = api.get("/api/queues/queues/", branch=branch["id"], page_size="100")["results"]
    queue = next((q for q in queues if q["name"] == names.queue), None)
    if queue is None:
        raise Unfit(f"no queue of {names.branch} is called {names.queue}")
    members = owner.get(
        "/api/business/members/", organization=branch["organization"], page_size="100"
    )["results"]
    fit = [
        member
        for member in members
        if member["status"] == "active"
        and member["role"] in ROLES
        and (not member["branches"] or branch["id"] in member["branches"])
    ]
    fit.sort(key=lambda member: (ROLES.index(member["role"]), member["identifier"]))
    counters = owner.get("/api/business/counters/", branch=branch["id"], page_size="100")
    return Town(
        queue=queue["id"],
        queue_name=queue["name"],
        zone=branch["timezone"],
        services=queue["services"],
        counters=[counter["id"] for counter in counters["results"]],
        agents=[account(member["identifier"]) for member in fit],
        chief=owner,
    )


@dataclass
class Replay:
    """
    A day in progress.

    `clock` tells the second of that day, `speed` how many of them pass in a real one. Set
    `is_stopping` and the day ends after the request in progress.
    """

    api: Api
    town: Town
    clock: Callable[[], float]
    speed: float
    show: Callable[["Replay"], None]
    warn: Callable[[str], None]
    seats: list[Seat] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    waiting: int = 0
    is_stopping: bool = False

    def open_queue(self) -> None:
        """Let people join."""
        path = f"/api/queues/queues/{self.town.queue}/"
        if self.api.get(path)["state"] != "open":
            self.town.chief.post(f"{path}open/")

    def run(self, steps: Sequence[Step]) -> None:
        """Carry out every step when it is due; the people at counters are served meanwhile."""
        for step in steps:
            self._wait_until(step.at)
            if self.is_stopping:
                return
            match step.kind:
                case "counters":
                    self._staff(step.counters, step.at)
                case "join":
                    self._join()
                case "call":
                    self._call(step.at)
            self.show(self)

    def finish(self) -> None:
        """Serve who is at a counter and end every session; whoever waits goes on waiting."""
        for seat in list(self.seats):
            self._leave(seat)

    def _wait_until(self, at: float) -> None:
        while not self.is_stopping:
            busy = [seat for seat in self.seats if seat.ticket is not None]
            next_up = min(busy, key=lambda seat: seat.due_at, default=None)
            until = min(at, next_up.due_at) if next_up else at
            left = (until - self.clock()) / self.speed
            if left > 0:
                time.sleep(min(left, LONGEST_NAP))
                self.show(self)
            elif next_up is not None and next_up.due_at <= at:
                self._advance(next_up)
            else:
                return

    def _join(self) -> None:
        services = self.town.services
        body = {"queue": self.town.queue, "channel": "kiosk"}
        if services:
            body["service"] = services[self.tally.joined % len(services)]
        # One address may not take a day's tickets within minutes; the reception may.
        self.town.chief.post("/api/queues/tickets/", **body)
        self.tally.joined += 1
        self.waiting += 1

    def _call(self, at: float) -> None:
        if not self.seats:
            self.tally.missed_calls += 1
            return
        seat = min(self.seats, key=lambda seat: (seat.ticket is not None, seat.called_at))
        while seat.ticket is not None:
            self._advance(seat)
        ticket = seat.agent.post(f"{seat.path}call-next/")
        if ticket is None:
            self.tally.missed_calls += 1
            return
        self.tally.called += 1
        self.waiting = max(self.waiting - 1, 0)
        seat.ticket, seat.is_started = ticket["id"], False
        seat.called_at, seat.due_at = at, at + WALK_SECONDS

    def _advance(self, seat: Seat) -> None:
        """Take the person at a counter one step further: to the service, or home."""
        path = f"/api/queues/tickets/{seat.ticket}/"
        try:
            if not seat.is_started:
                seat.agent.post(f"{path}start/")
                seat.is_started = True
                seat.due_at = seat.called_at + LONGEST_SERVICE_SECONDS
                return
            seat.agent.post(f"{path}complete/")
            self.tally.served += 1
        except Refused as refusal:
            # Somebody who watches may have taken this step, or another, on a screen.
            if refusal.status not in {404, 409}:
                raise
        seat.ticket = None

    def _staff(self, wanted: int, at: float) -> None:
        while len(self.seats) > wanted:
            idle_first = min(self.seats, key=lambda s: (s.ticket is not None, -s.called_at))
            self._leave(idle_first)
        while len(self.seats) < wanted:
            if not self._sit_down(at):
                self.warn(f"only {len(self.seats)} of {wanted} counters have somebody to open them")
                return

    def _sit_down(self, at: float) -> bool:
        seated = {seat.agent.identifier for seat in self.seats}
        taken = {seat.counter for seat in self.seats}
        for agent in self.town.agents:
            if agent.identifier in seated:
                continue
            for counter in self.town.counters:
                if counter in taken:
                    continue
                try:
                    session = agent.post(
                        "/api/agents/sessions/", counter=counter, queues=[self.town.queue]
                    )
                except Refused as refusal:
                    if refusal.code == "counter_taken":
                        taken.add(counter)
                        continue
                    if refusal.status in {404, 409}:
                        break
                    raise
                self.seats.append(Seat(agent, counter, session["id"], called_at=at))
                return True
        return False

    def _leave(self, seat: Seat) -> None:
        while seat.ticket is not None:
            self._advance(seat)
        try:
            self._clear(seat)
            seat.agent.post(f"{seat.path}end/")
        except Refused as refusal:
            # Ended by a manager meanwhile.
            if refusal.status not in {404, 409}:
                raise
        self.seats.remove(seat)

    def _clear(self, seat: Seat) -> None:
        """Serve whoever else is at the counter, called by a request whose answer was not awaited."""
        current = seat.agent.get(seat.path)["current_ticket"]
        if current is not None:
            seat.ticket, seat.is_started = current["id"], current["state"] == "serving"
            while seat.ticket is not None:
                self._advance(seat)

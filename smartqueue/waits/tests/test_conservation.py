"""
The mean wait over everybody is the same for every order (waits.md 5).

Kleinrock's conservation law: while counters are never idle beside a line and how long a service takes
tells nothing about who is served first, an order only moves waiting from one to another.
"""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from smartqueue.waits.order import (
    APPOINTMENT_HEAD_START,
    EMERGENCY_HEAD_START,
    LEGAL_PRIORITY_HEAD_START,
    effective_time,
)
from smartqueue.waits.tests.lines import NOW

SERVERS, HANDLING = 3, 300.0


@dataclass(frozen=True)
class Person:
    joined_at: float
    kind: str
    slot_at: float | None
    service: float


Key = Callable[[Person], float]


def people_of(count: int, seed: int) -> list[Person]:
    """Return people in order of coming, for counters in use 92 % of the time."""
    source = random.Random(seed)
    people, now = [], NOW
    for _ in range(count):
        now += source.expovariate(0.92 * SERVERS / HANDLING)
        kind = source.choices(
            ["ordinary", "booked", "legal", "emergency"], [0.6, 0.25, 0.13, 0.02]
        )[0]
        slot_at = now + source.uniform(-600, 900) if kind == "booked" else None
        people.append(Person(now, kind, slot_at, source.expovariate(1 / HANDLING)))
    return people


def head_start(**head_starts: float) -> Key:
    """Return the product's key with these head starts by kind of person."""

    def key(person: Person) -> float:
        slot_at = person.slot_at if "booked" in head_starts else None
        return effective_time(
            person.joined_at,
            checked_in_at=person.joined_at,
            slot_at=slot_at,
            head_start=head_starts.get(person.kind, 0.0),
        )

    return key


BOOKED, LEGAL, EMERGENCY = (
    APPOINTMENT_HEAD_START,
    LEGAL_PRIORITY_HEAD_START,
    EMERGENCY_HEAD_START,
)
ORDERS: dict[str, Key] = {
    "appointments_20": head_start(booked=20 * 60.0),
    "appointments_25": head_start(booked=BOOKED),
    "appointments_30": head_start(booked=30 * 60.0),
    "legal_priority": head_start(legal=LEGAL),
    "emergency": head_start(emergency=EMERGENCY),
    "all_of_them": head_start(booked=BOOKED, legal=LEGAL, emergency=EMERGENCY),
}


def first_come(person: Person) -> float:
    return effective_time(person.joined_at)


def waits(
    people: list[Person], key: Key, services: list[float] | None = None, reserved: int = 0
) -> list[float]:
    """
    Return everybody's wait in seconds.

    :param services: service times in order of being called; without, everybody has their own
    :param reserved: counters that ordinary people are not called to, an order that is not work
        conserving
    """
    coming, line, found = list(reversed(people)), [], {}
    free_at = [(NOW, number) for number in range(SERVERS)]
    heapq.heapify(free_at)
    called = 0
    while coming or line:
        now, counter = heapq.heappop(free_at)
        while coming and (coming[-1].joined_at <= now or not line):
            person = coming.pop()
            heapq.heappush(line, (key(person), len(coming), person))
            now = max(now, person.joined_at) if len(line) == 1 else now
        chosen = [entry for entry in line if counter >= reserved or entry[2].kind != "ordinary"]
        if not chosen:
            heapq.heappush(free_at, (now + 30.0, counter))
            continue
        entry = min(chosen) if reserved else line[0]
        if reserved:
            line.remove(entry)
            heapq.heapify(line)
        else:
            heapq.heappop(line)
        person = entry[2]
        found[entry[1]] = now - person.joined_at
        service = person.service if services is None else services[called]
        called += 1
        heapq.heappush(free_at, (now + service, counter))
    return [found[number] for number in sorted(found, reverse=True)]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_moves_waiting_but_makes_none(order):
    people = people_of(20_000, seed=11)
    services = [person.service for person in people]
    before, after = (waits(people, key, services) for key in (first_come, ORDERS[order]))

    # The same services in the same sequence: the law then holds to the last digit, not on average.
    assert mean(after) == pytest.approx(mean(before), rel=1e-9)
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) > 300
    assert min(after) >= 0


def difference(key: Key, *, reserved: int = 0, seeds: range = range(30)) -> tuple[float, float]:
    """Return the mean wait over that of first come, first served, minus 1, and its standard error."""
    changes = []
    for seed in seeds:
        people = people_of(2_000, seed)
        changes.append(
            mean(waits(people, key, reserved=reserved)) / mean(waits(people, first_come))
        )
    average = mean(changes)
    spread = math.sqrt(math.fsum((change - average) ** 2 for change in changes))
    return average - 1, spread / math.sqrt(len(changes) * (len(changes) - 1))


@pytest.mark.parametrize("order", ["appointments_25", "all_of_them"])
def test_the_law_holds_on_average_when_everybody_brings_their_own_service_time(order):
    change, error = difference(ORDERS[order])

    assert error < 0.01
    assert abs(change) < 3 * error


def test_a_counter_kept_for_some_breaks_the_law():
    change, error = difference(ORDERS["all_of_them"], reserved=1)

    assert change > 10 * error


def test_putting_short_services_first_breaks_the_law():
    people = [
        replace(person, service=person.service / 3) if person.kind == "legal" else person
        for person in people_of(20_000, seed=11)
    ]
    favoured = head_start(legal=EMERGENCY)

    assert mean(waits(people, favoured)) < 0.95 * mean(waits(people, first_come))

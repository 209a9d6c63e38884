"""
Every policy of a queue makes people wait equally long on average (waits.md 5), and lets nobody be
overtaken beyond the cap. People join, are called and leave through the product's own operations.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from smartqueue.common import tenancy
from smartqueue.queues import operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, sit_down

pytestmark = pytest.mark.django_db

PEOPLE, COUNTERS = 60, 2
POLICIES: dict[str, dict[str, Any]] = {
    "head_start": {"policy": "head_start"},
    "head_start_cap_0": {"policy": "head_start", "overtake_cap": 0},
    "head_start_cap_1": {"policy": "head_start", "overtake_cap": 1},
    "one_in_1": {"policy": "one_in_n", "ordinary_per_priority": 1},
    "one_in_3": {"policy": "one_in_n", "ordinary_per_priority": 3},
}
Calls = Callable[[int, Place], bool]


def everybody(number: int, place: Place) -> bool:
    return True


def kept_for_priority(number: int, place: Place) -> bool:
    """Let the second counter call priority people only."""
    if number == 0:
        return True
    with tenancy.organizations([place.organization.pk]):
        line = Ticket.objects.filter(queue=place.queue, state="waiting").order_by("order_key", "id")
        head = line.first()
    return head is not None and head.priority != "ordinary"


def a_day(
    settings: dict[str, Any],
    *,
    urgent: bool = False,
    priority_share: float = 0.3,
    rush: int = 0,
    may_call: Calls = everybody,
    seed: int = 8,
) -> list[Ticket]:
    """
    Return the tickets of a day, in order of joining, all called.

    The same people come at the same moments whatever the settings; service times are drawn in the
    order of the calls, so they tell nothing about who is called. `rush` ordinary people come first,
    a second apart.
    """
    source = random.Random(seed)
    place = make_place(agents=COUNTERS, **settings)
    sessions = [sit_down(place, number) for number in range(COUNTERS)]
    joins, at = [], 0
    for number in range(PEOPLE):
        at += 1 + (number >= rush) * int(source.expovariate(1 / 180))
        favoured = number >= rush and source.random() < priority_share
        priority = "elderly" if favoured else "ordinary"
        rare = source.random() < 0.1
        joins.append((at, "urgent" if urgent and rare else priority))
    services = [60 + int(source.expovariate(1 / 360)) for _ in range(PEOPLE)]
    leaves: list[tuple[int, Ticket] | None] = [None] * COUNTERS
    clock = called = 0
    while called < PEOPLE:
        moment = NOW + timedelta(seconds=clock)
        for number, session in enumerate(sessions):
            held = leaves[number]
            if held is not None and held[0] <= clock:
                _complete(place, number, held[1], moment)
                leaves[number] = held = None
            if held is None and may_call(number, place):
                ticket = operations.call_next_for_session(
                    actor=place.agents[number], session_id=session.pk, now=moment
                )
                if ticket is not None:
                    leaves[number] = (clock + services[called], ticket)
                    called += 1
        coming = [joins[0][0]] if joins else []
        clock = min(coming + [held[0] for held in leaves if held is not None])
        if joins and joins[0][0] == clock:
            _, priority = joins.pop(0)
            now = NOW + timedelta(seconds=clock)
            join(place, now=now, priority=priority, actor=place.agent)
    rows = Ticket.objects.with_scopes_disabled().filter(queue=place.queue)
    return list(rows.order_by("sequence"))


def _complete(place: Place, number: int, ticket: Ticket, moment: Any) -> None:
    actor = place.agents[number]
    operations.start_ticket(actor=actor, ticket_id=ticket.pk, now=moment)
    operations.complete_ticket(actor=actor, ticket_id=ticket.pk, now=moment)


def waited(tickets: list[Ticket]) -> float:
    """Return the seconds that all of them waited together."""
    return sum((ticket.called_at - ticket.joined_at).total_seconds() for ticket in tickets)


def most_overtaken(tickets: list[Ticket]) -> int:
    """Count, for the worst off, who came later and was called before; emergencies do not count."""
    return max(
        sum(
            later.called_at < ticket.called_at
            for later in tickets[place + 1 :]
            if later.priority != "urgent"
        )
        for place, ticket in enumerate(tickets)
    )


@cache
def waited_first_come() -> float:
    """Return what everybody waited together in order of coming."""
    tickets = a_day({"policy": "fifo"})
    assert most_overtaken(tickets) == 0
    return waited(tickets)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_moves_waiting_but_makes_none(policy):
    after = a_day(POLICIES[policy])

    assert waited(after) == waited_first_come() > 60 * PEOPLE
    assert most_overtaken(after) > 0 or POLICIES[policy].get("overtake_cap") == 0


def test_emergencies_move_waiting_but_make_none():
    after = a_day(POLICIES["head_start"], urgent=True)

    urgent = [ticket for ticket in after if ticket.priority == "urgent"]
    assert waited(after) == waited_first_come()
    assert len(urgent) > 3
    assert waited(urgent) / len(urgent) < waited(after) / PEOPLE / 2


def test_a_counter_kept_for_priority_people_makes_waiting():
    after = a_day(POLICIES["head_start"], may_call=kept_for_priority)

    assert waited(after) > 1.1 * waited_first_come()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("rush", [0, 25])
def test_nobody_is_overtaken_more_often_than_the_cap_allows(policy, rush):
    tickets = a_day(POLICIES[policy], priority_share=0.7, rush=rush)

    assert most_overtaken(tickets) <= POLICIES[policy].get("overtake_cap", 6)

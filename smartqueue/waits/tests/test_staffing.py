import heapq
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.waits import staffing
from smartqueue.waits.errors import InvalidDemand
from smartqueue.waits.staffing import (
    Demand,
    Performance,
    SlotDemand,
    Target,
    erlang_b,
    erlang_c,
    performance,
    servers_needed,
    staffing_table,
)

DEMANDS = st.builds(
    Demand,
    arrivals=st.floats(0, 0.2),
    handling=st.floats(20, 1200),
    leaving_rate=st.just(0.0) | st.floats(1e-10, 0.02),
)
TARGETS = st.builds(
    Target,
    wait=st.floats(0, 3600),
    share_over=st.floats(0.01, 0.9),
    share_leaving=st.floats(0.01, 1),
)


@pytest.mark.parametrize(
    ("servers", "load", "chance"), [(2, 1.0, 1 / 3), (5, 4.0, 0.5541), (10, 8.0, 0.4092)]
)
def test_erlang_c_has_the_known_values(servers, load, chance):
    assert erlang_c(servers, load) == pytest.approx(chance, abs=5e-5)


@pytest.mark.parametrize(
    ("demand", "waiting", "leaving"),
    [(Demand(10, 1, 1), 0.5421, 0.1251), (Demand(12, 1, 0.25), 0.9256, 0.1811)],
)
def test_erlang_a_has_the_known_values(demand, waiting, leaving):
    ten = performance(demand, 10)

    assert ten.wait_chance == pytest.approx(waiting, abs=5e-5)
    assert ten.leave_chance == pytest.approx(leaving, abs=5e-5)


def test_erlang_b_is_the_truncated_poisson_distribution():
    weights = [7.5**n / math.factorial(n) for n in range(11)]

    assert erlang_b(10, 7.5) == pytest.approx(weights[-1] / sum(weights))


def birth_and_death(demand: Demand, servers: int, target_wait: float) -> Performance:
    """Solve the chain's balance equations, and the wait as a walk to absorption, as matrices."""
    arrivals, service, theta = demand.arrivals, 1 / demand.handling, demand.leaving_rate
    busiest = demand.load + arrivals / theta
    states = servers + int(busiest + 12 * math.sqrt(busiest)) + 40
    generator = np.zeros((states, states))
    for n in range(states):
        if n + 1 < states:
            generator[n, n + 1] = arrivals
        if n:
            generator[n, n - 1] = min(n, servers) * service + max(n - servers, 0) * theta
        generator[n, n] = -generator[n].sum()
    equations = generator.T.copy()
    equations[0] = 1.0
    chances = np.linalg.solve(equations, np.eye(states)[0])
    people = np.arange(states)
    line = float(np.maximum(people - servers, 0) @ chances)
    # Somebody who would never leave, behind j people, goes through rates s mu + i theta, i = j..0.
    exits = servers * service + theta * np.arange(states - servers)
    walk = np.diag(-exits) + np.diag(exits[1:], -1)
    alive = _exponential(walk * target_wait).sum(axis=1)
    return Performance(
        servers=servers,
        wait_chance=float(chances[servers:].sum()),
        leave_chance=theta * line / arrivals,
        mean_wait=line / arrivals,
        over_target=float(chances[servers:] @ alive) * math.exp(-theta * target_wait),
        occupancy=float(np.minimum(people, servers) @ chances) / servers,
    )


def _exponential(matrix):
    halvings = max(0, math.ceil(math.log2(np.abs(matrix).sum(axis=1).max() + 1e-9)) + 3)
    small = matrix / 2**halvings
    total = term = np.eye(len(matrix))
    for number in range(1, 14):
        term = term @ small / number
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total


@settings(max_examples=40, deadline=None)
@given(
    servers=st.integers(1, 30),
    use=st.floats(0.1, 1.6),
    patience=st.floats(0.3, 8),
    wait=st.floats(0, 4),
)
def test_the_formulas_equal_the_chain_solved_as_matrices(servers, use, patience, wait):
    demand = Demand(servers * use / 300, 300, 1 / (300 * patience))
    target_wait = 300 * wait / servers
    slow = birth_and_death(demand, servers, target_wait)
    fast = performance(demand, servers, target_wait)

    for field in ("wait_chance", "leave_chance", "mean_wait", "over_target", "occupancy"):
        assert getattr(fast, field) == pytest.approx(getattr(slow, field), rel=1e-7, abs=1e-9)


def simulate(demand: Demand, servers: int, people: int, seed: int) -> np.ndarray:
    """Return the time each of the people stood in line, first come, first served."""
    source = random.Random(seed)
    free_at = [0.0] * servers
    waits = []
    now = 0.0
    for _ in range(people):
        now += source.expovariate(demand.arrivals)
        patience = source.expovariate(demand.leaving_rate) if demand.leaving_rate else math.inf
        offered = max(free_at[0] - now, 0.0)
        if offered < patience:
            service = source.expovariate(1 / demand.handling)
            heapq.heapreplace(free_at, now + offered + service)
        waits.append(min(offered, patience))
    return np.array(waits)


@pytest.mark.parametrize(
    ("demand", "servers"),
    [
        (Demand(0.013, 300), 5),
        (Demand(0.015, 300, 1 / 900), 5),
        (Demand(0.030, 300, 1 / 600), 6),
    ],
    ids=["patient", "some_leave", "overloaded"],
)
def test_a_simulated_line_waits_as_the_formulas_say(demand, servers):
    # 400,000 people; their waits are correlated, so about 2,000 independent ones: 4 errors of .011.
    waits = simulate(demand, servers, 400_000, seed=4)[1000:]

    for target_wait in (0.0, 60.0, 180.0, 400.0):
        expected = performance(demand, servers, target_wait)
        assert (waits > target_wait).mean() == pytest.approx(expected.over_target, abs=0.02)
        assert waits.mean() == pytest.approx(expected.mean_wait, rel=0.06)


def test_a_line_that_nobody_leaves_is_the_limit_of_one_that_few_leave():
    few, none = Demand(0.012, 300, 2e-9), Demand(0.012, 300)

    assert performance(few, 4, 300).over_target == pytest.approx(
        performance(none, 4, 300).over_target, rel=1e-3
    )
    assert performance(few, 4).mean_wait == pytest.approx(performance(none, 4).mean_wait, rel=1e-3)


def test_a_line_of_a_million_people_meets_its_limit_without_a_step(monkeypatch):
    demand = Demand(0.02, 60, 3e-9)
    limit = performance(demand, 1, 600)
    monkeypatch.setattr(staffing, "FLUID_LINE", 1e9)
    exact = performance(demand, 1, 600)

    assert limit != exact
    for field in ("wait_chance", "leave_chance", "mean_wait", "over_target", "occupancy"):
        assert getattr(limit, field) == pytest.approx(getattr(exact, field), rel=1e-5)


def test_too_few_counters_that_nobody_leaves_never_end():
    two = performance(Demand(0.01, 300), 2, 600)

    assert (two.wait_chance, two.mean_wait, two.over_target) == (1.0, math.inf, 1.0)
    assert (two.leave_chance, two.occupancy) == (0.0, 1.0)


def test_hundreds_of_counters_stay_exact():
    # With theta = mu the number of people is Poisson, whatever the number of counters.
    load, servers = 400.0, 420
    weights = np.arange(2000) * math.log(load) - load
    chances = np.exp(weights - np.array([math.lgamma(n + 1) for n in range(2000)]))

    many = performance(Demand(load / 300, 300, 1 / 300), servers)

    assert many.wait_chance == pytest.approx(chances[servers:].sum(), rel=1e-9)


@settings(deadline=None)
@given(demand=DEMANDS, servers=st.integers(1, 60), wait=st.floats(0, 86_400))
def test_figures_are_chances_and_never_negative(demand, servers, wait):
    found = performance(demand, servers, wait)

    for chance in (found.wait_chance, found.leave_chance, found.over_target, found.occupancy):
        assert 0 <= chance <= 1
    assert found.over_target <= found.wait_chance * (1 + 1e-9)
    assert found.mean_wait >= 0
    if math.isfinite(found.mean_wait):
        assert demand.leaving_rate * found.mean_wait <= 1 + 1e-9


@settings(deadline=None)
@given(demand=DEMANDS, servers=st.integers(1, 60), wait=st.floats(0, 3600))
def test_one_counter_more_never_makes_anything_worse(demand, servers, wait):
    fewer, more = performance(demand, servers, wait), performance(demand, servers + 1, wait)

    for field in ("wait_chance", "leave_chance", "mean_wait", "over_target"):
        assert getattr(more, field) <= getattr(fewer, field) * (1 + 1e-7) + 1e-12


@settings(deadline=None)
@given(demand=DEMANDS, target=TARGETS, more=st.floats(1, 3))
def test_more_demand_never_needs_fewer_people(demand, target, more):
    busier = replace(demand, arrivals=demand.arrivals * more)

    assert servers_needed(demand, target) <= servers_needed(busier, target)


@settings(deadline=None)
@given(demand=DEMANDS, target=TARGETS, fewest=st.integers(1, 10))
def test_the_fewest_counters_meet_the_target_and_one_less_does_not(demand, target, fewest):
    servers = servers_needed(demand, target, fewest)

    assert performance(demand, servers, target.wait).meets(target)
    assert servers == fewest or not performance(demand, servers - 1, target.wait).meets(target)


def test_people_who_are_driven_away_are_no_good_service():
    demand = Demand(0.03, 300, 1 / 120)
    by_wait_alone = Target(300, share_over=0.2, share_leaving=1.0)

    assert servers_needed(demand, Target(300)) > servers_needed(demand, by_wait_alone)


def test_the_table_shows_one_counter_less_and_one_more():
    slots = (SlotDemand(32_400, 0), SlotDemand(34_200, 24), SlotDemand(36_000, 6.5))
    rows = staffing_table(slots, handling=300, target=Target(600), leaving_rate=1e-4)

    assert [row.start for row in rows] == [32_400, 34_200, 36_000]
    assert [[option.servers for option in row.options] for row in rows] == [
        [1, 2],
        [rows[1].servers - 1, rows[1].servers, rows[1].servers + 1],
        [rows[2].servers - 1, rows[2].servers, rows[2].servers + 1],
    ]
    before, chosen, after = rows[1].options
    assert before.over_target > 0.2 >= chosen.over_target > after.over_target
    assert before.mean_wait > chosen.mean_wait > after.mean_wait > 0
    assert before.occupancy > chosen.occupancy > after.occupancy
    assert rows[1].servers == servers_needed(Demand(24 / 1800, 300, 1e-4), Target(600))


def test_nobody_expected_needs_the_fewest_that_stay_open():
    (row,) = staffing_table((SlotDemand(0, 0),), handling=300, target=Target(600), fewest=2)

    assert row.servers == 2
    assert {option.mean_wait for option in row.options} == {0.0}


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    "make",
    [
        lambda: Demand(NAN, 300),
        lambda: Demand(-0.1, 300),
        lambda: Demand(0.1, 0),
        lambda: Demand(0.1, INF),
        lambda: Demand(0.1, 300, NAN),
        lambda: Demand(0.1, 300, -1),
        lambda: Demand(90, 300),
        lambda: Target(NAN),
        lambda: Target(-1),
        lambda: Target(60, 0),
        lambda: Target(60, 1),
        lambda: Target(60, 0.2, 0),
        lambda: SlotDemand(NAN, 1),
        lambda: SlotDemand(0, NAN),
        lambda: SlotDemand(0, -1),
        lambda: SlotDemand(0, 1, 0),
        lambda: performance(Demand(0.1, 30), 0),
        lambda: performance(Demand(0.1, 30), 3, NAN),
        lambda: erlang_b(-1, 1),
        lambda: erlang_b(1, INF),
        lambda: erlang_c(0, 1),
        lambda: servers_needed(Demand(0.1, 30), Target(60), fewest=0),
        lambda: staffing_table((SlotDemand(0, 1),), handling=NAN, target=Target(60)),
    ],
)
def test_senseless_values_are_rejected(make):
    with pytest.raises(InvalidDemand):
        make()


def test_an_empty_day_has_an_empty_table():
    assert staffing_table((), handling=300, target=Target(600)) == ()

"""Made-up lines for benchmarks and tests; the same seed gives the same line."""

import numpy as np

from smartqueue.waits.predictor import Predictor
from smartqueue.waits.snapshot import Booking, Pool, Segment, Snapshot, WaitingTicket

NOW = 1_800_000_000.0


def crowded_snapshot(tickets: int = 1000, pools: int = 4, seed: int = 0) -> Snapshot:
    """Return a branch with a roster, closing time and bookings; each pool serves two services."""
    draws = np.random.default_rng(seed)
    joined = NOW - np.sort(draws.uniform(0, 7200, tickets))[::-1]
    head_starts = np.where(draws.random(tickets) < 0.1, 900.0, 0.0)
    services = draws.integers(0, 2 * pools, tickets)
    waiting = tuple(
        WaitingTicket(
            f"t{i}", f"s{services[i]}", float(joined[i] - head_starts[i]), float(joined[i])
        )
        for i in range(tickets)
    )
    return Snapshot(
        now=NOW,
        pools=tuple(
            Pool(
                id=f"p{number}",
                services=frozenset({f"s{2 * number}", f"s{2 * number + 1}"}),
                counters=3,
                plan=tuple(Segment(NOW + 900.0 * k, 2.0 + k % 3) for k in range(1, 33)),
                closes_at=NOW + 8 * 3600,
                priority_rate=1 / 1800,
                priority_head_start=900.0,
            )
            for number in range(pools)
        ),
        waiting=waiting,
        durations={f"s{number}": 240.0 + 60 * number for number in range(2 * pools)},
        bookings=tuple(Booking(NOW + 600.0 * k, f"s{k % (2 * pools)}", 1500.0) for k in range(20)),
    )


def seasoned_predictor(seed: int = 0) -> Predictor:
    """Return a predictor with a full history of five days."""
    draws = np.random.default_rng(seed)
    predictor = Predictor()
    for number in range(200):
        moment = NOW - (30 - number // 40) * 86_400 + 60 * (number % 40)
        predictor.observe_wait(
            moment, moment + 600, outcome="left" if number % 10 == 0 else "called"
        )
    for people_ahead in (0, 1, 2, 3, 5, 8, 13, 21):
        for ratio in draws.gamma(people_ahead + 1, 1 / (people_ahead + 1), 1000):
            predictor.ratios.observe(people_ahead, float(ratio))
    for service in range(8):
        for seconds in draws.exponential(300.0, 200):
            predictor.observe_service(f"s{service}", float(seconds))
    return predictor

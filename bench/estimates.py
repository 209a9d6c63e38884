"""A wait estimator's refresh beside one pass of numpy over the same people; needs no server."""

import time
from collections.abc import Callable

import numpy as np

from bench.report import Table
from bench.session import Side, in_turn, say
from smartqueue.waits.synthetic import crowded_snapshot, seasoned_predictor

TICKETS, POOLS = 1000, 4
QUANTILES = np.array([0.6, 1.0, 1.7])


def waits(rounds: int) -> list[Table]:
    """Refresh 1,000 tickets in 4 pools, again and again."""
    say("refreshing estimates")
    snapshot, predictor = crowded_snapshot(TICKETS, POOLS), seasoned_predictor()
    keys = np.array([person.effective_at for person in snapshot.waiting])
    counters = [max(pool.counters, 1) for pool in snapshot.pools]

    def one_pass() -> None:
        """Sort everybody, sum their times, and give three figures each, for every pool."""
        order = np.argsort(keys)
        for number in counters:
            work = np.cumsum(np.full(order.size, 300.0)) / number
            figures = np.empty((order.size, QUANTILES.size))
            figures[order] = work[:, None] * QUANTILES
            figures.tolist()

    refresh, numpy_pass = Side("refresh by the estimator"), Side("one pass of numpy")
    in_turn(
        [
            lambda: _repeat(refresh, lambda: predictor.predict(snapshot)),
            lambda: _repeat(numpy_pass, one_pass),
        ],
        rounds,
    )
    return [
        Table(
            "waits",
            f"Estimates of {TICKETS:,} tickets in {POOLS} pools",
            [numpy_pass, refresh],
            against=numpy_pass.name,
        )
    ]


def _repeat(side: Side, call: Callable[[], object], seconds: float = 1.0) -> None:
    call()
    times = []
    cpu, deadline = time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    side.per_second.append(len(times) / sum(times))
    side.server_cpu_ms.append((time.process_time() - cpu) / len(times) * 1000)
    side.p50_ms.append(float(np.quantile(times, 0.5)) * 1000)
    side.p99_ms.append(float(np.quantile(times, 0.99)) * 1000)

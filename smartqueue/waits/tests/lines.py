"""Lines the tests share."""

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from smartqueue.waits.handling import MEMORY_SERVICES
from smartqueue.waits.predictor import Predictor
from smartqueue.waits.ratios import BUCKET_STARTS
from smartqueue.waits.snapshot import LineSummary, Pool, Snapshot, WaitingTicket

NOW = 1_800_000_000.0
DAY = 86_400.0


def waiting_line(
    count: int, service: str = "s", spacing: float = 60.0
) -> tuple[WaitingTicket, ...]:
    joined = [NOW - spacing * (count - i) for i in range(count)]
    return tuple(WaitingTicket(f"t{i}", service, joined[i], joined[i]) for i in range(count))


def snapshot(
    count: int,
    pool: Pool,
    duration: float = 300.0,
    waiting: tuple[WaitingTicket, ...] | None = None,
) -> Snapshot:
    return Snapshot(
        now=NOW,
        pools=(pool,),
        waiting=waiting_line(count) if waiting is None else waiting,
        durations={"s": duration},
    )


def summary(pool: Pool, waiting: int = 100, handling: float = 300.0) -> LineSummary:
    return LineSummary(now=NOW, pool=pool, waiting=waiting, handling=handling)


def warm_predictor(handling: float = 300.0) -> Predictor:
    """A predictor past its first days: known handling time, nobody leaves or fails to come."""
    predictor = Predictor()
    for _ in range(5 * MEMORY_SERVICES):
        predictor.observe_service("s", handling)
    for day in range(30, 26, -1):
        for number in range(15):
            # Everybody joins an empty line, so that no usual calls of a half-hour are learned.
            joined_at = NOW - day * DAY + 600 * number
            predictor.observe_wait(joined_at, joined_at + 300, outcome="called")
    return predictor


def fill_ratios(predictor: Predictor, ratios: list[float]) -> None:
    for people_ahead in BUCKET_STARTS.tolist():
        for ratio in ratios:
            predictor.ratios.observe(people_ahead, ratio)


@dataclass(frozen=True)
class Visit:
    """One person of a simulated line; people_ahead is None when a counter was free."""

    joined_at: float
    called_at: float
    ended_at: float
    people_ahead: int | None


def simulate_mms(
    servers: int, load: float, handling: float, visits: int, seed: int
) -> Iterator[Visit]:
    """Yield the visits of an M/M/s queue in order of joining."""
    source = random.Random(seed)
    free_at = [0.0] * servers
    calls: deque[float] = deque()
    now = 0.0
    for _ in range(visits):
        now += source.expovariate(load * servers / handling)
        while calls and calls[0] <= now:
            calls.popleft()
        called_at = max(now, heapq.heappop(free_at))
        ended_at = called_at + source.expovariate(1 / handling)
        heapq.heappush(free_at, ended_at)
        yield Visit(now, called_at, ended_at, len(calls) if called_at > now else None)
        if called_at > now:
            calls.append(called_at)

"""Lines the tests share."""

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


def usual_predictor(handling: float = 300.0) -> Predictor:
    """A warm predictor that knows quick and slow hours, four hours on from NOW, of ten days."""
    predictor = warm_predictor(handling)
    for day in range(10, 0, -1):
        called_at = NOW - day * DAY
        while called_at < NOW - day * DAY + 4 * 3600:
            gap = 300.0 if (called_at % 7200) < 3600 else 1200.0
            predictor.observe_wait(called_at - 1800, called_at + gap, outcome="called")
            called_at += gap
    return predictor


def fill_ratios(predictor: Predictor, ratios: list[float]) -> None:
    for people_ahead in BUCKET_STARTS.tolist():
        for ratio in ratios:
            predictor.ratios.observe(people_ahead, ratio)

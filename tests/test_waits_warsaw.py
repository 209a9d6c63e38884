"""The measure on a log of snapshots looks at nothing that had not happened yet."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bench.waits_warsaw import Period, QueueDay, QueueKey, Row, Score, replay

DAYS = [f"2026-03-{day:02}" for day in range(2, 8)]
CUT_DAY, CUT_MINUTE = DAYS[4], 720
PERIOD = Period(train_until=DAYS[1], since=DAYS[0], until=DAYS[-1])

Log = dict[QueueKey, dict[str, QueueDay]]


def made_log() -> Log:
    """Two lines over six days, at snapshots of five minutes, long around noon."""
    random = np.random.default_rng(5)
    log: Log = {}
    for name in ("passports", "cars"):
        log["office", name] = {day: list(_day(random)) for day in DAYS}
    return log


def _day(random: np.random.Generator) -> Any:
    number = waiting = 0
    for minute in range(480, 960, 5):
        came = int(random.poisson(2.6 if minute < 750 else 1.2))
        called = min(waiting, int(random.poisson(2.0)))
        number, waiting = number + called, waiting + came - called
        yield Row(minute, number, waiting, 2, 5.0)


def with_another_future(log: Log, *, reverse: bool) -> Log:
    """The same log until the cut; after it other steps of the same day, or nothing at all."""
    changed: Log = {}
    for queue, days in log.items():
        changed[queue] = {day: rows for day, rows in days.items() if day < CUT_DAY}
        past = [row for row in days[CUT_DAY] if row.minute <= CUT_MINUTE]
        changed[queue][CUT_DAY] = past + (_reversed(days[CUT_DAY], past) if reverse else [])
    return changed


def _reversed(rows: QueueDay, past: QueueDay) -> QueueDay:
    later = rows[len(past) - 1 :]
    steps = [(b.issued - a.issued, b.number - a.number) for a, b in pairwise(later)]
    number, issued, found = past[-1].number, past[-1].issued, []
    for row, (came, called) in zip(later[1:], reversed(steps), strict=True):
        issued += came
        number = min(number + called, issued)
        found.append(Row(row.minute, number, issued - number, row.counters, 5.0))
    return found


def told(scores: list[Score]) -> dict[Any, Any]:
    """What was said in all, by person and moment; not what came of it."""
    return {
        (score.person, score.made_at): (score.low, score.median, score.high, score.simple)
        for score in scores
    }


def until_cut(predictions: dict[Any, Any]) -> dict[Any, Any]:
    return {
        key: said
        for key, said in predictions.items()
        if (key[0][1], key[1]) <= (CUT_DAY, CUT_MINUTE)
    }


@pytest.fixture(scope="module")
def whole() -> dict[Any, Any]:
    return told(replay(made_log(), PERIOD))


def test_without_its_future_the_log_gives_the_same_predictions(whole: dict[Any, Any]) -> None:
    cut = told(replay(with_another_future(made_log(), reverse=False), PERIOD))

    assert len(cut) > 300
    assert cut == {key: said for key, said in whole.items() if key in cut}
    # Who was still in line at the cut was told something, but never called.
    assert cut.keys() < until_cut(whole).keys()


def test_with_another_future_every_earlier_prediction_is_the_same(whole: dict[Any, Any]) -> None:
    other = told(replay(with_another_future(made_log(), reverse=True), PERIOD))
    both = until_cut(whole).keys() & until_cut(other).keys()

    assert len(both) > 300
    assert {key: other[key] for key in both} == {key: whole[key] for key in both}
    later = (whole.keys() & other.keys()) - both
    assert later
    assert any(other[key] != whole[key] for key in later)


def test_a_predictor_that_has_seen_the_future_says_something_else(whole: dict[Any, Any]) -> None:
    log = made_log()
    queue = "office", "cars"
    log[queue][DAYS[0]] = log[queue][DAYS[5]]
    seen = told(replay(log, PERIOD))

    assert any(seen[key] != whole[key] for key in seen.keys() & until_cut(whole).keys())

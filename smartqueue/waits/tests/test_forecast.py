import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.waits.errors import InvalidHistory
from smartqueue.waits.forecast import (
    INTRADAY_WEIGHT,
    SLOTS,
    Day,
    DayForecast,
    _usual_quantiles,
    forecast_day,
)
from smartqueue.waits.staffing import SlotDemand, Target, staffing_table

MONDAY = date(2026, 9, 7)
SHAPE = np.zeros(SLOTS)
SHAPE[16:32] = [4, 9, 14, 18, 20, 18, 15, 11, 8, 8, 10, 12, 11, 9, 6, 3]


def flat(total_factor: float = 1.0) -> tuple[float, ...]:
    return tuple((SHAPE * total_factor).tolist())


def weeks(count: int, factors: tuple[float, ...] = (1.0,) * 5, start: date = MONDAY) -> list[Day]:
    """Return working days that are alike, with a factor for each weekday."""
    days = [start + timedelta(days=number) for number in range(7 * count)]
    return [Day(day, flat(factors[day.weekday()])) for day in days if day.weekday() < 5]


def after(history: list[Day]) -> date:
    """Return the next working day."""
    following = history[-1].date + timedelta(days=1)
    return following + timedelta(
        days=(7 - following.weekday()) % 7 if following.weekday() > 4 else 0
    )


def expected(forecast: DayForecast) -> np.ndarray:
    return np.array([slot.expected for slot in forecast.slots])


def busy_days(count: int, seed: int, scatter: float = 0.3) -> list[Day]:
    """Return days of which some are busier than others by chance, with people coming at random."""
    source = np.random.default_rng(seed)
    days = []
    for number in range(count * 7 // 5 + 7):
        day = MONDAY + timedelta(days=number)
        if day.weekday() < 5:
            rate = SHAPE * source.gamma(1 / scatter**2, scatter**2)
            days.append(Day(day, tuple(source.poisson(rate).astype(float).tolist())))
    return days[:count]


def test_days_that_are_alike_go_on_without_doubt():
    history = weeks(8)
    forecast = forecast_day(history, after(history))

    assert expected(forecast) == pytest.approx(SHAPE)
    assert [slot.start for slot in forecast.slots[:3]] == [0, 1800, 3600]
    for slot in forecast.slots:
        assert (slot.low, slot.median, slot.planned, slot.high) == pytest.approx(
            (slot.expected,) * 4
        )
    grounds = forecast.grounds
    assert (grounds.basis, grounds.days, grounds.same_weekday) == ("weekday", 40, 8)
    assert (grounds.level, grounds.intraday, grounds.own_share) == (pytest.approx(1), 1, 1)
    assert grounds.last_day == history[-1].date


def test_a_weekday_has_its_own_profile():
    history = weeks(8, (2.0, 1.0, 1.0, 1.0, 1.0))
    monday, tuesday = (forecast_day(history, after(history) + timedelta(days=n)) for n in (0, 1))

    # The mean over weekdays, 1.2, counts as two of ten days.
    assert monday.expected / SHAPE.sum() == pytest.approx((8 * 2 + 2 * 1.2) / 10, rel=0.01)
    assert tuesday.expected / SHAPE.sum() == pytest.approx((8 * 1 + 2 * 1.2) / 10, rel=0.01)


def test_what_is_older_than_eight_weeks_is_forgotten():
    old, recent = weeks(8, (9.0,) * 5), weeks(8, start=MONDAY + timedelta(weeks=8))

    assert expected(forecast_day(old + recent, after(recent))) == pytest.approx(SHAPE)


def test_the_level_compares_the_roots_of_the_last_five_days():
    history = weeks(7) + weeks(1, (2.25,) * 5, start=MONDAY + timedelta(weeks=7))
    grounds = forecast_day(history, after(history)).grounds
    total = SHAPE.sum()
    profile = total * (7 + 2.25) / 8

    assert grounds.level == pytest.approx((2.25 * total + 0.25) / (profile + 0.25), rel=1e-6)


def test_today_so_far_moves_the_rest_of_the_day_and_fades():
    history = weeks(8)
    seen = (SHAPE[:20] * 2).tolist()
    forecast = forecast_day(history, after(history), seen=seen)
    usual = SHAPE[:20].sum()
    factor = (2 * usual + INTRADAY_WEIGHT) / (usual + INTRADAY_WEIGHT)

    assert forecast.grounds.intraday == pytest.approx(factor)
    assert forecast.slots[0].start == 20 * 1800
    assert expected(forecast) == pytest.approx(
        SHAPE[20:] * (1 + (factor - 1) * 0.9 ** np.arange(28))
    )
    assert forecast.grounds.seen_slots == 20


def test_a_day_that_is_over_has_nothing_to_come():
    history = weeks(2)

    assert forecast_day(history, after(history), seen=flat()).slots == ()


def test_holidays_and_closed_days_teach_nothing():
    history = weeks(8)
    holes = [
        Day(day.date, (0.0,) * SLOTS, is_ordinary=False) if number in {3, 22, 39} else day
        for number, day in enumerate(history)
    ]
    without = [day for number, day in enumerate(history) if number not in {3, 22, 39}]
    forecast, same = (forecast_day(days, after(history)) for days in (holes, without))

    assert expected(forecast) == pytest.approx(SHAPE)
    assert expected(forecast) == pytest.approx(expected(same))
    assert (forecast.grounds.days, forecast.grounds.left_out) == (37, 3)


def test_nobody_comes_on_a_closed_day():
    history = weeks(8)
    forecast = forecast_day(history, after(history), is_open=False)

    assert forecast.grounds.basis == "closed"
    assert {slot.high for slot in forecast.slots} == {0}
    assert len(forecast.slots) == SLOTS


@pytest.mark.parametrize(
    "history", [[], [Day(MONDAY, flat(), is_ordinary=False)]], ids=["nothing", "only_a_holiday"]
)
def test_without_a_day_there_are_no_figures(history):
    forecast = forecast_day(history, MONDAY + timedelta(days=1), seen=[3.0])

    assert forecast.slots == ()
    assert forecast.grounds.basis == "none"
    assert forecast.grounds.left_out == len(history)


def test_history_that_ended_long_ago_is_history_still():
    history = weeks(8)
    forecast = forecast_day(history, history[-1].date + timedelta(days=200))

    assert forecast.grounds.last_day == history[-1].date
    assert forecast.grounds.days == 40


def test_few_weeks_are_said_to_be_few():
    history = weeks(2)
    saturday = history[-1].date + timedelta(days=1)

    assert forecast_day(history, after(history)).grounds.basis == "few_weeks"
    assert forecast_day(history, after(history)).grounds.same_weekday == 2
    assert forecast_day(history, saturday).grounds.basis == "other_days"


def test_one_day_gives_figures_with_much_doubt():
    history = busy_days(45, seed=1)
    one = forecast_day(history[:1], history[1].date)
    many = forecast_day(history, after(history))

    assert (one.grounds.own_share, one.grounds.ratios) == (0, 0)
    assert one.grounds.basis == "other_days"
    assert expected(one) == pytest.approx(np.array(history[0].arrivals))
    width_of = {
        forecast.grounds.days: max(slot.high - slot.low for slot in forecast.slots)
        / max(slot.expected for slot in forecast.slots)
        for forecast in (one, many)
    }
    assert width_of[1] > 1.25 * width_of[many.grounds.days]


def coverage(seen: int) -> tuple[float, float, float]:
    inside, planned, poisson = [], [], []
    for seed in range(12):
        days = busy_days(70, seed)
        for number in range(45, 70, 4):
            day = days[number]
            forecast = forecast_day(days[:number], day.date, seen=day.arrivals[:seen])
            for slot, came in zip(forecast.slots, day.arrivals[seen:], strict=True):
                if slot.expected >= 5:
                    inside.append(slot.low <= came <= slot.high)
                    planned.append(came <= slot.planned)
                    poisson.append(abs(came - slot.expected) <= 1.2816 * math.sqrt(slot.expected))
    return float(np.mean(inside)), float(np.mean(planned)), float(np.mean(poisson))


@pytest.mark.parametrize("seen", [0, 22])
def test_intervals_cover_what_they_say_where_poisson_ones_do_not(seen):
    inside, planned, poisson = coverage(seen)

    # 84 days whose half-hours go up and down together: an error of about .03.
    assert 0.72 <= inside <= 0.88
    assert 0.70 <= planned <= 0.90
    if not seen:
        assert poisson < 0.66


def test_usual_scatter_is_that_of_a_rate_that_itself_scatters():
    source = np.random.default_rng(3)
    for mean, scatter in ((0.4, 0.5), (6.0, 0.35), (150.0, 0.7)):
        people = source.poisson(mean * source.gamma(1 / scatter**2, scatter**2, 400_000))

        assert _usual_quantiles(mean, scatter) == pytest.approx(
            np.quantile(people, (0.1, 0.5, 0.8, 0.9)), rel=0.02, abs=0.5
        )


COUNTS = st.lists(
    st.sampled_from([0.0, 1.0, 7.0]) | st.floats(0, 10_000), min_size=SLOTS, max_size=SLOTS
)
HISTORIES = st.lists(st.tuples(st.integers(1, 30), st.booleans(), COUNTS), max_size=9)


@settings(max_examples=60, deadline=None)
@given(
    days=HISTORIES, seen=st.lists(st.floats(0, 10_000), max_size=SLOTS), ahead=st.integers(1, 40)
)
def test_figures_are_ordered_and_never_negative(days, seen, ahead):
    history, moment = [], MONDAY
    for gap, ordinary, counts in days:
        moment += timedelta(days=gap)
        history.append(Day(moment, tuple(counts), ordinary))
    forecast = forecast_day(history, moment + timedelta(days=ahead), seen=seen)

    assert len(forecast.slots) in {0, SLOTS - len(seen)}
    for slot in forecast.slots:
        assert 0 <= slot.low <= slot.median <= slot.planned <= slot.high < math.inf
        assert 0 <= slot.expected < math.inf
    assert 0 <= forecast.grounds.own_share <= 1


@settings(max_examples=25, deadline=None)
@given(slot=st.integers(16, 31), more=st.floats(0, 200))
def test_a_busier_morning_never_foretells_fewer_people(slot, more):
    history = weeks(3)
    seen = list(flat()[: slot + 1])
    quiet = forecast_day(history, after(history), seen=seen)
    seen[slot] += more
    busy = forecast_day(history, after(history), seen=seen)

    assert (expected(busy) >= expected(quiet)).all()


def test_a_forecast_is_staffed():
    history = busy_days(45, seed=2)
    forecast = forecast_day(history, after(history))
    rows = staffing_table(
        [SlotDemand(slot.start, slot.planned) for slot in forecast.slots],
        handling=300,
        target=Target(600),
        leaving_rate=1e-4,
    )
    by_start = {row.start: row.servers for row in rows}

    assert by_start[10 * 3600] > by_start[15.5 * 3600] >= by_start[0] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Day(MONDAY, ()),
        lambda: Day(MONDAY, (1.0,) * 47),
        lambda: Day(MONDAY, (math.nan,) * SLOTS),
        lambda: Day(MONDAY, (-1.0,) * SLOTS),
        lambda: Day(MONDAY, (math.inf,) * SLOTS),
        lambda: forecast_day([Day(MONDAY, flat())], MONDAY),
        lambda: forecast_day([Day(MONDAY, flat())], MONDAY - timedelta(days=1)),
        lambda: forecast_day([Day(MONDAY, flat())] * 2, MONDAY + timedelta(days=1)),
        lambda: forecast_day(weeks(1)[::-1], MONDAY + timedelta(days=9)),
        lambda: forecast_day([], MONDAY, seen=[math.nan]),
        lambda: forecast_day([], MONDAY, seen=[0.0] * 49),
    ],
    ids=range(11),
)
def test_senseless_history_is_rejected(make):
    with pytest.raises(InvalidHistory):
        make()

"""
How many people will come in each half-hour of a day (waits.md 6).

A weekday's profile over eight weeks, times the level of the last five days, times what today has
shown so far. The level is measured on the scale of square roots, where counts of any size scatter
alike (Brown et al., JASA 100 (2005); Shen and Huang, Annals of Applied Statistics 2 (2008)). How far
off it may be comes from how far off the same forecast would have been on the days before, never from
a Poisson distribution, which takes people to come as if no day were busier than another and covers a
third to two thirds of them instead of 80 %.

Days are local days and half-hours those of the clock on the wall, from midnight: where clocks change,
the repeated hour counts into the half-hours of its name.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smartqueue.waits.drain import FloatArray
from smartqueue.waits.errors import InvalidHistory

SLOT_SECONDS = 1800.0
SLOTS = 48
MOST_ARRIVALS = 10_000.0

PROFILE_DAYS = 56
PRIOR_DAYS = 2.0
PRIOR_DAYS_OF_SHAPE = 4.0
LEVEL_DAYS = 5
LEAST_FACTOR, MOST_FACTOR = 0.25, 4.0
INTRADAY_WEIGHT = 30.0
INTRADAY_FADING = 0.9

LEAST_EXPECTED = 1e-3
COUNTED_UP_TO = 1000.0
LEVELS = (0.1, 0.5, 0.8, 0.9)
NEAREST = 200
FULL_WEIGHT_DAYS = 20
SCATTER = 0.35
SCATTER_OF_ONE_DAY = 0.6

Basis = Literal["weekday", "few_weeks", "other_days", "closed", "none"]
"""
weekday: four days of this weekday or more. few_weeks: one to three of them. other_days: none, so the
figures are those of other weekdays. closed: nobody comes, the day is closed. none: nothing was ever
counted, so there are no figures.
"""


@dataclass(frozen=True, slots=True)
class Day:
    """
    People who came on one day.

    arrivals: people in each of its 48 half-hours. is_ordinary: False for a holiday, a closed day, or
    one with a hole in its count; nothing is learned from it.
    """

    date: date
    arrivals: tuple[float, ...]
    is_ordinary: bool = True

    def __post_init__(self) -> None:
        if len(self.arrivals) != SLOTS:
            raise InvalidHistory("a day has 48 half-hours")
        _require_counts(self.arrivals)


@dataclass(frozen=True, slots=True)
class ForecastSlot:
    """
    One half-hour; all in people.

    start: seconds after local midnight. expected: mean. low, median, high: 10, 50, 90 % quantiles.
    planned: 80 % quantile, what staffing should be ready for.
    """

    start: float
    expected: float
    low: float
    median: float
    planned: float
    high: float


@dataclass(frozen=True, slots=True)
class Grounds:
    """
    What a forecast rests on, for pages to say.

    days: ordinary days of the eight weeks. same_weekday: how many of them were this weekday.
    left_out: holidays and closed days among the eight weeks. last_day: the last day known of.
    level: how the last five days compare with their profile. intraday: how today does so far.
    seen_slots: half-hours of today already counted. ratios: past half-hours that the intervals were
    measured on. own_share: their weight, 0 to 1, the rest being the scatter usual elsewhere.
    """

    basis: Basis
    days: int = 0
    same_weekday: int = 0
    left_out: int = 0
    last_day: date | None = None
    level: float = 1.0
    intraday: float = 1.0
    seen_slots: int = 0
    ratios: int = 0
    own_share: float = 0.0


@dataclass(frozen=True, slots=True)
class DayForecast:
    """The half-hours of a day that are still to come; none when nothing can be said honestly."""

    date: date
    slots: tuple[ForecastSlot, ...]
    grounds: Grounds

    @property
    def expected(self) -> float:
        """Mean number of people still to come that day."""
        return math.fsum(slot.expected for slot in self.slots)


@dataclass(frozen=True, slots=True)
class _Counts:
    days: NDArray[np.int64]
    weekdays: NDArray[np.int64]
    arrivals: FloatArray

    def between(self, first: int, last: int) -> "_Counts":
        low, high = np.searchsorted(self.days, (first, last + 1))
        return _Counts(self.days[low:high], self.weekdays[low:high], self.arrivals[low:high])


def forecast_day(
    history: Sequence[Day],
    target: date,
    *,
    seen: Sequence[float] = (),
    is_open: bool = True,
) -> DayForecast:
    """
    Forecast the half-hours of a day that are still to come.

    :param history: days before it, in order; eight weeks make the figures, eight more the intervals
    :param seen: people in the half-hours of the day that are over, from midnight on
    :param is_open: False for a holiday or a closed day
    :raises InvalidHistory: days out of order, twice, or not before the target; a count that is
        negative or not finite
    """
    _require_order(history, target)
    _require_counts(seen)
    if len(seen) > SLOTS:
        raise InvalidHistory("a day has 48 half-hours")
    if not is_open:
        closed = tuple(ForecastSlot(start, 0, 0, 0, 0, 0) for start in _starts(len(seen)))
        return DayForecast(target, closed, Grounds("closed", seen_slots=len(seen)))
    counts = _counts(history)
    lead = target.toordinal() - history[-1].date.toordinal() if history else 1
    known = _known(counts, target.toordinal(), lead)
    left_out = sum(not day.is_ordinary and _age(day, history[-1]) < PROFILE_DAYS for day in history)
    last_day = history[-1].date if history else None
    if not known.days.size:
        grounds = Grounds("none", left_out=left_out, last_day=last_day, seen_slots=len(seen))
        return DayForecast(target, (), grounds)
    observed = np.array(seen, dtype=np.float64)
    profile, level = _profile(known, target.weekday()), _level(known)
    whole = profile * level
    expected, intraday = _with_today(whole, observed)
    past = _past(counts, lead, observed.size, known.days.size)
    quantiles, own_share = _quantiles(expected, past, known.days.size)
    same = int((known.weekdays == target.weekday()).sum())
    slots = tuple(
        ForecastSlot(start, mean, *row)
        for start, mean, row in zip(
            _starts(observed.size), expected.tolist(), quantiles.tolist(), strict=True
        )
    )
    grounds = Grounds(
        basis="other_days" if same == 0 else "few_weeks" if same < 4 else "weekday",
        days=int(known.days.size),
        same_weekday=same,
        left_out=left_out,
        last_day=last_day,
        level=level,
        intraday=intraday,
        seen_slots=int(observed.size),
        ratios=int(past.ratios.size),
        own_share=own_share,
    )
    return DayForecast(target, slots, grounds)


def _require_counts(arrivals: Sequence[float]) -> None:
    if not all(0 <= count <= MOST_ARRIVALS for count in arrivals):
        raise InvalidHistory("arrivals of a half-hour must be between 0 and 10,000")


def _require_order(history: Sequence[Day], target: date) -> None:
    dates = [day.date for day in history]
    if any(later <= earlier for earlier, later in itertools.pairwise(dates)):
        raise InvalidHistory("days must be in order, each once")
    if dates and dates[-1] >= target:
        raise InvalidHistory("days must be before the one that is forecast")


def _age(day: Day, last: Day) -> int:
    return last.date.toordinal() - day.date.toordinal()


def _starts(seen: int) -> list[float]:
    return [number * SLOT_SECONDS for number in range(seen, SLOTS)]


def _counts(history: Sequence[Day]) -> _Counts:
    ordinary = [day for day in history if day.is_ordinary]
    return _Counts(
        days=np.array([day.date.toordinal() for day in ordinary], dtype=np.int64),
        weekdays=np.array([day.date.weekday() for day in ordinary], dtype=np.int64),
        arrivals=np.array([day.arrivals for day in ordinary], dtype=np.float64).reshape(-1, SLOTS),
    )


def _known(counts: _Counts, target: int, lead: int) -> _Counts:
    """Return the eight weeks that a forecast made `lead` days before its target knows of."""
    return counts.between(target - lead - PROFILE_DAYS + 1, target - lead)


def _profile(known: _Counts, weekday: int) -> FloatArray:
    """
    Return the people of each half-hour on this weekday: how many come that day, times when they come.

    Both are held to the mean over weekdays, which counts as two days of this weekday for how many and
    as four for when: a day's total is known much better than its half-hours, and differs more from
    one weekday to another than the hours do. A weekday never seen is taken to be like the others.
    """
    means = [known.arrivals[known.weekdays == day].mean(axis=0) for day in set(known.weekdays)]
    usual = np.mean(means, axis=0)
    same = known.arrivals[known.weekdays == weekday].sum(axis=0)
    count = int((known.weekdays == weekday).sum())
    total = (same.sum() + PRIOR_DAYS * usual.sum()) / (count + PRIOR_DAYS)
    shape = same + PRIOR_DAYS_OF_SHAPE * usual
    people = shape.sum()
    profile: FloatArray = shape * (total / people) if people > 0 else usual
    return profile


def _level(known: _Counts) -> float:
    """Return the last five days over their profiles, both as roots (Anscombe: of the count + 1/4)."""
    weekdays, totals = known.weekdays[-LEVEL_DAYS:], known.arrivals[-LEVEL_DAYS:].sum(axis=1)
    profiles = np.array([_profile(known, int(weekday)).sum() for weekday in weekdays])
    return _bounded(float(np.sqrt(totals + 0.25).sum() / np.sqrt(profiles + 0.25).sum()) ** 2)


def _bounded(factor: float) -> float:
    return min(max(factor, LEAST_FACTOR), MOST_FACTOR)


def _with_today(whole: FloatArray, seen: FloatArray) -> tuple[FloatArray, float]:
    """Return what is still to come, corrected by today so far, and the factor of the next half-hour."""
    rest = whole[seen.size :]
    planned = float(whole[: seen.size].sum())
    factor = _bounded((float(seen.sum()) + INTRADAY_WEIGHT) / (planned + INTRADAY_WEIGHT))
    return rest * (1 + (factor - 1) * INTRADAY_FADING ** np.arange(rest.size)), factor


@dataclass(frozen=True, slots=True)
class _Past:
    """Half-hours forecast in the past in the same way, by what was expected; and the days they are of."""

    expected: FloatArray
    ratios: FloatArray
    days: int


def _past(counts: _Counts, lead: int, seen: int, known_days: int) -> _Past:
    """
    Forecast each of the last days from what was known as long before it, and compare.

    Days that knew of less than half as many days as are known now were forecast much worse.
    """
    forecasts, ratios, days = [np.empty(0)], [np.empty(0)], 0
    for number in range(max(len(counts.days) - PROFILE_DAYS, 0), len(counts.days)):
        known = _known(counts, int(counts.days[number]), lead)
        if known.days.size < max(known_days / 2, 1):
            continue
        arrivals = counts.arrivals[number]
        whole = _profile(known, int(counts.weekdays[number])) * _level(known)
        expected, _ = _with_today(whole, arrivals[:seen])
        some = expected >= LEAST_EXPECTED
        forecasts.append(expected[some])
        ratios.append(arrivals[seen:][some] / expected[some])
        days += 1
    expected = np.concatenate(forecasts)
    order = np.argsort(expected, kind="stable")
    return _Past(expected[order], np.concatenate(ratios)[order], days)


def _quantiles(expected: FloatArray, past: _Past, known_days: int) -> tuple[FloatArray, float]:
    """Return low, median, planned and high of each half-hour, and how much of it is measured here."""
    own_share = min(past.days / FULL_WEIGHT_DAYS, 1.0)
    scatter = math.hypot(SCATTER, SCATTER_OF_ONE_DAY / math.sqrt(known_days))
    rows = np.zeros((expected.size, len(LEVELS)))
    for number, mean in enumerate(expected.tolist()):
        if mean >= LEAST_EXPECTED:
            rows[number] = (1 - own_share) * _usual_quantiles(mean, scatter)
            if past.ratios.size:
                rows[number] += own_share * mean * np.quantile(_nearest(past, mean), LEVELS)
    return rows, own_share if past.ratios.size else 0.0


def _nearest(past: _Past, mean: float) -> FloatArray:
    """Return the ratios of the past half-hours in which about as many people were expected."""
    middle = int(np.searchsorted(past.expected, mean))
    first = min(max(middle - NEAREST // 2, 0), max(past.ratios.size - NEAREST, 0))
    return past.ratios[first : first + NEAREST]


def _usual_quantiles(mean: float, scatter: float) -> FloatArray:
    """
    Return quantiles of people who come at random at a rate that itself scatters by `scatter`.

    A gamma-distributed rate makes their number negative binomial, with variance
    mean + (scatter mean)^2 (Jongbloed and Koole, Applied Stochastic Models 17 (2001)).
    """
    if mean > COUNTED_UP_TO:  # chance is nothing beside the scatter of the rate
        return _usual_quantiles(COUNTED_UP_TO, scatter) * (mean / COUNTED_UP_TO)
    shape = 1 / scatter**2
    most = int(mean + 12 * math.sqrt(mean + (scatter * mean) ** 2)) + 12
    numbers = np.arange(1, most + 1)
    steps = np.log((numbers + shape - 1) / numbers) - math.log1p(shape / mean)
    logs = np.concatenate(([0.0], np.cumsum(steps))) - shape * math.log1p(mean / shape)
    return np.searchsorted(np.cumsum(np.exp(logs)), LEVELS).astype(np.float64)

"""Putting the figures of several pools together, one estimate per person."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartqueue.waits.drain import FloatArray
from smartqueue.waits.estimate import Basis, Estimate, Explanation, State
from smartqueue.waits.line import Figures
from smartqueue.waits.situation import Situation

NOWHERE = Situation("unknown", has_figure=False)


@dataclass(frozen=True, slots=True)
class _Source:
    situation: Situation
    basis: Basis


class Answers:
    """
    The earliest figures of each person over the pools that can serve them.

    Each quantile is the smallest of the pools' quantiles, so that a pool more never lengthens a
    wait; the explanation comes from the pool with the smallest base.
    """

    def __init__(self, people: int) -> None:
        self._base = np.full(people, math.inf)
        self._quantiles = np.full((people, 3), math.inf)
        self._chance = np.full(people, math.nan)
        self._overtakers = np.zeros(people)
        self._ahead = np.zeros(people, dtype=np.int64)
        self._source = np.zeros(people, dtype=np.int64)
        self._sources = [_Source(NOWHERE, "none")]

    def take(
        self,
        places: NDArray[np.int64],
        ahead: NDArray[np.int64],
        where: Situation,
        figures: Figures,
        basis: Basis,
    ) -> None:
        """Take in one pool's figures for the people at these places."""
        new = (self._source[places] == 0) | (figures.base < self._base[places])
        chosen = places[new]
        self._base[chosen] = figures.base[new]
        self._overtakers[chosen] = figures.overtakers[new]
        self._ahead[chosen] = ahead[new]
        self._source[chosen] = len(self._sources)
        self._sources.append(_Source(where, basis))
        self._quantiles[places] = np.minimum(self._quantiles[places], _columns(figures))
        self._chance[places] = np.fmax(self._chance[places], figures.chance)

    def estimates(self) -> list[Estimate]:
        """Return one estimate per person, in order."""
        told = np.isfinite(self._base)
        quantiles = np.where(told[:, np.newaxis], self._quantiles, 0.0)
        rows = zip(
            self._source.tolist(),
            self._ahead.tolist(),
            self._base.tolist(),
            np.floor(quantiles[:, 0]).astype(np.int64).tolist(),
            np.rint(quantiles[:, 1]).astype(np.int64).tolist(),
            np.ceil(quantiles[:, 2]).astype(np.int64).tolist(),
            self._chance.tolist(),
            self._overtakers.tolist(),
            strict=True,
        )
        estimates = []
        for number, ahead, base, low, median, high, chance, overtakers in rows:
            source = self._sources[number]
            where = source.situation
            served_chance = None if math.isnan(chance) else chance
            if math.isinf(base):
                state: State = "unknown" if where.has_figure else where.state
                why = Explanation(state, ahead, where.counters, 0.0, where.starts_at)
                estimate = Estimate(None, None, None, "none", why, served_chance=served_chance)
            else:
                state = "now" if base == 0 else where.state
                why = Explanation(state, ahead, where.counters, overtakers, where.starts_at)
                estimate = Estimate(
                    low, median, high, source.basis, why, base, where.delay, served_chance
                )
            estimates.append(estimate)
        return estimates


def _columns(figures: Figures) -> FloatArray:
    return np.column_stack((figures.low, figures.median, figures.high))

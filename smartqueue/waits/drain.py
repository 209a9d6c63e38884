"""Closed-form time for a line to drain through segments of constant capacity (waits.md 2.3)."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NEGLIGIBLE_LEAVING = 1e-9
LARGEST_EXPONENT = 300.0


def drain_times(
    people: FloatArray, starts: FloatArray, rates: FloatArray, leaving_rate: float
) -> FloatArray:
    """
    Return when each of several lines is empty: dn/du = -r(u) - theta n, n(0) = people.

    Multiplied by exp(theta u) the equation integrates to people = G(t), where G is the integral
    of r(u) exp(theta u). G is summed once over the segments and inverted for every line, which
    equals stepping n' = (n + r/theta) exp(-theta h) - r/theta through them.

    :param people: people-equivalents in front of the call, own place included
    :param starts: segment starts, seconds from now, the first 0; the last segment has no end
    :param rates: calls per second in each segment, c/m
    :param leaving_rate: theta, leaving people per waiting person and second
    :return: seconds from now, infinite where the line never drains
    """
    theta = leaving_rate if leaving_rate > NEGLIGIBLE_LEAVING else 0.0
    lengths = np.diff(starts)
    if theta:
        growth = np.exp(np.minimum(theta * starts, LARGEST_EXPONENT))
        stretched = np.expm1(np.minimum(theta * lengths, LARGEST_EXPONENT)) / theta
        gains = rates[:-1] * growth[:-1] * stretched
    else:
        growth = np.ones_like(starts)
        gains = rates[:-1] * lengths
    drained = np.concatenate(([0.0], np.cumsum(gains)))
    segment = np.maximum(np.searchsorted(drained, people, side="left") - 1, 0)
    left_over = np.maximum(people - drained[segment], 0.0) / growth[segment]
    rate = rates[segment]
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.log1p(left_over * theta / rate) / theta if theta else left_over / rate
    times = np.where(rate > 0, starts[segment] + inside, np.inf)
    return np.where(people > 0, times, 0.0)

"""Where the marks of a chart stand; templates draw them as SVG, with a table beneath that says the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smartqueue.analytics.queries import AIM, Calibration, Figures, Position

SIDE: Final = 240
EDGE: Final = 44
ROW: Final = 34
BAR: Final = 18
LABEL: Final = 64
LENGTH: Final = 230
# The band within which the product wants the coverage to stay.
BAND: Final = (0.75, 0.85)
NORMAL_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Point:
    """A share that was told (across) and that came true (upwards), with its 95 % range."""

    x: int
    y: int
    top: int
    bottom: int
    level: float
    share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The coverage of one range of people ahead; `length` is 0 when nothing was scored."""

    y: int
    middle: int
    length: int
    label: str
    share: float | None
    estimates: int
    is_within: bool


def calibration_points(shares: Sequence[Calibration], estimates: int) -> list[Point]:
    """Return the points of the calibration plot, in a square of SIDE within EDGE."""
    points = []
    for one in shares:
        spread = NORMAL_95 * math.sqrt(one.share * (1 - one.share) / max(estimates, 1))
        points.append(
            Point(
                x=round(EDGE + one.level * SIDE),
                y=_up(one.share),
                top=_up(min(one.share + spread, 1.0)),
                bottom=_up(max(one.share - spread, 0.0)),
                level=one.level,
                share=one.share,
            )
        )
    return points


def _up(share: float) -> int:
    return round(EDGE + (1 - share) * SIDE)


def ticks() -> list[tuple[int, int, float]]:
    """Return the marks of the calibration plot's axes: place across, place upwards, share."""
    return [(round(EDGE + share * SIDE), _up(share), share) for share in (0, 0.25, 0.5, 0.75, 1)]


def coverage_bars(positions: Sequence[Position]) -> list[Bar]:
    """Return a bar for each range of people ahead."""
    return [_bar(number, one) for number, one in enumerate(positions)]


def _bar(number: int, position: Position) -> Bar:
    figures: Figures = position.figures
    share = figures.coverage
    y = number * ROW + (ROW - BAR) // 2
    return Bar(
        y=y,
        middle=y + BAR // 2,
        length=round((share or 0.0) * LENGTH),
        label=range_text(position.since, position.until),
        share=share,
        estimates=figures.estimates,
        is_within=share is not None and BAND[0] <= share <= BAND[1],
    )


def band() -> tuple[int, int, int]:
    """Return where the wanted band begins, how wide it is, and where its middle is."""
    start = round(LABEL + BAND[0] * LENGTH)
    return start, round((BAND[1] - BAND[0]) * LENGTH), round(LABEL + AIM * LENGTH)


def range_text(since: int, until: int | None) -> str:
    """Return people ahead as "0", "3\N{EN DASH}4" or "21+"."""
    if until is None:
        return f"{since}+"
    return str(since) if since == until else f"{since}\N{EN DASH}{until}"


def error_lengths(errors: Sequence[int | None]) -> list[int]:
    """Return how long the bars of some errors are, the longest LENGTH."""
    longest = max((error or 0 for error in errors), default=0)
    return [round((error or 0) / longest * LENGTH) if longest else 0 for error in errors]

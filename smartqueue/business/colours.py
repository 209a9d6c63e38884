"""An organization's colour: what can be written on it, and what it becomes where it is written."""

import re
from typing import Final

AA: Final = 4.5
"""The least contrast of text by WCAG 2.2, level AA."""

WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
PAGE: Final = "#f1f5f2"
_FORM: Final = re.compile(r"#[0-9a-f]{6}")
_STEPS: Final = 50


def is_colour(value: str) -> bool:
    """Whether a text is a colour as it is stored: #rrggbb in lower case."""
    return _FORM.fullmatch(value) is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours by WCAG 2.2, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(colour: str) -> str:
    """Return white where it can be read on a colour at level AA, else black, which then can."""
    return WHITE if contrast(colour, WHITE) >= AA else BLACK


def as_text(colour: str) -> str:
    """Return the colour, darkened until it can be read as text on our pages."""
    return _darkened(colour, on=PAGE, least=AA)


def deep(colour: str) -> str:
    """Return a dark shade of the colour for large surfaces with white text."""
    return _darkened(mixed(colour, BLACK, 0.35), on=WHITE, least=7)


def mixed(colour: str, other: str, share: float) -> str:
    """Return a colour with a share (0 to 1) of another in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a * (1 - share) + b * share):02x}" for a, b in pairs)


def _darkened(colour: str, *, on: str, least: float) -> str:
    for step in range(_STEPS):
        shade = mixed(colour, BLACK, step / _STEPS)
        if contrast(shade, on) >= least:
            return shade
    return BLACK


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

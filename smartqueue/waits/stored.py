"""Checked reading of stored state."""

import math
from collections.abc import Mapping
from typing import Any

from smartqueue.waits.errors import CorruptState

MOST_COUNTED = 10**12


def mapping(state: object, name: str) -> Mapping[str, Any]:
    """
    Return a stored mapping.

    :raises CorruptState: it is not a mapping with text keys
    """
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise CorruptState(f"{name} must be an object")
    return state


def number(state: Mapping[str, Any], name: str, least: float, most: float = math.inf) -> float:
    """
    Return a stored finite number within its range.

    :raises CorruptState: it is missing, not a number or out of range
    """
    return checked_number(state.get(name), name, least, most)


def whole(state: Mapping[str, Any], name: str) -> int:
    """
    Return a stored count.

    :raises CorruptState: it is missing, not whole, negative or absurdly large
    """
    value = state.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNTED:
        raise CorruptState(f"{name} must be a count")
    return value


def items(state: Mapping[str, Any], name: str, most: int) -> list[Any]:
    """
    Return a stored list.

    :raises CorruptState: it is missing, not a list or too long
    """
    value = state.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise CorruptState(f"{name} must be a list of at most {most}")
    return value


def checked_number(value: object, name: str, least: float, most: float = math.inf) -> float:
    """
    Return a finite number within its range.

    :raises CorruptState: it is not a number or out of range
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CorruptState(f"{name} must be a number")
    try:
        converted = float(value)
    except OverflowError:
        raise CorruptState(f"{name} is out of range") from None
    if not math.isfinite(converted) or not least <= converted <= most:
        raise CorruptState(f"{name} is out of range")
    return converted


def moment(state: Mapping[str, Any], name: str, farthest: float) -> float | None:
    """
    Return a stored moment, epoch seconds, or None where none was known.

    :raises CorruptState: it is missing, not a number or out of range
    """
    if name not in state:
        raise CorruptState(f"{name} is missing")
    return None if state[name] is None else number(state, name, -farthest, farthest)

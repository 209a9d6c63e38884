"""What other apps say to privacy; they fill these ports when they are ready."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

RetentionSource: TypeAlias = Callable[[], Mapping[UUID, Mapping[str, timedelta]]]
"""Returns, for each organization that shortens, its periods by the code of the retention kind."""


def _nobody_shortens() -> Mapping[UUID, Mapping[str, timedelta]]:
    return {}


_source: RetentionSource = _nobody_shortens


def register_retention_source(source: RetentionSource) -> None:
    """Fill the port through which organizations shorten periods."""
    global _source
    _source = source


def shortened_periods() -> Mapping[UUID, Mapping[str, timedelta]]:
    """Return the shorter periods that organizations have chosen."""
    return _source()

"""Fields and texts that several things have on the wire."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import get_language
from rest_framework import serializers

from smartqueue.business.models import (
    Organization,
    Service,
)

LANGUAGES = ("fr", "en", "ar")
MAX_TEXT = 4000
MAX_INTERVALS = 70
MAX_WITHIN_METRES = 1_000_000


def texts_in(values: dict[str, Any], *fields: str) -> dict[str, Any]:
    """Take the texts out of `values`; a plain one is in the caller's language."""
    language = (get_language() or "fr")[:2]
    found: dict[str, Any] = {}
    for field in fields:
        if field in values:
            found[f"{field}_{language}"] = values.pop(field)
        for code in LANGUAGES:
            if f"{field}_{code}" in values:
                found[f"{field}_{code}"] = values.pop(f"{field}_{code}")
    return found


def texts_of_row(row: Organization | Service, fields: Iterable[str]) -> dict[str, str]:
    shown = {}
    for field in fields:
        shown[field] = getattr(row, field) or ""
        for code in LANGUAGES:
            shown[f"{field}_{code}"] = getattr(row, f"{field}_{code}") or ""
    return shown


class LongText(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{"required": False, "allow_blank": True, "max_length": MAX_TEXT, **kwargs}
        )


class Name(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "max_length": 120, **kwargs})


def distance_of(row: Any) -> int | None:
    distance = getattr(row, "distance", None)
    return None if distance is None else round(getattr(distance, "m", distance))

"""What every door of this app checks and notes in the same way."""

from collections.abc import Callable, Iterable, Mapping
from datetime import time
from typing import Any, Final, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from moneyed import CURRENCIES

from smartqueue.accounts import identifiers
from smartqueue.business import ports
from smartqueue.business.errors import PeopleWaiting
from smartqueue.business.hours import MIDNIGHT
from smartqueue.business.ports import Retirable
from smartqueue.common.errors import FieldError, InvalidInput
from smartqueue.locations import queries as location_queries
from smartqueue.locations.models import Commune

LANGUAGES: Final = ("fr", "en", "ar")
MAX_AMOUNT_MINOR: Final = 1_000_000_000_000

M = TypeVar("M", bound=models.Model)


def translated(*fields: str) -> tuple[str, ...]:
    """Return the columns that hold texts in each language."""
    return tuple(f"{field}_{language}" for field in fields for language in LANGUAGES)


def _unstorable(value: Any) -> bool:
    return isinstance(value, str) and (
        "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value)
    )


def check(row: models.Model) -> None:
    """
    Refuse a row whose own columns cannot be stored as they are.

    :raises InvalidInput: naming each wrong field
    """
    plain = [field for field in row._meta.concrete_fields if not field.generated]
    bad = [field.name for field in plain if _unstorable(getattr(row, field.attname))]
    if bad:
        raise InvalidInput(
            errors=tuple(
                FieldError(name, "invalid", _("This text cannot be kept.")) for name in bad
            )
        )
    others = [f.name for f in row._meta.concrete_fields if f.generated or f.is_relation]
    try:
        row.clean_fields(exclude=set(others))
    except ValidationError as error:
        raise InvalidInput(
            errors=tuple(
                FieldError(name, wrong[0].code or "invalid", wrong[0].messages[0])
                for name, wrong in error.error_dict.items()
            )
        ) from error


def apply(
    row: M,
    changes: Mapping[str, Any],
    allowed: Iterable[str],
    also: Callable[[M], None] = lambda row: None,
) -> list[str]:
    """
    Set what is different, check the row (`also` by its own rules) and count up its version.

    Returns the names of what changed.

    :raises InvalidInput: a wrong value
    :raises ValueError: a field that cannot be changed
    """
    if strange := set(changes) - set(allowed):
        raise ValueError(f"cannot be changed: {sorted(strange)}")
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, changes[name])
    if changed:
        also(row)
        check(row)
        row.version += 1  # type: ignore[attr-defined]  # every row that changes has one
        row.save()
    return sorted(changed)


def phone_number(value: str) -> str:
    """
    Return a phone number as it is stored, empty if there is none.

    :raises InvalidInput: not a phone number
    """
    return identifiers.phone(value).value if value.strip() else ""


def commune_of(code: str | None) -> Commune | None:
    """
    Return the commune with a code; None for none.

    :raises InvalidInput: no commune has it
    """
    if not code:
        return None
    commune = None if _unstorable(code) else location_queries.commune_by_code(code)
    if commune is None:
        raise InvalidInput.on("commune", _("No commune has this code."), "unknown_commune")
    return commune


def check_price(price_minor: int, currency: str) -> None:
    """
    :raises InvalidInput: a negative or absurd amount, or no ISO 4217 currency
    """
    if not 0 <= price_minor <= MAX_AMOUNT_MINOR:
        raise InvalidInput.on(
            "price.amount", _("Give an amount of zero or more, in minor units."), "out_of_range"
        )
    if currency not in CURRENCIES:
        raise InvalidInput.on(
            "price.currency", _("Give a currency by its ISO 4217 code."), "unknown_currency"
        )


def check_interval(opens_at: time, closes_at: time, path: str = "") -> None:
    """
    :raises InvalidInput: it does not end after it begins; the end of the day is 00:00
    """
    if closes_at != MIDNIGHT and closes_at <= opens_at:
        raise InvalidInput.on(
            f"{path}closes_at",
            _("Closing comes after opening; past midnight, write two intervals."),
            "ends_before_start",
        )


def overlaps(first: tuple[time, time], second: tuple[time, time]) -> bool:
    """Whether two intervals of one day have a moment in common."""
    (opens, closes), (other_opens, _closes) = sorted((first, second))
    return closes == MIDNIGHT or other_opens < closes or opens == other_opens


def refuse_if_held(thing: Retirable, thing_id: UUID) -> None:
    """
    :raises PeopleWaiting: people would be left standing
    """
    held_up = ports.people_held_up(thing, thing_id)
    if held_up:
        raise PeopleWaiting(waiting=held_up)

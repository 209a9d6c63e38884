"""What providers charge, in minor units."""

from decimal import ROUND_HALF_UP, Decimal

from moneyed import CurrencyDoesNotExist, get_currency


def minor_units(amount: Decimal, currency: str) -> int | None:
    """Return an amount in whole minor units, rounded as on paper; None for a currency that is none."""
    try:
        sub_unit = get_currency(currency).sub_unit
    except CurrencyDoesNotExist:
        return None
    return int((amount * sub_unit).to_integral_value(ROUND_HALF_UP))

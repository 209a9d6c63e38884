"""Money as integer minor units with a currency."""

from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money as FormattedMoney
from moneyed import get_currency
from moneyed.l10n import format_money


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency; XOF has none, so 2500 is 2,500 francs."""

    amount_minor: int
    currency: str

    def as_wire(self) -> dict[str, int | str]:
        """Return the contract's form, `{"amount": 2500, "currency": "XOF"}`."""
        return {"amount": self.amount_minor, "currency": self.currency}

    def display(self, language: str) -> str:
        """Return the amount as a reader of `language` (fr, en, ar) writes it."""
        currency = get_currency(self.currency)
        major = Decimal(self.amount_minor) / currency.sub_unit
        return format_money(FormattedMoney(major, currency), locale=language)

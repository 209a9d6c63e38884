"""The codes and words of Africa's Talking, and ours."""

import re
from decimal import Decimal
from typing import Any, Final, NamedTuple

from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.amounts import minor_units
from smartqueue.notifications.providers.base import (
    Balance,
    Delivery,
    Handed,
    OutcomeUnknown,
    ProviderError,
)

TAKEN: Final = frozenset({"100", "101", "102"})


class Refusal(NamedTuple):
    code: str
    is_retryable: bool = True
    is_recipient: bool = False


# Each stands for one recipient inside an answer of 201.
REFUSALS: Final = {
    "401": Refusal("RiskHold"),
    "402": Refusal("InvalidSenderId"),
    "403": Refusal("InvalidPhoneNumber", is_retryable=False, is_recipient=True),
    "404": Refusal("UnsupportedNumberType", is_retryable=False, is_recipient=True),
    "405": Refusal("InsufficientBalance"),
    "406": Refusal("UserInBlacklist", is_retryable=False, is_recipient=True),
    "407": Refusal("CouldNotRoute"),
    "500": Refusal("InternalServerError"),
    "501": Refusal("GatewayError"),
    "502": Refusal("RejectedByGateway"),
}

DELIVERIES: Final = {
    "Sent": Delivery.ON_THE_WAY,
    "Submitted": Delivery.ON_THE_WAY,
    "Buffered": Delivery.ON_THE_WAY,
    "AbsentSubscriber": Delivery.FAILED,
    "Success": Delivery.DELIVERED,
    "Rejected": Delivery.FAILED,
    "Failed": Delivery.FAILED,
    "Expired": Delivery.EXPIRED,
}
RECIPIENT_FAILURES: Final = frozenset(
    {"UserInBlacklist", "UserDoesNotExist", "UserNotProvisioned", "NotNetworkSubscriber"}
)
_MONEY: Final = re.compile(r"([A-Z]{3})\s*(\d{1,12}(?:\.\d{1,6})?)", re.ASCII)


def handed(recipients: list[Any]) -> Handed:
    """
    Return what the answer says of the one recipient that was asked for.

    :raises ProviderError: refused, or nobody was sent to
    :raises OutcomeUnknown: it says nothing that is documented
    """
    if not recipients:
        raise ProviderError("no_recipient", retryable=True)
    status = wire.text_of(recipients[0], "statusCode")
    if status in REFUSALS:
        refused = REFUSALS[status]
        raise ProviderError(
            refused.code, retryable=refused.is_retryable, is_recipient=refused.is_recipient
        )
    reference = wire.text_of(recipients[0], "messageId")
    if status not in TAKEN or reference in {"", "None"}:
        raise OutcomeUnknown("unreadable_answer")
    currency, amount = money(wire.text_of(recipients[0], "cost"))
    return Handed(reference, amount, currency)


def money(text: str) -> tuple[str, int | None]:
    """Return currency and minor units of `XOF 20.0000`; "" and None where it says nothing."""
    found = _MONEY.fullmatch(text.strip())
    if found is None:
        return "", None
    amount = minor_units(Decimal(found[2]), found[1])
    return (found[1], amount) if amount is not None else ("", None)


def balance(text: str) -> Balance:
    """
    Return the balance from `XOF 2000.00`.

    :raises ProviderError: it cannot be read
    """
    currency, amount = money(text)
    if amount is None:
        raise ProviderError("unreadable_answer", retryable=True)
    return Balance(amount_minor=amount, currency=currency)

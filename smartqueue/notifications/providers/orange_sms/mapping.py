"""Orange's codes and words, and ours."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from smartqueue.common import http
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import Balance, Delivery, ProviderError, Receipt

_MARK: Final = "sq-"

DELIVERIES: Final = {
    "DeliveredToNetwork": Delivery.ON_THE_WAY,
    "MessageWaiting": Delivery.ON_THE_WAY,
    "DeliveryUncertain": Delivery.ON_THE_WAY,
    "DeliveredToTerminal": Delivery.DELIVERED,
    "DeliveryImpossible": Delivery.FAILED,
}
# Of the part of the request that Orange says is wrong: whether another message to the same number,
# or the same by another provider, is worth a try.
_RECIPIENT_PARTS: Final = ("address", "tel:")
_TEXT_PARTS: Final = ("outboundsmstextmessage", "message")


def correlator(reference: UUID) -> str:
    """Return what travels with a message as ours; a receipt names it or the resource, both UUIDs."""
    return f"{_MARK}{reference}"


def references(callback_data: str) -> tuple[str, str]:
    """Return the provider's reference and ours of what a receipt names; one of both is empty."""
    if callback_data.startswith(_MARK):
        return "", callback_data.removeprefix(_MARK)
    return callback_data, ""


def refusal(answer: http.Response) -> ProviderError:
    """Return the error that an answer stands for; OutcomeUnknown where it leaves that open."""
    wait = wire.retry_after(answer)
    found = wire.json_of(answer.body)
    for kind in ("serviceException", "policyException"):
        code = wire.text_of(found, "requestError", kind, "messageId")
        if code and answer.status < 500:
            variables = wire.dig(found, "requestError", kind, "variables")
            return _of_message(code, variables if isinstance(variables, list) else [], wait)
    code = wire.text_of(found, "code")
    if answer.status < 500 and code.isdecimal() and len(code) < 6:
        return ProviderError(f"gateway_{code}", retryable=True, retry_after=wait)
    return wire.refusal(answer)


def _of_message(code: str, variables: list[Any], wait: float | None) -> ProviderError:
    code = code if code.isalnum() and len(code) < 12 else "unknown_code"
    parts = [str(part).lower() for part in variables]
    is_recipient = code == "SVC0004" or (
        code == "SVC0002" and any(part.startswith(_RECIPIENT_PARTS) for part in parts)
    )
    is_text = code == "SVC0002" and any(part in _TEXT_PARTS for part in parts)
    return ProviderError(
        code,
        retryable=not is_recipient and not is_text,
        retry_after=wait,
        is_recipient=is_recipient,
    )


def receipt(callback_data: str, status: str) -> Receipt | None:
    """Return what a receipt says; None for a word that is not documented."""
    delivery = DELIVERIES.get(status)
    if delivery is None:
        return None
    reference, own_reference = references(callback_data)
    return Receipt(
        delivery,
        reference=reference,
        own_reference=own_reference,
        event_id=f"{callback_data}:{status}",
        code=status,
    )


def balance(found: Any) -> Balance:
    """
    Return the segments that contracts in force still have, and when the first of them ends.

    Both forms are read: a list, and the nested one of the first version.

    :raises ProviderError: it is neither
    """
    contracts = _nested(found) if isinstance(found, dict) else found
    if not isinstance(contracts, list) or not all(isinstance(each, dict) for each in contracts):
        raise ProviderError("unreadable_answer", retryable=True)
    active = [each for each in contracts if each.get("status", "ACTIVE") == "ACTIVE"]
    units, ends = 0, list[datetime]()
    for contract in active:
        left = wire.text_of(contract, "availableUnits")
        units += int(left) if left.isdecimal() else 0
        end = wire.moment(wire.text_of(contract, "expirationDate"))
        if end is not None:
            ends.append(end)
    return Balance(units=units, expires_at=min(ends, default=None))


def _nested(found: dict[str, Any]) -> Any:
    contracts = wire.dig(found, "partnerContracts", "contracts")
    if not isinstance(contracts, list):
        return None
    return [inner for outer in contracts for inner in (wire.dig(outer, "serviceContracts") or [])]

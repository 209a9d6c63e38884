"""Twilio's codes and words, and ours."""

from typing import Final

from smartqueue.common import http
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import Delivery, ProviderError, Receipt

# The number cannot be reached by anybody: not valid (21211, 21217), no mobile (21614, 30006),
# unknown or gone (30005), does not want it (21610).
RECIPIENT_CODES: Final = frozenset({"21211", "21217", "21614", "21610", "30005", "30006"})
# No text, or too long a one (21602, 21617): so it would be with the next provider.
TEXT_CODES: Final = frozenset({"21602", "21617"})

DELIVERIES: Final = {
    "accepted": Delivery.ON_THE_WAY,
    "scheduled": Delivery.ON_THE_WAY,
    "queued": Delivery.ON_THE_WAY,
    "sending": Delivery.ON_THE_WAY,
    "sent": Delivery.ON_THE_WAY,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "undelivered": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}


def refusal(answer: http.Response) -> ProviderError:
    """Return the error that an answer stands for; OutcomeUnknown where it leaves that open."""
    code = wire.text_of(wire.json_of(answer.body), "code")
    if answer.status >= 500 or not (code.isdecimal() and len(code) < 8):
        return wire.refusal(answer)
    is_recipient = code in RECIPIENT_CODES
    return ProviderError(
        code,
        retryable=not is_recipient and code not in TEXT_CODES,
        retry_after=wire.retry_after(answer),
        is_recipient=is_recipient,
    )


def receipt(reference: str, own_reference: str, status: str, error_code: str) -> Receipt | None:
    """Return what a status says of a message; None for a word that is not documented."""
    delivery = DELIVERIES.get(status)
    if delivery is None:
        return None
    return Receipt(
        delivery,
        reference=reference,
        own_reference=own_reference,
        event_id=f"{reference}:{status}",
        code=error_code if error_code.isdecimal() and len(error_code) < 8 else status,
        is_recipient=error_code in RECIPIENT_CODES,
    )

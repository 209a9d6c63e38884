"""What Africa's Talking calls us with. It signs nothing: the secret of the address proves it."""

from typing import Final

from smartqueue.notifications.ports import UssdAnswer, UssdStep
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.africas_talking import mapping
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    InboundText,
    Receipt,
    Ringing,
    Said,
)

USSD_MAX: Final = 182
REJECTED: Final = '<?xml version="1.0" encoding="UTF-8"?><Response><Reject/></Response>'


def receipts(callback: Callback) -> list[Receipt]:
    """Read a delivery report; a status that is not documented says nothing."""
    form = wire.form_of(callback)
    reference, status = form.get("id", ""), form.get("status", "")
    if not reference:
        raise BadCallback("no_reference")
    delivery = mapping.DELIVERIES.get(status)
    if delivery is None:
        return []
    reason = form.get("failureReason", "")
    return [
        Receipt(
            delivery,
            reference=reference,
            event_id=f"{reference}:{status}",
            code=reason if reason.isalnum() and len(reason) <= 40 else status,
            is_recipient=reason in mapping.RECIPIENT_FAILURES,
        )
    ]


def inbound(callback: Callback) -> list[InboundText]:
    """Read a text that a phone sent to one of our numbers."""
    form = wire.form_of(callback)
    event_id, sender = form.get("id", ""), wire.number_of(form.get("from", ""))
    if not event_id or not sender:
        raise BadCallback("not_an_inbound_text")
    recipient = wire.number_of(form.get("to", ""))
    return [InboundText(event_id, sender, recipient, form.get("text", ""))]


def ussd(callback: Callback) -> UssdStep:
    """Read one step of a session."""
    form = wire.form_of(callback)
    session_id, phone = form.get("sessionId", ""), wire.number_of(form.get("phoneNumber", ""))
    if not session_id or not phone:
        raise BadCallback("not_a_step")
    return UssdStep(session_id, phone, form.get("serviceCode", ""), form.get("text", ""))


def said_to_ussd(answer: UssdAnswer) -> Said:
    """Return a step's answer: CON waits for a reply, END closes; the network shows 182 characters."""
    word = "END" if answer.ends else "CON"
    return Said(f"{word} {answer.text[:USSD_MAX]}")


def ringing(callback: Callback) -> Ringing:
    """Read an event of a call: active while it rings, over when somebody hung up or we refused it."""
    form = wire.form_of(callback)
    event_id, caller = form.get("sessionId", ""), wire.number_of(form.get("callerNumber", ""))
    if not event_id or not caller:
        raise BadCallback("not_a_call")
    called = wire.number_of(form.get("destinationNumber", ""))
    return Ringing(event_id, caller, called, is_over=form.get("isActive") == "0")

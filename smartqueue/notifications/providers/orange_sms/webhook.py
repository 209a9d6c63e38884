"""What Orange calls us with. It signs nothing: the secret of the address is all that proves it."""

from typing import Any

from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import BadCallback, Callback, InboundText, Receipt
from smartqueue.notifications.providers.orange_sms import mapping


def receipts(callback: Callback) -> list[Receipt]:
    """Read `deliveryInfoNotification`; a status that is not documented says nothing."""
    notification = wire.dig(wire.json_of(callback.body), "deliveryInfoNotification")
    data = wire.text_of(notification, "callbackData")
    if not data:
        raise BadCallback("no_callback_data")
    found = (
        mapping.receipt(data, wire.text_of(info, "deliveryStatus")) for info in _infos(notification)
    )
    return [receipt for receipt in found if receipt is not None]


def _infos(notification: Any) -> list[Any]:
    infos = wire.dig(notification, "deliveryInfo")
    return infos if isinstance(infos, list) else [infos]


def inbound(callback: Callback) -> list[InboundText]:
    """Read `inboundSMSMessageNotification`."""
    message = wire.dig(
        wire.json_of(callback.body), "inboundSMSMessageNotification", "inboundSMSMessage"
    )
    event_id = wire.text_of(message, "messageId")
    sender = wire.number_of(wire.text_of(message, "senderAddress"))
    if not event_id or not sender:
        raise BadCallback("not_an_inbound_text")
    return [
        InboundText(
            event_id=event_id,
            sender=sender,
            recipient=wire.number_of(wire.text_of(message, "destinationAddress")),
            text=wire.text_of(message, "message"),
        )
    ]

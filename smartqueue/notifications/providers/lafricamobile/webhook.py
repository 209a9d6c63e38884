"""
What LAfricaMobile calls us with, by GET and unsigned: the secret of the address is all that proves it.

How a text of a phone comes is documented nowhere: `from`, `to`, `text` and `date`, the likely names,
are read from the query or from a form.
"""

import hashlib

from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import BadCallback, Callback, InboundText, Receipt
from smartqueue.notifications.providers.lafricamobile import mapping


def receipts(callback: Callback) -> list[Receipt]:
    """Read `push_id`, `ret_id` and `status`; a status that is not documented says nothing."""
    given = _given(callback)
    reference, own_reference = given.get("push_id", ""), given.get("ret_id", "")
    if not reference and not own_reference:
        raise BadCallback("no_reference")
    status = mapping.status_named(given.get("status", ""))
    if not status:
        return []
    meaning = mapping.STATUSES[status]
    return [
        Receipt(
            meaning.delivery,
            reference=reference,
            own_reference=own_reference,
            event_id=f"{reference or own_reference}:{status}",
            code=status,
            is_recipient=meaning.is_recipient,
        )
    ]


def inbound(callback: Callback) -> list[InboundText]:
    """Read a text; without an id of its own, what it says and when makes one."""
    given = _given(callback)
    sender = wire.number_of(given.get("from", ""))
    if not sender or "text" not in given:
        raise BadCallback("not_an_inbound_text")
    parts = [sender, given.get("to", ""), given["text"], given.get("date", "")]
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return [
        InboundText(
            event_id=given.get("id") or digest[:32],
            sender=sender,
            recipient=wire.number_of(given.get("to", "")),
            text=given["text"],
        )
    ]


def _given(callback: Callback) -> dict[str, str]:
    posted = wire.form_of(callback) if callback.method == "POST" else {}
    return {**callback.query, **posted}

"""What Twilio calls us with, each signed with the account's token over address and fields."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from django.conf import settings

from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    InboundText,
    Receipt,
    Ringing,
)
from smartqueue.notifications.providers.twilio import mapping
from smartqueue.notifications.providers.twilio.client import NAME, REFERENCE

NOTHING: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
REJECTED: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Reject reason="busy"/></Response>'
)
_USUAL_PORTS: Final = {"https": 443, "http": 80}
_OVER: Final = frozenset({"completed", "busy", "no-answer", "canceled", "failed"})


def signature(token: str, url: str, fields: list[tuple[str, str]]) -> str:
    """Return base64(HMAC-SHA1(token, url and names with values, sorted, each pair once))."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def checked(callback: Callback) -> dict[str, str]:
    """
    Return the fields of a call that Twilio has signed.

    :raises BadCallback: it has not
    """
    form = wire.form_of(callback)
    token = str(settings.SMS_ACCOUNTS[NAME]["token"])
    given = callback.headers.get("x-twilio-signature", "")
    fields = parse_qsl(callback.body.decode(), keep_blank_values=True)
    is_signed = token and any(
        hmac.compare_digest(signature(token, url, fields).encode(), given.encode())
        for url in _spellings(callback.url)
    )
    if not is_signed:
        raise BadCallback("signature")
    return form


def _spellings(url: str) -> Iterator[str]:
    """Give the address as it came, and with or without its usual port: Twilio signs either."""
    yield url
    parts = urlsplit(url)
    host = parts.hostname or ""
    usual = _USUAL_PORTS.get(parts.scheme)
    if parts.port is None and usual is not None:
        yield urlunsplit(parts._replace(netloc=f"{host}:{usual}"))
    elif parts.port is not None:
        yield urlunsplit(parts._replace(netloc=host))


def receipts(callback: Callback) -> list[Receipt]:
    """Read a status; one that is not documented says nothing."""
    form = checked(callback)
    reference = form.get("MessageSid", "")
    if not reference:
        raise BadCallback("no_reference")
    found = mapping.receipt(
        reference,
        callback.query.get(REFERENCE, ""),
        form.get("MessageStatus", ""),
        form.get("ErrorCode", ""),
    )
    return [] if found is None else [found]


def inbound(callback: Callback) -> list[InboundText]:
    """Read a text that a phone sent to one of our numbers."""
    form = checked(callback)
    event_id, sender = form.get("MessageSid", ""), wire.number_of(form.get("From", ""))
    if not event_id or not sender:
        raise BadCallback("not_an_inbound_text")
    recipient = wire.number_of(form.get("To", ""))
    return [InboundText(event_id, sender, recipient, form.get("Body", ""))]


def ringing(callback: Callback) -> Ringing:
    """Read an event of a call."""
    form = checked(callback)
    event_id, caller = form.get("CallSid", ""), wire.number_of(form.get("From", ""))
    if not event_id or not caller:
        raise BadCallback("not_a_call")
    called = wire.number_of(form.get("To", ""))
    return Ringing(event_id, caller, called, is_over=form.get("CallStatus") in _OVER)

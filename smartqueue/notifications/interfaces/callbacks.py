"""
What providers call: receipts, texts and calls of phones, USSD steps.

The secret of the address opens it. A receipt or text is stored as it came and answered at once; it is
understood afterwards. A USSD step is answered while the phone waits.
"""

import hmac
import logging
from typing import Final

from celery.exceptions import OperationalError
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from smartqueue.common import clock
from smartqueue.notifications import operations, ports, tasks
from smartqueue.notifications.enums import CallbackKind
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    Said,
    Webhook,
    callback_secret_of,
    webhook_of,
)

MOST_BYTES: Final = 64 * 1024

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def provider_calls(request: HttpRequest, provider: str, kind: str, secret: str) -> HttpResponse:
    """Take a provider's call; one to an address that is not its own finds nothing."""
    name = provider.replace("-", "_")
    webhook = webhook_of(name)
    expected = callback_secret_of(name)
    is_known = bool(expected) and hmac.compare_digest(secret.encode(), expected.encode())
    if webhook is None or not is_known:
        return HttpResponse(status=404)
    if int(request.headers.get("content-length") or 0) > MOST_BYTES:
        return HttpResponse(status=413)
    return _taken(name, kind, webhook, _read(request))


def _taken(name: str, kind: str, webhook: Webhook, callback: Callback) -> HttpResponse:
    match kind:
        case "receipts" if webhook.receipts is not None:
            return _store(name, CallbackKind.RECEIPTS, callback, Said(""))
        case "inbound" if webhook.inbound is not None:
            return _store(name, CallbackKind.INBOUND, callback, webhook.said_to_text)
        case "ussd" if webhook.ussd is not None:
            return _answer_ussd(webhook, callback)
        case "voice" if webhook.ringing is not None:
            return _note_ringing(name, webhook, callback)
    return HttpResponse(status=404)


def _read(request: HttpRequest) -> Callback:
    """Return a call as its signature was made: over the address by which the provider knows us."""
    return Callback(
        method=request.method or "",
        url=f"{settings.PUBLIC_URL.rstrip('/')}{request.get_full_path()}",
        headers={key.lower(): value for key, value in request.headers.items()},
        query=request.GET.dict(),
        body=request.body,
    )


def _said(said: Said) -> HttpResponse:
    return HttpResponse(said.body, content_type=said.content_type)


def _store(name: str, kind: CallbackKind, callback: Callback, said: Said) -> HttpResponse:
    callback_id = operations.store_callback(provider=name, kind=kind, callback=callback)
    try:
        tasks.process_callback_task.delay(str(callback_id))
    except OperationalError:
        logger.warning("no worker was told of a callback; the sweep finds it")
    return _said(said)


def _answer_ussd(webhook: Webhook, callback: Callback) -> HttpResponse:
    conversations = ports.conversations()
    if webhook.ussd is None or webhook.said_to_ussd is None or conversations is None:
        return HttpResponse(status=404)
    try:
        step = webhook.ussd(callback)
    except BadCallback as refused:
        return _refused(refused)
    return _said(webhook.said_to_ussd(conversations.answer_ussd(step, clock.now())))


def _note_ringing(name: str, webhook: Webhook, callback: Callback) -> HttpResponse:
    if webhook.ringing is None:
        return HttpResponse(status=404)
    try:
        ringing = webhook.ringing(callback)
    except BadCallback as refused:
        return _refused(refused)
    inbound_id = operations.store_ringing(provider=name, ringing=ringing, now=clock.now())
    if inbound_id is not None:
        try:
            tasks.answer_inbound_task.delay(str(inbound_id))
        except OperationalError:
            logger.warning("no worker was told of a call; the sweep finds it")
    return _said(webhook.said_to_ringing)


def _refused(refused: BadCallback) -> HttpResponse:
    logger.warning("a callback is refused", extra={"error": refused.code})
    return HttpResponse(status=400)

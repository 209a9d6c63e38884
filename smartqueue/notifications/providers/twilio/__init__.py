"""Twilio, for numbers abroad and when nobody at home can send; wire-formats.md section 2.4."""

from django.conf import settings

from smartqueue.notifications.providers.base import Provider, Said, Webhook, register_provider
from smartqueue.notifications.providers.twilio import client, webhook

NAME = client.NAME


def _made() -> Provider | None:
    account = settings.SMS_ACCOUNTS[NAME]
    return client.Twilio(account) if account["account"] else None


def register() -> None:
    """Make the provider known."""
    register_provider(
        NAME,
        _made,
        Webhook(
            receipts=webhook.receipts,
            inbound=webhook.inbound,
            said_to_text=Said(webhook.NOTHING, "text/xml"),
            ringing=webhook.ringing,
            said_to_ringing=Said(webhook.REJECTED, "text/xml"),
        ),
        callback_secret=lambda: settings.SMS_ACCOUNTS[NAME]["callback_secret"],
    )

"""Africa's Talking: text messages, USSD sessions and calls; wire-formats.md section 2.5."""

from django.conf import settings

from smartqueue.notifications.providers.africas_talking import client, webhook
from smartqueue.notifications.providers.base import Provider, Said, Webhook, register_provider

NAME = client.NAME


def _made() -> Provider | None:
    account = settings.SMS_ACCOUNTS[NAME]
    return client.AfricasTalking(account) if account["username"] else None


def register() -> None:
    """Make the provider known."""
    register_provider(
        NAME,
        _made,
        Webhook(
            receipts=webhook.receipts,
            inbound=webhook.inbound,
            ussd=webhook.ussd,
            said_to_ussd=webhook.said_to_ussd,
            ringing=webhook.ringing,
            said_to_ringing=Said(webhook.REJECTED, "application/xml"),
        ),
        callback_secret=lambda: settings.SMS_ACCOUNTS[NAME]["callback_secret"],
    )

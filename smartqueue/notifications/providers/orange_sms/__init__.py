"""Orange SMS API for Africa and the Middle East, version 2; wire-formats.md section 2.1."""

from django.conf import settings

from smartqueue.notifications.providers.base import Provider, Webhook, register_provider
from smartqueue.notifications.providers.orange_sms import client, webhook

NAME = client.NAME


def _made() -> Provider | None:
    account = settings.SMS_ACCOUNTS[NAME]
    return client.OrangeSms(account) if account["client_id"] else None


def register() -> None:
    """Make the provider known."""
    register_provider(
        NAME,
        _made,
        Webhook(receipts=webhook.receipts, inbound=webhook.inbound),
        callback_secret=lambda: settings.SMS_ACCOUNTS[NAME]["callback_secret"],
    )

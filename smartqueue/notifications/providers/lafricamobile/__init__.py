"""LAfricaMobile, an aggregator that reaches all operators of Senegal; wire-formats.md section 2.3."""

from django.conf import settings

from smartqueue.notifications.providers.base import Provider, Webhook, register_provider
from smartqueue.notifications.providers.lafricamobile import client, webhook

NAME = client.NAME


def _made() -> Provider | None:
    account = settings.SMS_ACCOUNTS[NAME]
    return client.LAfricaMobile(account) if account["account"] else None


def register() -> None:
    """Make the provider known."""
    register_provider(
        NAME,
        _made,
        Webhook(receipts=webhook.receipts, inbound=webhook.inbound),
        callback_secret=lambda: settings.SMS_ACCOUNTS[NAME]["callback_secret"],
    )

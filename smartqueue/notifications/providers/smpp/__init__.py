"""Message centres of operators (Expresso, Yas) over SMPP 3.4; wire-formats.md section 2.2."""

from functools import partial

from django.conf import settings

from smartqueue.notifications.providers.base import Provider, register_provider
from smartqueue.notifications.providers.smpp import client

PREFIX = "smpp."


def _made(account_name: str) -> Provider | None:
    account = settings.SMPP_ACCOUNTS.get(account_name)
    return client.Smpp(PREFIX + account_name, account) if account else None


def register() -> None:
    """Make each account known as a provider of its own, `smpp.yas`."""
    for name in settings.SMPP_ACCOUNTS:
        register_provider(PREFIX + name, partial(_made, name))

"""The mail server as a provider of messages."""

from typing import Final

from django.conf import settings

from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    Outgoing,
    Receipt,
    Webhook,
    register_provider,
)
from smartqueue.notifications.providers.email import client, webhook

NAME: Final = "smtp"


class MailServer:
    """The mail server that the settings name; what becomes of a mail is told where bounces are posted."""

    name = NAME
    channel = Channel.EMAIL
    per_second: float | None = None

    @property
    def reports(self) -> bool:
        """Whether bounces come back to us, and are to be waited for."""
        return bool(settings.EMAIL_CALLBACK_SECRET)

    def send(self, message: Outgoing) -> Handed:
        """
        Hand over one mail.

        :raises ProviderError: refused for good, or not now
        :raises OutcomeUnknown: the connection broke, perhaps after the server had it
        """
        client.send(message)
        return Handed("")

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        """Return None: nobody can ask."""
        return None

    def balance(self) -> Balance | None:
        """Return None: mails cost nothing."""
        return None


def make() -> MailServer | None:
    """Return the mail server; None where mails stay in the development mailbox."""
    return None if settings.DEVELOPMENT_MAILBOX and not settings.EMAIL_IS_SET else MailServer()


def register() -> None:
    """Make the mail server known."""
    register_provider(
        NAME,
        make,
        Webhook(receipts=webhook.receipts),
        callback_secret=lambda: settings.EMAIL_CALLBACK_SECRET,
    )

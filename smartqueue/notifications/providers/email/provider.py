"""The mail server as a provider of messages."""

from typing import Final

from django.conf import settings

from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    Outgoing,
    Receipt,
    register_provider,
)
from smartqueue.notifications.providers.email import client

NAME: Final = "smtp"


class MailServer:
    """The mail server that the settings name; what becomes of a mail it does not tell."""

    name = NAME
    channel = Channel.EMAIL
    per_second: float | None = None

    def send(self, message: Outgoing) -> Handed:
        """
        Hand over one mail.

        :raises ProviderError: refused for good, or not now
        """
        client.send(
            recipient=message.recipient,
            subject=message.subject,
            body=message.body,
            reference=str(message.reference),
        )
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
    register_provider(NAME, make)

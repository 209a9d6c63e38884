"""Web Push: messages to browsers through the push service of each; wire-formats.md section 3.2."""

from smartqueue.notifications.providers.base import register_provider
from smartqueue.notifications.providers.web_push import client

NAME = client.NAME


def register() -> None:
    """Make the provider known."""
    register_provider(NAME, client.made)

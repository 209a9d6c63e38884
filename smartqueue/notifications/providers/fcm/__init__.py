"""Firebase Cloud Messaging, HTTP v1, for Android and Apple; wire-formats.md section 3.1."""

from smartqueue.notifications.providers.base import register_provider
from smartqueue.notifications.providers.fcm import client

NAME = client.NAME


def register() -> None:
    """Make the provider known."""
    register_provider(NAME, client.made)

"""The hints of the settings by which providers are chosen."""

from collections.abc import Mapping
from typing import Any

from smartqueue.notifications.providers.base import Terms


def terms(account: Mapping[str, Any]) -> Terms:
    """Return the terms of an account as the settings have them; a price of 0 means that none was given."""
    return Terms(
        prefixes=tuple(account["prefixes"]),
        countries=tuple(account["countries"]),
        price_minor=account["price"] or None,
    )

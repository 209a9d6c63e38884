"""What Django checks of the settings of providers before it starts anything."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from smartqueue.common import http
from smartqueue.notifications.providers.fcm.client import read_account
from smartqueue.notifications.providers.web_push import keys

SECRET_LENGTH: Final = 32
_PUBLIC: Final = http.Reach(schemes=frozenset({"https"}), ports=frozenset())
# The setting that makes an account one, by provider.
_ACCOUNT_FIELDS: Final = {
    "orange_sms": "client_id",
    "lafricamobile": "account",
    "twilio": "account",
    "africas_talking": "username",
}


@register(Tags.security)
def check_providers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse stand-ins outside of development, and accounts whose calls anybody could make."""
    return [*_problems_of_addresses(), *_problems_of_secrets(), *_problems_of_push()]


def _accounts() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in _ACCOUNT_FIELDS.items():
        account = settings.SMS_ACCOUNTS[name]
        if account[field]:
            yield name, account


def _problems_of_addresses() -> Iterator[CheckMessage]:
    if settings.ALLOW_LOCAL_PROVIDERS:
        return
    for name, account in _accounts():
        if _is_stand_in(account["url"]):
            yield Error(
                f"The address of {name} is none of a real provider over HTTPS.",
                hint=f"Unset {name.upper()}_URL, or set it to the provider's own address.",
                id="notifications.E001",
            )
    for name, account in settings.SMPP_ACCOUNTS.items():
        if _is_this_machine(account["host"]):
            yield Error(
                f"The message centre of {name} is on this machine.",
                hint="Set SMPP_ACCOUNTS to the operator's address.",
                id="notifications.E001",
            )


def _is_stand_in(url: str) -> bool:
    try:
        http.check_address(url, _PUBLIC)
    except http.AddressRefused:
        return True
    return "sandbox" in (urlsplit(url).hostname or "").split(".")


def _is_this_machine(host: str) -> bool:
    """Whether a host is this one; a private address is none: operators are reached by a tunnel."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".").rpartition(".")[2] in {"localhost", "localdomain"}
    return address.is_loopback or address.is_unspecified


def _problems_of_secrets() -> Iterator[CheckMessage]:
    if 0 < len(settings.EMAIL_CALLBACK_SECRET) < SECRET_LENGTH:
        yield Error(
            f"EMAIL_CALLBACK_SECRET is shorter than {SECRET_LENGTH} characters: anybody could report.",
            hint="Take random letters and digits; they end the address that bounces are posted to.",
            id="notifications.E002",
        )
    for name, account in _accounts():
        if len(account["callback_secret"]) < SECRET_LENGTH:
            variable = f"{name.upper()}_CALLBACK_SECRET"
            yield Error(
                f"{variable} is shorter than {SECRET_LENGTH} characters: anybody could report on messages.",
                hint="Take random letters and digits; they end the addresses that the provider calls.",
                id="notifications.E002",
            )


def _problems_of_push() -> Iterator[CheckMessage]:
    """Keys of push messages that cannot be read, and stand-ins for Google outside of development."""
    if settings.ALLOW_LOCAL_PROVIDERS:
        return
    given = settings.FCM_ACCOUNT["service_account"]
    try:
        urls = [settings.FCM_ACCOUNT["url"], read_account(given)["token_uri"]] if given else []
        has_key = keys.vapid() is not None
    except ImproperlyConfigured as error:
        yield Error(str(error), id="notifications.E003")
        return
    if any(_is_stand_in(url) for url in urls):
        yield Error(
            "Push messages go to no real provider over HTTPS.",
            hint="Unset FCM_URL, and take the service account that Google gave.",
            id="notifications.E001",
        )
    if not has_key and settings.WEB_PUSH_ACCOUNT["subject"]:
        yield Error(
            "VAPID_SUBJECT is set and VAPID_PRIVATE_KEY is not: browsers are sent nothing.",
            hint="Set both, or neither where no push messages go to browsers.",
            id="notifications.E003",
        )
    if has_key and not keys.subject().startswith(("mailto:", "https:")):
        yield Error(
            "VAPID_SUBJECT is no mailto: or https: address.",
            hint="Push services write to it when something is wrong.",
            id="notifications.E003",
        )

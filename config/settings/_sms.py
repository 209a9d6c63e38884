"""Accounts at providers of text messages, as the environment names them; none that is left empty is used."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

_SMPP_OPTIONS = frozenset({"sender", "system_type", "per_second", "price", "prefixes", "countries"})


def sms_accounts() -> dict[str, dict[str, Any]]:
    """Return what each provider over HTTP needs, by its name; prices are XOF for one segment."""
    return {
        "orange_sms": {
            "url": env.str("ORANGE_SMS_URL", default="https://api.orange.com"),
            "client_id": env.str("ORANGE_SMS_CLIENT_ID", default=""),
            "client_secret": env.str("ORANGE_SMS_CLIENT_SECRET", default=""),
            "sender": env.str("ORANGE_SMS_SENDER", default="+2210000"),
            "sender_name": env.str("ORANGE_SMS_SENDER_NAME", default=""),
            "callback_secret": env.str("ORANGE_SMS_CALLBACK_SECRET", default=""),
            "price": env.int("ORANGE_SMS_PRICE", default=0),
            "prefixes": env.list("ORANGE_SMS_PREFIXES", default=["+22171", "+22177", "+22178"]),
            "countries": env.list("ORANGE_SMS_COUNTRIES", default=["SN"]),
        },
        "lafricamobile": {
            "url": env.str("LAFRICAMOBILE_URL", default="https://lamsms.lafricamobile.com/api"),
            "account": env.str("LAFRICAMOBILE_ACCOUNT", default=""),
            "password": env.str("LAFRICAMOBILE_PASSWORD", default=""),
            "sender": env.str("LAFRICAMOBILE_SENDER", default="SmartQueue"),
            "callback_secret": env.str("LAFRICAMOBILE_CALLBACK_SECRET", default=""),
            "price": env.int("LAFRICAMOBILE_PRICE", default=0),
            "prefixes": env.list("LAFRICAMOBILE_PREFIXES", default=[]),
            "countries": env.list("LAFRICAMOBILE_COUNTRIES", default=["SN"]),
        },
        "twilio": {
            "url": env.str("TWILIO_URL", default="https://api.twilio.com"),
            "account": env.str("TWILIO_ACCOUNT_SID", default=""),
            "token": env.str("TWILIO_AUTH_TOKEN", default=""),
            "sender": env.str("TWILIO_SENDER", default=""),
            "callback_secret": env.str("TWILIO_CALLBACK_SECRET", default=""),
            "price": env.int("TWILIO_PRICE", default=0),
            "prefixes": env.list("TWILIO_PREFIXES", default=[]),
            "countries": env.list("TWILIO_COUNTRIES", default=[]),
        },
        "africas_talking": {
            "url": env.str("AFRICAS_TALKING_URL", default="https://api.africastalking.com"),
            "username": env.str("AFRICAS_TALKING_USERNAME", default=""),
            "key": env.str("AFRICAS_TALKING_API_KEY", default=""),
            "sender": env.str("AFRICAS_TALKING_SENDER", default=""),
            "callback_secret": env.str("AFRICAS_TALKING_CALLBACK_SECRET", default=""),
            "price": env.int("AFRICAS_TALKING_PRICE", default=0),
            "prefixes": env.list("AFRICAS_TALKING_PREFIXES", default=[]),
            "countries": env.list("AFRICAS_TALKING_COUNTRIES", default=[]),
        },
    }


def smpp_accounts() -> dict[str, dict[str, Any]]:
    """
    Return the accounts at message centres of operators, by their names.

    Each is `smpp://system_id:password@host:port/name?sender=…&per_second=…`, `smpps` with TLS.

    :raises ImproperlyConfigured: one cannot be read; the text does not repeat it, for its password
    """
    found: dict[str, dict[str, Any]] = {}
    for number, address in enumerate(env.list("SMPP_ACCOUNTS", default=[]), start=1):
        try:
            name, account = _smpp_account(address.strip())
        except ValueError as error:
            raise ImproperlyConfigured(f"SMPP_ACCOUNTS: the {number}. cannot be read") from error
        found[name] = account
    return found


def _smpp_account(address: str) -> tuple[str, dict[str, Any]]:
    parts = urlsplit(address)
    name = parts.path.strip("/")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if parts.scheme not in {"smpp", "smpps"} or not parts.hostname or not parts.username:
        raise ValueError("scheme, host or system_id")
    if not name.replace("_", "").isalnum() or options.keys() - _SMPP_OPTIONS:
        raise ValueError("name or options")
    return name, {
        "host": parts.hostname,
        "port": parts.port or 2775,
        "is_secured": parts.scheme == "smpps",
        "system_id": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "system_type": options.get("system_type", ""),
        "sender": options.get("sender", "SmartQueue"),
        "per_second": float(options["per_second"]) if "per_second" in options else None,
        "price": int(options.get("price", "0")),
        "prefixes": [f"+{part.strip(' +')}" for part in _listed(options.get("prefixes", ""))],
        "countries": _listed(options.get("countries", "SN")),
    }


def _listed(text: str) -> list[str]:
    return [part for part in text.split("|") if part]

"""What can be set from outside: arguments of the command first, then SANDBOX_* of the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

# What the product is asked at each event; every one may be set to another address or to none ("").
CALLBACKS: Final[Mapping[str, str]] = {
    "orange_sms.receipt": "/api/notifications/webhooks/orange-sms/receipts/",
    "orange_sms.inbound": "/api/notifications/webhooks/orange-sms/inbound/",
    "lafricamobile.inbound": "/api/notifications/webhooks/lafricamobile/inbound/",
    "twilio.inbound": "/api/notifications/webhooks/twilio/inbound/",
    "twilio.voice": "/api/notifications/webhooks/twilio/voice/",
    "africas_talking.receipt": "/api/notifications/webhooks/africas-talking/receipts/",
    "africas_talking.inbound": "/api/notifications/webhooks/africas-talking/inbound/",
    "africas_talking.ussd": "/api/notifications/webhooks/africas-talking/ussd/",
    "africas_talking.ussd_events": "",
    "africas_talking.voice": "/api/notifications/webhooks/africas-talking/voice/",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Where the sandbox listens, whom it calls back, and the pretend accounts. Delays are seconds; a port
    of 0 takes a free one. `orange_per_second` of 0 means no limit. `texts` are messages that the product
    understands, which the page of a phone offers to send.
    """

    host: str = "127.0.0.1"
    port: int = 9100
    smpp_port: int = 2775
    smtp_port: int = 2525
    public_url: str = ""
    callback_base: str = "http://127.0.0.1:8000"
    callbacks: Mapping[str, str] = field(default_factory=lambda: dict(CALLBACKS))
    receipt_delay: float = 1.0
    callback_retry_delay: float = 1.0
    orange_client: str = "sandbox-orange"
    orange_secret: str = "sandbox-orange-secret"  # noqa: S105  # opens nothing but this sandbox
    orange_sender: str = "tel:+2210000"
    orange_per_second: int = 5
    lam_account: str = "sandbox-lam"
    lam_password: str = "sandbox-lam-password"  # noqa: S105  # opens nothing but this sandbox
    twilio_account: str = "AC00000000000000000000000000000000"
    twilio_token: str = "sandbox-twilio-token"  # noqa: S105  # opens nothing but this sandbox
    twilio_number: str = "+15005550006"
    africas_talking_username: str = "sandbox"
    africas_talking_key: str = "sandbox-at-key"
    africas_talking_number: str = "+221338000000"
    short_code: str = "24500"
    ussd_code: str = "*245#"
    texts: tuple[str, ...] = ()
    fcm_project: str = "sandbox-project"
    fcm_account_file: Path | None = None
    smpp_accounts: Mapping[str, str] = field(
        default_factory=lambda: {"expresso": "expresso", "yas": "yas"}
    )
    smpp_enquire_seconds: float = 60.0

    def callback_url(self, name: str) -> str:
        """Return the address of the product for an event, or "" if it is not called for it."""
        place = self.callbacks.get(name, "")
        return urljoin(self.callback_base.rstrip("/") + "/", place) if place else ""


def _pairs(text: str) -> dict[str, str]:
    """Read `name:password,name:password`."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, password = part.partition(":")
        if not colon:
            raise SystemExit(f"SANDBOX_SMPP_ACCOUNTS: {part!r} is not name:password")
        found[name] = password
    return found


def _listed(text: str) -> tuple[str, ...]:
    """Read `MAIRIE A,PLACE`."""
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


# Names of settings whose environment variable is SANDBOX_ and the name in capitals, with how to read them.
_FROM_ENVIRONMENT: Final = {
    **dict.fromkeys(("host", "public_url", "callback_base"), str),
    **dict.fromkeys(("orange_client", "orange_secret", "orange_sender"), str),
    **dict.fromkeys(("lam_account", "lam_password"), str),
    **dict.fromkeys(("twilio_account", "twilio_token", "twilio_number"), str),
    **dict.fromkeys(
        ("africas_talking_username", "africas_talking_key", "africas_talking_number"), str
    ),
    **dict.fromkeys(("short_code", "ussd_code", "fcm_project"), str),
    **dict.fromkeys(("port", "smpp_port", "smtp_port", "orange_per_second"), int),
    **dict.fromkeys(("receipt_delay", "callback_retry_delay", "smpp_enquire_seconds"), float),
    "texts": _listed,
    "fcm_account_file": Path,
    "smpp_accounts": _pairs,
}


def read(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a run; an argument wins over the environment."""
    given: dict[str, object] = {}
    for name, kind in _FROM_ENVIRONMENT.items():
        text = environment.get(f"SANDBOX_{name.upper()}", "")
        if text:
            given[name] = _converted(name, kind, text)
    callbacks = dict(CALLBACKS)
    for name in CALLBACKS:
        variable = f"SANDBOX_CALLBACK_{name.upper().replace('.', '_')}"
        if variable in environment:
            callbacks[name] = environment[variable]
    given["callbacks"] = callbacks
    parsed = vars(_parser().parse_args(arguments))
    given.update({name: value for name, value in parsed.items() if value is not None})
    return Settings(**given)  # type: ignore[arg-type]  # each was read with the converter of its field


def _converted(name: str, kind: object, text: str) -> object:
    assert callable(kind)  # noqa: S101  # the table above holds only converters
    try:
        return kind(text)
    except ValueError as error:
        raise SystemExit(f"SANDBOX_{name.upper()}: {text!r} cannot be read: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="HTTP: providers, control, pages (9100)")
    parser.add_argument("--smpp-port", type=int, help="SMPP 3.4 (2775)")
    parser.add_argument("--smtp-port", type=int, help="SMTP (2525)")
    parser.add_argument("--callback-base", metavar="URL", help="where the product answers")
    parser.add_argument("--public-url", metavar="URL", help="where this sandbox is reached from")
    return parser

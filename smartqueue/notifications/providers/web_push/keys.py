"""The key pair by which push services know who sends (VAPID, RFC 8292)."""

import functools
import os
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from py_vapid import Vapid02, VapidException
from py_vapid.utils import b64urlencode

DEVELOPER: Final = "mailto:dev@smartqueue.test"


def vapid() -> Vapid02 | None:
    """
    Return the key of the settings; in development without one, that of the data directory, made upon
    the first question. None where there is none.

    :raises ImproperlyConfigured: the settings hold something else
    """
    account = settings.WEB_PUSH_ACCOUNT
    if account["private_key"]:
        return _read(account["private_key"])
    if settings.ALLOW_LOCAL_PROVIDERS:
        return _kept(Path(account["key_file"]))
    return None


def subject() -> str:
    """Return whom push services write to when something is wrong: a mailto: or https: address."""
    given = str(settings.WEB_PUSH_ACCOUNT["subject"])
    if given or settings.ALLOW_LOCAL_PROVIDERS:
        return given or DEVELOPER
    return str(settings.PUBLIC_URL)


def public_key() -> str:
    """Return the public key in base64url, as browsers subscribe with it; empty where there is none."""
    key = vapid()
    return _public(key) if key else ""


def _public(key: Vapid02) -> str:
    point = key.public_key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return str(b64urlencode(point))


@functools.lru_cache(maxsize=4)
def _read(given: str) -> Vapid02:
    try:
        if "-----BEGIN" in given:
            return Vapid02.from_pem(given.replace("\\n", "\n").encode())
        return Vapid02.from_string(given)
    except (VapidException, ValueError, TypeError):
        raise ImproperlyConfigured("VAPID_PRIVATE_KEY is no private key of P-256.") from None


@functools.lru_cache(maxsize=4)
def _kept(file: Path) -> Vapid02:
    if not file.exists():
        _make(file)
    return Vapid02.from_pem(file.read_bytes())


def _make(file: Path) -> None:
    """Write a new key; of several processes that do so at once, the first one's stays."""
    key = Vapid02()
    key.generate_keys()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent) as draft:
        draft.write(key.private_pem())
        draft.flush()
        try:
            os.link(draft.name, file)
        except FileExistsError:
            return

"""Secrets at rest: one key for each purpose, all derived from SECRET_KEY."""

import base64
import functools
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@functools.cache
def _derive(key: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(key.encode())


@functools.cache
def _fernet(purpose: str, keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet(
        Fernet(base64.urlsafe_b64encode(_derive(key, f"encrypt:{purpose}"))) for key in keys
    )


def _keys() -> tuple[str, ...]:
    return (str(settings.SECRET_KEY), *map(str, settings.SECRET_KEY_FALLBACKS))


def encrypt(text: str, purpose: str) -> str:
    """Return the text sealed under the key of this purpose."""
    return _fernet(purpose, _keys()).encrypt(text.encode()).decode()


def decrypt(sealed: str, purpose: str) -> str:
    """
    Return the text that `encrypt` sealed, also under an older SECRET_KEY that is still listed.

    :raises ValueError: not sealed by any key of ours
    """
    try:
        return _fernet(purpose, _keys()).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise ValueError("not sealed by a key of ours") from error


def keyed_digest(purpose: str, *parts: str) -> bytes:
    """
    Return 32 bytes that stand for `parts` and cannot be guessed back without SECRET_KEY.

    What is short enough to try out (a code, a phone number) needs this, not a bare hash.
    """
    key = _derive(settings.SECRET_KEY, f"digest:{purpose}")
    return hmac.digest(key, "\0".join(parts).encode(), hashlib.sha256)

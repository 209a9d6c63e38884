"""The native apps of an installation, as its environment names them."""

import re
from collections.abc import Iterable

from django.core.exceptions import ImproperlyConfigured

_ANDROID = re.compile(r"([a-zA-Z]\w*(?:\.[a-zA-Z]\w*)+)@((?:[0-9A-F]{2}:){31}[0-9A-F]{2})")
_APPLE = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def android_apps(given: Iterable[str]) -> dict[str, list[str]]:
    """
    Return the fingerprints of the signing certificates by package.

    :raises ImproperlyConfigured: one is not written as package@SHA-256 with colons
    """
    apps: dict[str, list[str]] = {}
    for text in given:
        found = _ANDROID.fullmatch(text.strip())
        if found is None:
            raise ImproperlyConfigured(f"ANDROID_APPS: {text!r} is not package@fingerprint")
        apps.setdefault(found[1], []).append(found[2])
    return apps


def apple_apps(given: Iterable[str]) -> list[str]:
    """
    Return the ids of apps, each with its team in front.

    :raises ImproperlyConfigured: one is not written as TEAM.bundle
    """
    apps = [text.strip() for text in given]
    for text in apps:
        if not _APPLE.fullmatch(text):
            raise ImproperlyConfigured(f"APPLE_APPS: {text!r} is not TEAM.bundle")
    return apps

import base64
from typing import Any

import pytest

from smartqueue.common.crypto import decrypt, encrypt, keyed_digest


def test_what_was_changed_does_not_open() -> None:
    sealed = encrypt("+221771234567", "messages")
    assert decrypt(sealed, "messages") == "+221771234567"

    raw = bytearray(base64.urlsafe_b64decode(sealed))
    for place in (9, 25, len(raw) - 1):
        changed = raw.copy()
        changed[place] ^= 1
        with pytest.raises(ValueError, match="not sealed"):
            decrypt(base64.urlsafe_b64encode(changed).decode(), "messages")


def test_each_purpose_has_a_key_of_its_own() -> None:
    sealed = encrypt("123456", "messages")

    with pytest.raises(ValueError, match="not sealed"):
        decrypt(sealed, "factors")
    assert keyed_digest("code", "1", "2") != keyed_digest("limit", "1", "2")
    # Parts that are cut elsewhere are other parts.
    assert keyed_digest("code", "12", "3") != keyed_digest("code", "1", "23")


def test_an_older_key_that_is_still_listed_opens(settings: Any) -> None:
    sealed = encrypt("123456", "messages")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" * 6
    assert decrypt(sealed, "messages") == "123456"

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ValueError, match="not sealed"):
        decrypt(sealed, "messages")

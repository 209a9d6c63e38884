"""Codes of authenticator apps; each step of time counts once."""

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt

from smartqueue.accounts.clock import wall_now


def step_of(secret: str, code: str, *, after: int = -1) -> int | None:
    """Return the step of time, later than `after`, that a code belongs to now; None for a wrong one."""
    for counter in yield_hotp_counters_from_time():
        expected = format_hotp_value(hotp_value(secret, counter))
        if counter > after and compare_user_code(actual=code, expected=expected):
            return int(counter)
    return None


def spend(authenticator: Authenticator, code: str) -> bool:
    """
    Whether the code is the app's now and was not used; remembers it beside the secret.

    allauth remembers used codes in the cache, where they are lost with Redis.
    """
    secret = decrypt(authenticator.data["secret"])
    step = step_of(secret, code, after=authenticator.data.get("last_counter", -1))
    if step is None:
        return False
    authenticator.data["last_counter"] = step
    authenticator.last_used_at = wall_now()
    authenticator.save(update_fields=["data", "last_used_at"])
    return True

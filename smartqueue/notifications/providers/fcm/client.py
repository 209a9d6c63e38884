"""Calls to Google: a token for an hour by an assertion of the service account, messages one by one."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from google.auth import crypt, jwt

from smartqueue.common import http
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.providers import wire
from smartqueue.notifications.providers.base import (
    Balance,
    Handed,
    OutcomeUnknown,
    Outgoing,
    Provider,
    ProviderError,
    Receipt,
)
from smartqueue.notifications.providers.fcm import mapping
from smartqueue.notifications.providers.tokens import Tokens

NAME: Final = "fcm"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS: Final = 3600
SHORTEST_LIFE: Final = 30.0
_NEEDED: Final = ("project_id", "client_email", "private_key", "token_uri")


def read_account(given: str) -> dict[str, str]:
    """
    Return a service account, from Google's JSON or the path of its file.

    :raises ImproperlyConfigured: it cannot be read; the text does not repeat it, for its key
    """
    try:
        text = given if _is_json(given) else Path(given).read_text(encoding="utf-8")
        account = json.loads(text)
        return {name: str(account[name]) for name in _NEEDED} | {
            "private_key_id": str(account.get("private_key_id", ""))
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise ImproperlyConfigured("FCM_SERVICE_ACCOUNT is no service account.") from None


def _is_json(given: str) -> bool:
    return given.lstrip().startswith("{")


def made() -> Provider | None:
    """Return the adapter for the account of the settings; None without one, or before its file is there."""
    account = settings.FCM_ACCOUNT
    given = account["service_account"]
    if not given or not (_is_json(given) or Path(given).is_file()):
        return None
    return Fcm(read_account(given), account["url"])


class Fcm:
    """One project at Firebase."""

    name = NAME
    channel = Channel.PUSH
    per_second: float | None = None

    def __init__(self, account: dict[str, str], url: str) -> None:
        self._account = account
        self._signer = crypt.RSASigner.from_service_account_info(account)  # type: ignore[no-untyped-call]  # google-auth
        project = quote(account["project_id"], safe="")
        self._url = f"{url.rstrip('/')}/v1/projects/{project}/messages:send"
        self._tokens = Tokens(self._fetch_token)

    # --- Provider ------------------------------------------------------------

    def send(self, message: Outgoing) -> Handed:
        body = json.dumps(mapping.body(message, time.time()), ensure_ascii=False).encode()
        answer = self._authorized(lambda token: self._post(body, token))
        if answer.status != 200:
            raise mapping.refusal(answer)
        name = wire.text_of(wire.json_of(answer.body), "name")
        if not name:
            raise OutcomeUnknown("unreadable_answer")
        return Handed(name.rpartition("/")[2])

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        return None

    def balance(self) -> Balance | None:
        return None

    # --- Calls -----------------------------------------------------------------

    def _authorized(self, call: Callable[[str], http.Response]) -> http.Response:
        """Make a call with the token; once more with a new one if it is refused, which takes nothing."""
        token = self._tokens.current()
        answer = call(token)
        # 401 is said too of the project's credentials at Apple; a new token does not help with those.
        if answer.status == 401 and not mapping.error_code(answer):
            self._tokens.drop(token)
            answer = call(self._tokens.current())
        return answer

    def _post(self, body: bytes, token: str) -> http.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return wire.hand_over(self._url, headers=headers, body=body)

    def _fetch_token(self) -> tuple[str, float]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._account["client_email"],
            "scope": SCOPE,
            "aud": self._account["token_uri"],
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        assertion = jwt.encode(self._signer, claims).decode()  # type: ignore[no-untyped-call]  # google-auth
        answer = wire.ask(
            "POST",
            self._account["token_uri"],
            headers={"Content-Type": wire.FORM, "Accept": "application/json"},
            body=urlencode({"grant_type": GRANT, "assertion": assertion}).encode(),
        )
        found = wire.json_of(answer.body)
        token, seconds = wire.text_of(found, "access_token"), wire.text_of(found, "expires_in")
        if not token:
            raise ProviderError("token_unreadable", retryable=True)
        return token, max(float(seconds) if seconds.isdecimal() else 0.0, SHORTEST_LIFE)

"""The public HTTP API as `replay_day` uses it: with the standard library, like any client."""

import http.client
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

TRIES: Final = 6
TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
# Access tokens live ten minutes of real time.
RENEW_AFTER_SECONDS: Final = 240


class NotReached(Exception):
    """The server does not answer."""


class Refused(Exception):
    """A 4xx answer; `code` is the problem's."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.code: str = body.get("code", "") if isinstance(body, dict) else ""
        detail = body.get("title", "") if isinstance(body, dict) else ""
        super().__init__(f"{status} {self.code}: {detail}")


class Api:
    """Requests to one server; a POST keeps its idempotency key when it is tried again."""

    def __init__(self, base_url: str) -> None:
        """
        Remember where the server is.

        :raises ValueError: not an http or https address
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(base_url)
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._prefix = parts.path.rstrip("/")

    def get(self, path: str, *, access: str | None = None, **query: str) -> Any:
        """
        Return the answer to a GET.

        :raises Refused, NotReached:
        """
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path, None, access)

    def post(self, path: str, body: dict[str, Any], *, access: str | None = None) -> Any:
        """
        Return the answer to a POST, None for an empty one.

        :raises Refused, NotReached:
        """
        return self._send("POST", path, body, access)

    def _send(self, method: str, path: str, body: dict[str, Any] | None, access: str | None) -> Any:
        headers = {"Accept": "application/json", "Accept-Language": "fr"}
        if access:
            headers["Authorization"] = f"Bearer {access}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        pause = 0.2
        for attempt in range(1, TRIES + 1):
            try:
                status, answer = self._once(method, path, data, headers)
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    raise NotReached(str(error)) from error
            else:
                if status < 400:
                    return answer
                if status not in TRY_AGAIN and status < 500:
                    raise Refused(status, answer)
                if attempt == TRIES:
                    raise NotReached(f"{method} {path}: {status}")
            time.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def _once(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Any]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, timeout=15)
        try:
            connection.request(method, self._prefix + path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
            is_json = "json" in (answer.headers.get("Content-Type") or "")
            return answer.status, json.loads(text) if text and is_json else None
        finally:
            connection.close()


@dataclass
class Account:
    """Somebody who signs in and stays signed in."""

    api: Api
    identifier: str
    password: str
    _access: str = ""
    _refresh: str = ""
    _renewed_at: float = 0.0

    def get(self, path: str, **query: str) -> Any:
        """Return the answer to a GET as this person."""
        return self.api.get(path, access=self._token(), **query)

    def post(self, path: str, **body: Any) -> Any:
        """Return the answer to a POST as this person."""
        return self.api.post(path, body, access=self._token())

    def _token(self) -> str:
        if not self._access:
            self._sign_in()
        elif time.monotonic() - self._renewed_at > RENEW_AFTER_SECONDS:
            try:
                self._keep(self.api.post("/api/accounts/auth/refresh/", {"refresh": self._refresh}))
            except Refused:
                self._sign_in()
        return self._access

    def _sign_in(self) -> None:
        body = {"identifier": self.identifier, "password": self.password}
        self._keep(self.api.post("/api/accounts/auth/login/", body))

    def _keep(self, tokens: dict[str, str]) -> None:
        self._access, self._refresh = tokens["access"], tokens["refresh"]
        self._renewed_at = time.monotonic()

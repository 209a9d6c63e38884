"""What adapters over HTTP share: what a call that failed means for a message, and careful reading."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from smartqueue.common import http
from smartqueue.notifications.providers.base import (
    BadCallback,
    Callback,
    OutcomeUnknown,
    ProviderError,
)

SECONDS: Final = 15.0
LONGEST_WAIT: Final = 3600.0
FORM: Final = "application/x-www-form-urlencoded"


def hand_over(url: str, *, headers: Mapping[str, str], body: bytes) -> http.Response:
    """
    Post a message and return the answer, whatever its status.

    :raises ProviderError: it never left
    :raises OutcomeUnknown: it left, and no answer came back
    """
    try:
        return http.call(
            "POST", url, reach=http.PARTNERS, headers=headers, body=body, seconds=SECONDS
        )
    except http.CallFailed as failure:
        if failure.has_left:
            raise OutcomeUnknown(failure.code) from failure
        raise ProviderError(failure.code, retryable=True) from failure


def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
) -> http.Response:
    """
    Make a call that hands over no message, and return the answer if it is a good one.

    :raises ProviderError: none came, or one that says no
    """
    try:
        answer = http.call(
            method, url, reach=http.PARTNERS, headers=headers, body=body, seconds=SECONDS
        )
    except http.CallFailed as failure:
        raise ProviderError(failure.code, retryable=True) from failure
    if answer.status >= 300:
        wait = retry_after(answer)
        raise ProviderError(f"http_{answer.status}", retryable=True, retry_after=wait)
    return answer


def refusal(answer: http.Response) -> ProviderError:
    """
    Return what a status that its provider does not explain says about a message.

    Below 500 it was not taken. From 500 on it may have been, behind whoever answers, unless the
    answer asks to come again (503 with Retry-After).
    """
    wait = retry_after(answer)
    if answer.status >= 500 and not (answer.status == 503 and wait is not None):
        return OutcomeUnknown(f"http_{answer.status}")
    return ProviderError(f"http_{answer.status}", retryable=True, retry_after=wait)


def retry_after(answer: http.Response) -> float | None:
    """Return the seconds of Retry-After, a number or a date, an hour at most; None without one."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until.timestamp() - time.time(), 0.0), LONGEST_WAIT)


def json_of(body: bytes) -> Any:
    """Return what a body holds as JSON; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def dig(found: Any, *path: str) -> Any:
    """Return what lies in nested objects under these names; None where there is no such thing."""
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def text_of(found: Any, *path: str) -> str:
    """Return a text or a whole number from nested objects as text; "" where there is none."""
    value = dig(found, *path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)


def moment(text: str) -> datetime | None:
    """Return a time in ISO 8601, in UTC where it names no zone; None if it cannot be read."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def form_of(callback: Callback) -> dict[str, str]:
    """
    Return the fields of a form that was posted; of a repeated one the last.

    :raises BadCallback: it is no form, or holds a character that no row can keep
    """
    try:
        pairs = parse_qsl(
            callback.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=200
        )
    except ValueError as error:
        raise BadCallback("not_a_form") from error
    if any("\0" in text for pair in pairs for text in pair):
        raise BadCallback("not_a_form")
    return dict(pairs)


def number_of(text: str) -> str:
    """Return a phone number as `+221771234567`, from whatever providers put before its digits."""
    digits = text.strip().removeprefix("tel:").strip().lstrip("+")
    return f"+{digits}" if digits.isdecimal() and len(digits) > 6 else digits

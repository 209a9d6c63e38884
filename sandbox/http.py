"""What all providers over HTTP share: reading requests, and answers that fail as commanded."""

import asyncio
import base64
import binascii
import contextlib
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.rules import Answer, Rule
from sandbox.world import World

BODY_MAX: Final = 64_000
# The extension of the ASGI scope under which the server offers to cut the connection.
CUT: Final = "sandbox.cut"


class BadBody(ValueError):
    """A body that cannot be read as what its provider takes."""


async def body(request: Request) -> bytes:
    """
    Return the body.

    :raises BadBody: it is larger than any provider takes
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > BODY_MAX:
            raise BadBody("body is too large")
    return bytes(data)


async def read_json(request: Request) -> dict[str, Any]:
    """
    Return the object in the body.

    :raises BadBody: it is no JSON object
    """
    try:
        found = json.loads(await body(request))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadBody("body is not JSON") from error
    if not isinstance(found, dict):
        raise BadBody("body is not a JSON object")
    return found


async def read_form(request: Request) -> dict[str, str]:
    """
    Return the fields of an urlencoded form; of a repeated one the last.

    :raises BadBody: it is no such form
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadBody("content type is not application/x-www-form-urlencoded")
    try:
        text = (await body(request)).decode()
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200))
    except ValueError as error:
        raise BadBody("form cannot be read") from error


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Return name and password of Basic authentication, or None."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def bearer(request: Request) -> str:
    """Return the bearer token, or ""."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def with_query(url: str, query: dict[str, str]) -> str:
    """Return an address with fields added to those that its query already has."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


class Silence(Response):
    """No answer: the connection stays open until the client leaves or the time is over, then is cut."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        scope["extensions"][CUT]()
        while (await receive())["type"] != "http.disconnect":
            pass


async def exchange(
    world: World,
    rule: Rule,
    *,
    provider: str,
    to: str,
    text: str,
    reference: str,
    accept: Callable[[Rule], Response],
    refuse: Callable[[str, Rule], Response],
    busy: str,
    units: int = 1,
    broke: str | None = None,
) -> Response:
    """
    Answer a well-formed message as the rule says and count it. `accept` takes it on, `refuse` makes the
    provider's error for a code; `busy` is the code above the rate limit, `broke` that of an empty
    balance (None: the provider has no such refusal).
    """

    def note(outcome: str) -> None:
        world.store.counts.note(provider, to=to, text=text, reference=reference, outcome=outcome)

    if rule.delay_seconds:
        await asyncio.sleep(rule.delay_seconds)
    if not world.limits.allows(provider):
        note("throttled")
        return refuse(busy, rule)
    if rule.answer is Answer.REFUSE:
        note("refused")
        return refuse(rule.error, rule)
    if not rule.answer.takes_on:
        note(rule.answer.value)
        return failing(rule)
    if broke is not None and not world.balances.take(provider, units):
        note("refused")
        return refuse(broke, rule)
    note("accepted")
    answer = accept(rule)
    return answer if rule.answer is Answer.ACCEPT else failing(rule)


def entry_failing(world: World, entry: str) -> Response | None:
    """Return how a sign-in fails on command, or None."""
    rule = world.rules.decide_entry(entry)
    if rule.answer is Answer.ACCEPT:
        return None
    if rule.answer is Answer.REFUSE:
        status = int(rule.error) if rule.error.isdecimal() else 401
        return JSONResponse({"error": "access_denied"}, status)
    return failing(rule)


def failing(rule: Rule) -> Response:
    """Return what the client gets instead of the provider's answer."""
    if rule.answer is Answer.SERVER_ERROR:
        headers = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
        status = int(rule.error) if rule.error.isdecimal() else 503
        return PlainTextResponse("upstream connect error", status, headers)
    if rule.answer is Answer.GARBAGE:
        return Response("<html><body>It works!</body></html>", 200, media_type="text/html")
    if rule.answer in {Answer.CUT_BEFORE, Answer.CUT_AFTER}:
        return Silence(0)
    return Silence(rule.hang_seconds)

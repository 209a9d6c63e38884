"""What opens a page stands in no log."""

import logging
from uuid import uuid4

import pytest
from django.test import Client

from smartqueue.accounts.tokens import make_opaque_token
from smartqueue.common import middleware
from smartqueue.common.logging import configure, without_tokens
from smartqueue.queues.tokens import sign, token_of


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/t/{ticket}/", "/t/*/"),
        ("/t/{ticket}/state/", "/t/*/state/"),
        ("/k/{device}/", "/k/*/"),
        ("/w/{device}/", "/w/*/"),
        ("/calendar/{device}.ics", "/calendar/*.ics"),
        ("/calendar/{ticket}.ics", "/calendar/*.ics"),
        ("/a/{appointment}/", "/a/*/"),
        ("/a/{appointment}/move/", "/a/*/move/"),
        ("/l/{entry}/", "/l/*/"),
    ],
)
def test_the_token_in_an_address_is_not_logged(
    capsys: pytest.CaptureFixture[str], path: str, shown: str
) -> None:
    tokens = {
        "ticket": token_of(uuid4()),
        "device": make_opaque_token().text,
        "appointment": sign("appointment", uuid4()),
        "entry": sign("waitlist", uuid4()),
    }
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure({"level": "INFO"})
    try:
        Client().get(path.format(**tokens))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    written = capsys.readouterr().err
    assert f'"path": "{shown}"' in written
    assert f"Not Found: {shown}" in written
    assert [token for token in tokens.values() if token in written] == []


def test_the_secret_that_a_provider_calls_with_is_not_logged() -> None:
    for path in ("orange-sms/receipts", "smpp.yas/inbound", "africas_talking/ussd"):
        place = f"/api/notifications/webhooks/{path}/"
        assert without_tokens(f"{place}{'s' * 32}/?status=6") == f"{place}*/?status=6"


@pytest.mark.django_db
def test_an_address_is_searched_for_tokens_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def counting(text: str) -> str:
        searched.append(text)
        return without_tokens(text)

    monkeypatch.setattr(middleware, "without_tokens", counting)
    path = f"/t/{token_of(uuid4())}/"
    answer = Client().get(path)
    assert searched == [path]
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db
def test_what_a_token_opens_is_kept_by_nothing_on_the_way() -> None:
    kept = Client().get("/no-such-page/").headers["Cache-Control"]
    opened = Client().get(f"/t/{token_of(uuid4())}/no-such-page/").headers["Cache-Control"]
    assert (kept, opened) == ("private, no-cache", "no-store")

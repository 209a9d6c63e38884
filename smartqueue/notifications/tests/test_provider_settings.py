"""Accounts of the environment, and what production refuses of them."""

from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from py_vapid.utils import b64urlencode

from config.settings import _sms


def problems() -> list[str]:
    return [
        str(each.id)
        for each in run_checks(tags=[Tags.security])
        if str(each.id).startswith("notifications.")
    ]


def in_production(settings: Any) -> None:
    settings.ALLOW_LOCAL_PROVIDERS = False
    # Push services write there, unless VAPID_SUBJECT names somebody else.
    settings.PUBLIC_URL = "https://queue.example.org"


def orange(settings: Any, **given: Any) -> None:
    account = settings.SMS_ACCOUNTS["orange_sms"] | {
        "client_id": "id",
        "callback_secret": "c" * 32,
    }
    settings.SMS_ACCOUNTS = settings.SMS_ACCOUNTS | {"orange_sms": account | given}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9100/orange",
        "https://localhost:9100/orange",
        "https://sandbox/orange",
        "https://10.0.0.7/orange",
        "http://api.orange.com",
        "https://api.sandbox.africastalking.com",
        "https://[::1]/",
        "",
    ],
)
def test_production_refuses_stand_ins(settings: Any, url: str) -> None:
    orange(settings, url=url)
    assert problems() == []
    in_production(settings)
    assert problems() == ["notifications.E001"]
    orange(settings, url="https://api.orange.com")
    assert problems() == []


def test_production_refuses_a_centre_on_this_machine(settings: Any) -> None:
    in_production(settings)
    for host, expected in (
        ("localhost", 1),
        ("127.0.0.2", 1),
        ("::1", 1),
        ("10.8.0.1", 0),
        ("smpp.expresso.sn", 0),
    ):
        settings.SMPP_ACCOUNTS = {"yas": {"host": host}}
        assert len(problems()) == expected, host


def test_an_account_needs_a_secret_for_its_calls(settings: Any) -> None:
    orange(settings, callback_secret="guess")
    assert problems() == ["notifications.E002"]


def test_production_says_whom_push_services_write_to(settings: Any) -> None:
    in_production(settings)
    settings.PUBLIC_URL = "http://queue.example.org"
    neither = settings.WEB_PUSH_ACCOUNT | {"private_key": "", "subject": ""}
    key = b64urlencode((7).to_bytes(32))
    for given, expected in (
        # Without a key no browser is sent anything, and nothing is to be said.
        ({}, []),
        ({"subject": "mailto:staff@example.org"}, ["notifications.E003"]),
        ({"private_key": key}, ["notifications.E003"]),
        ({"private_key": "no key"}, ["notifications.E003"]),
        ({"private_key": key, "subject": "mailto:staff@example.org"}, []),
    ):
        settings.WEB_PUSH_ACCOUNT = neither | given
        assert problems() == expected, given


def test_accounts_at_message_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SMPP_ACCOUNTS",
        "smpp://me:p%40ss@10.8.0.1/yas?per_second=20&prefixes=+22176|22170&price=9,"
        "smpps://me@smpp.expresso.sn:3550/expresso?sender=24500",
    )
    found = _sms.smpp_accounts()
    assert list(found) == ["yas", "expresso"]
    yas, expresso = found.values()
    assert (yas["host"], yas["port"], yas["password"]) == ("10.8.0.1", 2775, "p@ss")
    assert (yas["per_second"], yas["price"], yas["is_secured"]) == (20.0, 9, False)
    assert yas["prefixes"] == ["+22176", "+22170"]
    assert (expresso["port"], expresso["is_secured"], expresso["sender"]) == (3550, True, "24500")


@pytest.mark.parametrize(
    "address",
    [
        "http://me:secret-word@10.8.0.1/yas",
        "smpp://10.8.0.1/yas?secret-word",
        "smpp://me:secret-word@/yas",
        "smpp://me:secret-word@10.8.0.1/",
        "smpp://me:secret-word@10.8.0.1:port/yas",
        "smpp://me:secret-word@10.8.0.1/yas?colour=red",
        "smpp://me:secret-word@10.8.0.1/yas?per_second=fast",
    ],
)
def test_an_account_that_cannot_be_read_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("SMPP_ACCOUNTS", address)
    with pytest.raises(ImproperlyConfigured) as refused:
        _sms.smpp_accounts()
    assert "secret-word" not in str(refused.value)

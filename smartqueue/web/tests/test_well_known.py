"""What phones ask before they hand our addresses and passkeys to an app."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from config.settings._apps import android_apps, apple_apps

ANDROID = "/.well-known/assetlinks.json"
APPLE = "/.well-known/apple-app-site-association"
PRINT = ":".join(["AB"] * 32)
OTHER = ":".join(["0C"] * 32)


@pytest.mark.parametrize("path", [ANDROID, APPLE])
def test_an_installation_without_apps_names_none(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_android_apps_are_named_with_their_certificates(client: Client, settings: Any) -> None:
    settings.ANDROID_APPS = android_apps(
        [f"sn.smartqueue.app@{PRINT}", f"sn.smartqueue.app@{OTHER}", f"sn.smartqueue.staff@{PRINT}"]
    )
    answer = client.get(ANDROID)
    assert answer.headers["Content-Type"] == "application/json"
    assert "public" in answer.headers["Cache-Control"]
    targets = [entry["target"] for entry in answer.json()]
    assert [(t["package_name"], t["sha256_cert_fingerprints"]) for t in targets] == [
        ("sn.smartqueue.app", [PRINT, OTHER]),
        ("sn.smartqueue.staff", [PRINT]),
    ]
    assert all(
        "delegate_permission/common.get_login_creds" in entry["relation"] for entry in answer.json()
    )
    assert client.get(APPLE).status_code == 404


def test_apple_apps_open_tickets_and_use_passkeys(client: Client, settings: Any) -> None:
    settings.APPLE_APPS = apple_apps(["ABCDE12345.sn.smartqueue.app"])
    answer = client.get(APPLE)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["webcredentials"] == {"apps": ["ABCDE12345.sn.smartqueue.app"]}
    (links,) = answer.json()["applinks"]["details"]
    assert links["appIDs"] == ["ABCDE12345.sn.smartqueue.app"]
    assert {"/": "/t/*"} in links["components"]
    assert client.get(ANDROID).status_code == 404


@pytest.mark.parametrize(
    "text", ["sn.smartqueue.app", f"app@{PRINT}", f"sn.smartqueue.app@{PRINT[:-3]}", "@"]
)
def test_an_android_app_that_is_badly_named_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        android_apps([text])


@pytest.mark.parametrize("text", ["sn.smartqueue.app", "ABCDE12345", "abcde12345.sn.app", ""])
def test_an_apple_app_that_is_badly_named_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        apple_apps([text])

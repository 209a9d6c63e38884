"""Where a page sends people afterwards is on this site, whatever the address said."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from smartqueue.accounts.tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

AWAY = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "http:evil.example",
    "https:///evil.example/",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
    " https://evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example/",
    "\x08//evil.example/",
    "ftp://testserver/",
]


def by_sign_in(client: Client, target: str) -> Any:
    user = make_user()
    body = {"identifier": user.email, "password": PASSWORD, "next": target}
    return client.post("/sign-in/", body)


def by_address(client: Client, target: str) -> Any:
    user = make_user()
    address = f"/sign-in/?{urlencode({'next': target})}"
    return client.post(address, {"identifier": user.email, "password": PASSWORD})


def by_language(client: Client, target: str) -> Any:
    return client.post("/language/", {"language": "en", "next": target})


def by_the_admin_site(client: Client, target: str) -> Any:
    user = make_user(is_staff=True, is_superuser=True)
    door = client.get("/admin/login/", {"next": target}).headers["Location"]
    assert door.startswith("/sign-in/?")
    return client.post(door, {"identifier": user.email, "password": PASSWORD})


DOORS = {
    "sign-in": by_sign_in,
    "sign-in by address": by_address,
    "language": by_language,
    "admin": by_the_admin_site,
}


@pytest.mark.parametrize("number", range(len(AWAY)))
@pytest.mark.parametrize("door", sorted(DOORS))
def test_nobody_is_sent_to_another_site(client: Client, door: str, number: int) -> None:
    response = DOORS[door](client, AWAY[number])

    assert response.status_code in {200, 302}
    if response.status_code == 302:
        assert response.headers["Location"] == "/"


@pytest.mark.parametrize("target", ["/agent/", "/q/?a=b#c"])
def test_people_come_back_to_where_they_were(client: Client, target: str) -> None:
    assert by_sign_in(client, target).headers["Location"] == target
    assert by_language(client, target).headers["Location"] == target


def test_the_form_shows_no_foreign_target(client: Client) -> None:
    page = client.get("/sign-in/", {"next": "https://evil.example/"})

    assert b'value="https://evil.example' not in page.content
    assert b'href="/register/?next=https' not in page.content

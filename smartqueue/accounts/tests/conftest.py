from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts import ports
from smartqueue.accounts.enums import Channel
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import PASSWORD, make_user
from smartqueue.common import redis
from smartqueue.limits import operations as limits


class Api:
    """The identity paths as a client calls them."""

    def __init__(self) -> None:
        self.client = Client()

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(
            f"/api/accounts/{path}", body, content_type="application/json", headers=headers
        )

    def login(self, user: User, **headers: str) -> dict[str, Any]:
        identifier = user.email or user.phone
        body = {"identifier": identifier, "password": PASSWORD}
        response = self.post("auth/login/", body, **headers)
        assert response.status_code == 200, response.json()
        return dict(response.json())

    def me(self, access: str) -> Any:
        return self.client.get("/api/accounts/users/me/", headers=bearer(access))

    def register(self, **fields: Any) -> Any:
        body = {"password": PASSWORD, "first_name": "Awa", "last_name": "Diop"} | fields
        return self.post("auth/register/", body)


def bearer(access: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access}"}


class Mailbox:
    """Delivers codes into a list; the app that really does it is above this one."""

    def __init__(self) -> None:
        self.channels = set(Channel)
        self.messages: list[ports.CodeMessage] = []

    def can_reach(self, channel: Channel) -> bool:
        return channel in self.channels

    def deliver(self, message: ports.CodeMessage, now: datetime) -> None:
        self.messages.append(message)

    def of(self, recipient: str) -> list[ports.CodeMessage]:
        """Return one recipient's messages, newest first."""
        return [m for m in reversed(self.messages) if m.recipient == recipient]

    def code_of(self, recipient: str) -> str:
        """Return the last code that reached a recipient."""
        return next(m.code for m in self.of(recipient) if m.code)


@pytest.fixture(autouse=True)
def mailbox() -> Iterator[Mailbox]:
    usual = ports.code_delivery()
    box = Mailbox()
    ports.register_code_delivery(box)
    yield box
    ports.register_code_delivery(usual)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    """Redis at an address where nothing listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    caches = (redis.client, limits._script)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()

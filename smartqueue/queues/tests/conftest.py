"""The paths of queues as clients call them."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import User
from smartqueue.common import clock
from smartqueue.common.redis import client as redis_client
from smartqueue.queues import estimates
from smartqueue.queues.interfaces.status import LOCAL_SECONDS
from smartqueue.queues.tests.factories import NOW


class Api:
    """One caller: `actor` by an access token, `token` by X-Ticket-Token, or nobody."""

    def __init__(self, actor: Actor | None = None, token: str | None = None) -> None:
        self.client = Client()
        self.headers: dict[str, str] = {}
        if actor is not None:
            user = User.objects.get(pk=actor.user_id)
            signed_in = accounts.sign_in(user=user, device=Device(), now=clock.now())
            self.headers["Authorization"] = f"Bearer {signed_in.access}"
        if token is not None:
            self.headers["X-Ticket-Token"] = token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the answer; a body that is not text is sent as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options: dict[str, Any] = {"headers": self.headers | named}
        if body is not None:
            options["data"] = body if isinstance(body, str | bytes) else json.dumps(body)
            options["content_type"] = "application/json"
        return self.client.generic(method.upper(), f"/api/{path}", **options)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("post", path, {} if body is None else body, **headers)

    def ok(self, path: str, body: Any = None, status: int = 200) -> Any:
        """POST something that must be accepted; return what was answered."""
        response = self.post(path, body)
        assert response.status_code == status, response.content
        return response.json()


class Clock:
    """The time at the entrance, which a test may move."""

    def __init__(self) -> None:
        self.at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def entrance(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Let every request happen at one moment, which the test may change."""
    watch = Clock()
    monkeypatch.setattr(clock, "now", watch)
    estimates.forget_profiles()
    yield watch
    estimates.forget_profiles()


def forget_status(queue_id: UUID) -> None:
    """Let the status be read anew; a test's transaction never tells Redis of its commit."""
    redis_client().delete(f"status:{queue_id}")
    time.sleep(2 * LOCAL_SECONDS)

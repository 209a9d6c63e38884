from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.common import clock
from smartqueue.queues import estimates
from smartqueue.queues.tests import factories


@pytest.fixture(autouse=True)
def _own_speech(settings: Any, tmp_path: Any) -> None:
    settings.SPEECH_DIR = tmp_path / "speech"
    settings.SPEECH_RECORDINGS = tmp_path / "recordings"


@pytest.fixture(autouse=True)
def _at_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages read the time at the entrance; the place was made at the same moment."""
    monkeypatch.setattr(clock, "now", lambda: factories.NOW)
    estimates.forget_profiles()
    yield
    estimates.forget_profiles()


@pytest.fixture
def place(db: None) -> factories.Place:
    """A branch with an open queue "A", two counters and two agents."""
    return factories.make_place()


def sign_in(client: Client, actor: Actor) -> Client:
    """Return the client with a session of the actor's account."""
    client.force_login(User.objects.get(pk=actor.user_id))
    return client

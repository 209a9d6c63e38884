from collections.abc import Iterator
from typing import Any

import pytest

from smartqueue.queues.tests import factories
from smartqueue.webhooks import tasks
from smartqueue.webhooks.tests.receiver import Receiver, receiving


@pytest.fixture
def place(db: None) -> factories.Place:
    return factories.make_place()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def handed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what is handed to workers, whom the test plays itself."""
    found: list[Any] = []
    monkeypatch.setattr(tasks, "hand_to_worker", found.append)
    return found

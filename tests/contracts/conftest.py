"""What several contract tests stand on."""

from collections.abc import Iterator

import pytest

from smartqueue.notifications.providers.base import Terms
from smartqueue.notifications.tests.carrier import lines


@pytest.fixture
def carrier() -> Iterator[None]:
    """Have a provider of text messages, and no other."""
    with lines(("carrier", Terms(countries=("SN",)))):
        yield

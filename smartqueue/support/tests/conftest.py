from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_storage(settings: Any) -> None:
    """Start every test with no file: setting it anew makes another storage in memory."""
    settings.STORAGES = dict(settings.STORAGES)

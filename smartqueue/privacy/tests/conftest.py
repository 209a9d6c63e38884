from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages


@pytest.fixture(autouse=True)
def _own_storage(settings: Any) -> None:
    """Start every test with no file: setting it anew makes another storage in memory."""
    settings.STORAGES = dict(settings.STORAGES)


@pytest.fixture
def exports(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A directory of this test's own for archives, as production has one."""
    directory = tmp_path / "exports"
    directory.mkdir()
    settings.STORAGES = settings.STORAGES | {
        "exports": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(directory)},
        }
    }
    storages._storages.clear()
    yield directory
    storages._storages.clear()


@pytest.fixture
def _no_limits(settings: Any) -> None:
    """The marked person is the same in every test, whoever else runs them at the same time."""
    settings.LIMITS = {
        action: dict.fromkeys(by, "1000000/minute") for action, by in settings.LIMITS.items()
    }

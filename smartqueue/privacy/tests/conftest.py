from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from smartqueue.privacy.tests.marks import MARKS, forget_attempts


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
def _no_attempts() -> None:
    """Attempts are counted in Redis, which outlives a test."""
    forget_attempts(*MARKS, *(f"+2217712399{number:02}" for number in range(90, 100)))

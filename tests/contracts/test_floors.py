"""Versions below which a package has a known hole, against what is installed and what is locked."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ \\]+)", re.MULTILINE)

# Why: see docs/security.md, "Version floors".
FLOORS = {
    "django": ">=5.2.14,<5.3",
    "pyjwt": ">=2.13.0",
    "granian": ">=2.7.4",
    "uvicorn": ">=0.54",
    "channels": ">=4.3",
    "celery": ">=5.2.2",
    "redis": ">=7.4,<8",
    "django-allauth": ">=65.21.1",
    "h11": ">=0.16.0",
    # Not installed today; the day they are, they are these.
    "daphne": ">=4.2.2",
    "strawberry-graphql": ">=0.327.2",
}
ABSENT_TODAY = {"daphne", "strawberry-graphql"}


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def locked(file: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / "requirements" / file).read_text()))


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_what_is_installed_is_above_the_floor(name: str) -> None:
    found = installed(name)

    assert (found is None) <= (name in ABSENT_TODAY), f"{name} is not installed"
    assert found is None or found in SpecifierSet(FLOORS[name]), f"{name} {found}"


@pytest.mark.parametrize("file", ["base.txt", "dev.txt", "sentry.txt"])
def test_what_is_locked_is_above_the_floor(file: str) -> None:
    pins = locked(file)
    assert pins

    below = {
        name: pins[name]
        for name in FLOORS.keys() & pins.keys()
        if pins[name] not in SpecifierSet(FLOORS[name])
    }

    assert below == {}


def test_control_an_old_version_is_below_the_floor() -> None:
    assert "5.2.10" not in SpecifierSet(FLOORS["django"])
    assert "8.0.0" not in SpecifierSet(FLOORS["redis"])

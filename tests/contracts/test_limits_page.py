"""docs/patterns/limits.md says how often each thing may be done, as the settings do."""

import re
from pathlib import Path

from config.settings.base import LIMITS_OPEN

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(\w+)` \| `?(\w+)`? \| `([^`]+)` \|", re.MULTILINE)


def of_the_settings() -> set[tuple[str, str, str]]:
    """Return the table as base.py has it; the settings of the tests widen it."""
    text = (ROOT / "config" / "settings" / "base.py").read_text()
    start = text.index("LIMITS: dict")
    found: dict[str, dict[str, str]] = {}
    exec(text[start : text.index("# These go on uncounted", start)], {}, found)  # noqa: S102  # our own file
    return {
        (action, dimension, limit)
        for action, limits in found["LIMITS"].items()  # type: ignore[attr-defined]
        for dimension, limit in limits.items()
    }


def of_the_page() -> set[tuple[str, str, str]]:
    return set(ROW.findall((ROOT / "docs" / "patterns" / "limits.md").read_text()))


def test_the_page_names_every_limit_of_the_settings() -> None:
    assert of_the_page() == of_the_settings()


def test_the_page_says_which_actions_go_on_without_redis() -> None:
    page = (ROOT / "docs" / "patterns" / "limits.md").read_text()
    sentence = next(line for line in page.splitlines() if line.startswith("Open are"))

    assert set(re.findall(r"`(\w+)`", sentence)) == set(LIMITS_OPEN)

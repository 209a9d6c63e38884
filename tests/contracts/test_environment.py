"""Every environment variable that the code reads is explained, and no other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r'\benv(?:\.[a-z_]+)?\(\s*"([A-Z][A-Z_]+)"')
READ_DIRECTLY = re.compile(r'_VARIABLE\s*=\s*"([A-Z][A-Z_]+)"')
EXPLAINED = re.compile(r"^(?:# )?([A-Z][A-Z_]+)=", re.MULTILINE)

# Read by Django, the Procfile and the commands in script/, not by the settings.
OUTSIDE_SETTINGS = {
    "DJANGO_SETTINGS_MODULE",
    "DATABASE_OWNER_URL",
    "HOST",
    "PORT",
}
# What names a directory of its own.
DIRECTORIES = ("STATIC_ROOT", "MEDIA_ROOT", "EXPORTS_DIR", "SPEECH_DIR")
WHERE_IT_WRITES = """
from config.settings import base
print(base.STATIC_ROOT, base.MEDIA_ROOT, base.STORAGES["exports"]["OPTIONS"]["location"],
      base.SPEECH_DIR, sep="\\n")
"""


def read_by_code() -> set[str]:
    sources = [*ROOT.glob("config/**/*.py"), *ROOT.glob("smartqueue/**/*.py")]
    texts = [path.read_text() for path in sources if "tests" not in path.parts]
    return {name for text in texts for name in READ.findall(text) + READ_DIRECTLY.findall(text)}


def test_env_example_names_what_the_code_reads() -> None:
    explained = set(EXPLAINED.findall((ROOT / ".env.example").read_text()))

    assert explained == read_by_code() | OUTSIDE_SETTINGS


def test_readme_names_what_the_code_reads() -> None:
    text = (ROOT / "README.md").read_text()

    missing = {name for name in read_by_code() | OUTSIDE_SETTINGS if f"`{name}`" not in text}

    assert missing == set()


def directories(**environment: str) -> list[Path]:
    given = {
        name: value
        for name, value in os.environ.items()
        if name not in {*DIRECTORIES, "SMARTQUEUE_DATA_DIR"}
    }
    told = subprocess.run(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", WHERE_IT_WRITES],
        cwd=ROOT,
        env=given | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(line) for line in told.stdout.split()]


def test_everything_is_written_below_the_data_directory(tmp_path: Path) -> None:
    found = directories(SMARTQUEUE_DATA_DIR=str(tmp_path))
    assert {path.parent for path in found} == {tmp_path}
    assert len(set(found)) == len(DIRECTORIES)
    assert {path.parent for path in directories()} == {ROOT / ".data"}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_directory_named_on_its_own_is_used(name: str, tmp_path: Path) -> None:
    named = tmp_path / "named"
    found = directories(**{"SMARTQUEUE_DATA_DIR": str(tmp_path / "data"), name: str(named)})
    assert found.count(named) == 1
    assert sum(path.parent == tmp_path / "data" for path in found) == len(DIRECTORIES) - 1

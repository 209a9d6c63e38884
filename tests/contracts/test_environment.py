"""Every environment variable that the code reads is explained, and no other."""

import re
from pathlib import Path

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
    "SMARTQUEUE_DATA_DIR",
}


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

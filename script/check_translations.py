"""Fail when a text of the code or the templates lacks a French or Arabic translation.

The texts are extracted afresh into a copy of the tree, so a text that nobody has added to the
catalogues is found as well. English is the language of the sources and needs no catalogue.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("fr", "ar")
SOURCES = ("smartqueue", "config", "locale")


def extract(tree: Path) -> None:
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "tests", "migrations", "*.mo")
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    (tree / "locale").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "django", "makemessages", "--no-obsolete", "--no-location"]
    for language in LANGUAGES:
        command += ["--locale", language]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command


def problems(tree: Path) -> list[str]:
    found = []
    for path in sorted(tree.rglob("*.po")):
        language = path.parts[-3]
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        for message in catalogue:
            if not message.id:
                continue
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            text = message.id[0] if isinstance(message.id, tuple) else message.id
            if message.fuzzy:
                found.append(f"{language}: fuzzy: {text!r}")
            elif not all(texts):
                found.append(f"{language}: missing: {text!r}")
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        extract(tree)
        found = problems(tree)
    for line in found:
        print(line)
    if found:
        print(
            f"{len(found)} translations to do: python manage.py makemessages -l fr -l ar, then fill them in."
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

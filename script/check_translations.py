"""Fail when a text of the code or the templates lacks a sound French or Arabic translation.

The texts are extracted afresh into a copy of the tree, so a text that nobody has added to the
catalogues is found as well. English is the language of the sources and needs no catalogue.
Sound is: not empty, not fuzzy, the same placeholders and markup in every form, the plural rule of
its language, one translation for one text across catalogues, and accepted by msgfmt.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
PLURAL_RULES = {
    "fr": "nplurals=2; plural=(n > 1);",
    "ar": "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 :"
    " n%100>=11 && n%100<=99 ? 4 : 5;",
}
SOURCES = ("smartqueue", "config", "locale")
NAMED = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")
POSITIONAL = re.compile(r"(?<!%)%[sd]")
MARKUP = re.compile(r"</?[a-z][^>]*>")


def extract(tree: Path) -> None:
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "tests", "migrations", "*.mo")
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    (tree / "locale").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "django", "makemessages", "--no-obsolete", "--no-location"]
    for language in PLURAL_RULES:
        command += ["--locale", language]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command


def texts_of(message: Message) -> list[str]:
    """Return a message's English: one text, or the singular and the plural."""
    return list(message.id) if isinstance(message.id, list | tuple) else [message.id]


def forms_of(message: Message) -> list[str]:
    """Return a message's translation: one text, or one for each plural form."""
    found = message.string
    return list(found) if isinstance(found, list | tuple) else [found]


def placeholders(text: str) -> set[str]:
    return {match[0] for match in NAMED.finditer(text)}


def markup(text: str) -> Counter[str]:
    return Counter(MARKUP.findall(text))


def fault_of(message: Message) -> str | None:
    """Return what is wrong with one translation, or None."""
    texts, forms = texts_of(message), forms_of(message)
    if message.fuzzy:
        return "fuzzy"
    if not all(form.strip() for form in forms):
        return "missing"
    wanted = placeholders(texts[-1])
    # Forms for none, one and two may say the figure in words, but only where it has a name.
    shortened = forms[:3] if len(forms) > 2 else forms[:1] if len(forms) == 2 else []
    for form in forms:
        given = placeholders(form)
        if given - wanted or (given != wanted and form not in shortened):
            return "placeholders differ"
        if len(POSITIONAL.findall(form)) != len(POSITIONAL.findall(texts[-1])):
            return "placeholders differ"
        if markup(form) != markup(texts[-1]):
            return "markup differs"
    return None


def problems_of(catalogue: Catalog, language: str) -> list[str]:
    """Return the faults of one catalogue, one line each."""
    found = []
    rule = dict(catalogue.mime_headers).get("Plural-Forms", "")
    if "".join(rule.split()) != "".join(PLURAL_RULES[language].split()):
        found.append(f"{language}: Plural-Forms must be {PLURAL_RULES[language]!r}")
    for message in catalogue:
        fault = fault_of(message) if message.id else None
        if fault:
            found.append(f"{language}: {fault}: {texts_of(message)[0]!r}")
    return found


def contradictions(catalogues: list[Catalog], language: str) -> list[str]:
    """Return texts that two catalogues translate differently: only one of them is ever shown."""
    known: dict[tuple[str | None, str], list[str]] = {}
    found = []
    for message in (m for catalogue in catalogues for m in catalogue if m.id):
        key = (message.context, texts_of(message)[0])
        if known.setdefault(key, forms_of(message)) != forms_of(message):
            found.append(f"{language}: two translations: {key[1]!r}")
    return found


def refused_by_msgfmt(path: Path) -> list[str]:
    command = ["msgfmt", "--check", "--output-file=/dev/null", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return [] if done.returncode == 0 else [f"msgfmt: {done.stderr.strip()}"]


def problems(tree: Path) -> list[str]:
    found = []
    for language in PLURAL_RULES:
        catalogues = []
        for path in sorted(tree.rglob(f"locale/{language}/LC_MESSAGES/*.po")):
            with path.open("rb") as file:
                catalogues.append(read_po(file, locale=language))
            found += problems_of(catalogues[-1], language) + refused_by_msgfmt(path)
        found += contradictions(catalogues, language)
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        extract(tree)
        found = problems(tree)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} translations to do; how: docs/patterns/translations.md")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

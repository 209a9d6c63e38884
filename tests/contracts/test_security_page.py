"""docs/security.md answers every requirement of its standard, by a test or a check that exists."""

import re
from collections import Counter
from pathlib import Path

import pytest
from django.test import Client

from smartqueue.common.middleware import HEADERS
from tests.contracts.places import routes

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.+?) \| (.*?) \|$", re.MULTILINE)
LEFT_OUT = re.compile(r"^- ((?:\d+\.\d+\.\d+(?:, )?)+): ", re.MULTILINE)
# How many requirements of levels 1 and 2 each chapter of ASVS 5.0 has.
SIZES = {
    1: 27,
    2: 11,
    3: 19,
    4: 10,
    5: 9,
    6: 35,
    7: 18,
    8: 7,
    9: 7,
    10: 29,
    11: 14,
    12: 9,
    13: 13,
    14: 9,
    15: 13,
    16: 16,
    17: 7,
}
# Chapters that nothing here has anything of.
WHOLE_CHAPTERS = {10, 17}


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(PAGE.read_text())


def exists(shown: str) -> bool:
    """Whether a test, a check of script/lint or a rule of semgrep is there."""
    kind, _, name = shown.strip("`").partition(" ")
    if kind == "rule":
        return f"- id: {name}\n" in (ROOT / "tests" / "semgrep" / "rules.yaml").read_text()
    if kind == "lint":
        return f"check_{name}()" in (ROOT / "script" / "lint").read_text()
    file, _, test = kind.partition("::")
    path = ROOT / file
    return path.is_file() and bool(
        re.search(rf"^(?:async )?def {test}\(", path.read_text(), re.MULTILINE)
    )


def test_every_requirement_is_answered() -> None:
    page = PAGE.read_text()
    named = [row[0] for row in rows()]
    named += [number for group in LEFT_OUT.findall(page) for number in group.split(", ")]
    found = Counter(int(number.partition(".")[0]) for number in named)

    assert len(named) == len(set(named))
    assert {c: n for c, n in SIZES.items() if c not in WHOLE_CHAPTERS} == dict(found)


def test_each_answer_names_a_test_that_exists_or_says_what_is_missing() -> None:
    wrong = {
        number: shown or "nothing is shown"
        for number, _, met, shown in rows()
        if not (exists(shown) if shown else met.startswith("not met: "))
    }

    assert wrong == {}


def test_control_a_test_that_does_not_exist_is_seen() -> None:
    assert exists("tests/contracts/test_security_page.py::test_every_requirement_is_answered")
    assert not exists("tests/contracts/test_security_page.py::test_nothing")
    assert not exists("tests/contracts/test_nothing.py::test_nothing")
    assert not exists("rule nothing")
    assert not exists("lint nothing")


# --- What only configuration shows -----------------------------------------------------------


def test_the_proxy_speaks_new_tls_only() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()

    assert re.findall(r"ssl_protocols\s+([^;]+);", text) == ["TLSv1.2 TLSv1.3"]


def test_the_proxy_takes_suites_with_forward_secrecy_only() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()

    (suites,) = re.findall(r"ssl_ciphers\s+([^;]+);", text)

    weak = [s for s in suites.split(":") if not re.fullmatch(r"ECDHE-.+(GCM-SHA\d+|POLY1305)", s)]
    assert weak == []


def test_the_proxy_s_own_answers_have_the_same_headers() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()

    assert HEADERS["Content-Security-Policy"] in text
    assert "max-age=31536000; includeSubDomains; preload" in text


@pytest.mark.django_db
def test_trace_is_refused() -> None:
    client = Client(headers={"X-Secret": "do-not-repeat"})
    plain = [route for route, _ in routes() if "<" not in route and route != "metrics"]
    assert len(plain) > 20
    for route in plain:
        response = client.trace(f"/{route}")
        assert b"do-not-repeat" not in response.content, route
        assert response.status_code >= 300, route

"""Identifiers, the clock, money, points, problems, figures."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.utils import translation

from smartqueue.common import clock
from smartqueue.common.errors import FieldError, InvalidInput, NotFound, Problem
from smartqueue.common.geo import point
from smartqueue.common.ids import new_id
from smartqueue.common.money import Money
from smartqueue.common.rest.problems import body_of, handle_exception, problem_response


def test_new_ids_are_of_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(i.version, i.variant) for i in ids} == {(7, "specified in RFC 4122")}
    stamps = [i.int >> 80 for i in ids]
    assert stamps == sorted(stamps)
    assert abs(stamps[0] / 1000 - datetime.now(UTC).timestamp()) < 5


def test_the_demonstrations_clock_runs_at_its_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clock.json"
    monkeypatch.setenv(clock.CLOCK_FILE_VARIABLE, str(path))
    monkeypatch.setattr(clock, "_file", clock._ScaleFile())
    start = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()
    clock.write_scale(path, clock.ClockScale(anchor=0, start=start, speed=0))
    assert clock.now() == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    scale = clock.ClockScale(anchor=100, start=start, speed=60)
    assert scale.at(101) - scale.at(100) == 60


def test_without_a_clock_file_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.CLOCK_FILE_VARIABLE, raising=False)
    monkeypatch.setattr(clock, "_file", clock._ScaleFile())
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Africa/Dakar", date(2026, 3, 28)),
        ("Europe/Paris", date(2026, 3, 29)),
        ("Asia/Kolkata", date(2026, 3, 29)),
        ("Pacific/Apia", date(2026, 3, 29)),
        ("America/New_York", date(2026, 3, 28)),
    ],
)
def test_the_service_day_is_the_branchs_own(zone: str, day: date) -> None:
    assert clock.service_date(datetime(2026, 3, 28, 23, 30, tzinfo=UTC), zone) == day


def test_francs_have_no_decimals() -> None:
    money = Money(2500, "XOF")
    assert money.as_wire() == {"amount": 2500, "currency": "XOF"}
    digits = "".join(c for c in money.display("fr") if c.isdigit())
    assert digits == "2500"
    assert "25" in Money(2550, "EUR").display("fr")


def test_a_point_has_longitude_first_and_stays_on_earth() -> None:
    place = point(lat=14.69, lon=-17.44)
    assert (place.x, place.y, place.srid) == (-17.44, 14.69, 4326)
    for lat, lon in [(91, 0), (0, 181), (float("nan"), 0), (0, float("inf"))]:
        with pytest.raises(ValueError, match="out of range"):
            point(lat=lat, lon=lon)


def test_a_problem_tells_its_code_its_fields_and_what_else_it_knows() -> None:
    problem = InvalidInput(errors=(FieldError("a.b", "required", "Needed."),), state="closed")
    assert body_of(problem) == {
        "type": "urn:smartqueue:problem:invalid_input",
        "title": body_of(InvalidInput())["title"],
        "status": 400,
        "code": "invalid_input",
        "errors": [{"field": "a.b", "code": "required", "message": "Needed."}],
        "state": "closed",
    }


def test_problems_speak_the_readers_language_and_keep_their_code() -> None:
    titles = set()
    for language in ("fr", "en", "ar"):
        with translation.override(language):
            body = body_of(NotFound())
            titles.add(body["title"])
            assert body["code"] == "not_found"
    assert len(titles) == 3


def test_a_problem_with_a_wait_has_the_header() -> None:
    response = problem_response(HttpRequest(), Problem(retry_after=7))
    assert (response.headers["Retry-After"], response.status_code) == ("7", 400)
    assert response.headers["Content-Type"] == "application/problem+json"


def test_what_nobody_foresaw_is_left_to_the_log() -> None:
    assert handle_exception(ZeroDivisionError(), {}) is None


@pytest.mark.django_db
def test_ready_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get("/readyz").status_code == 200
    assert Client().get("/healthz").status_code == 200
    from redis import Redis  # noqa: PLC0415

    from smartqueue.common import health  # noqa: PLC0415

    monkeypatch.setattr(health, "client", lambda: Redis(port=1))
    response = Client().get("/readyz")
    assert (response.status_code, json.loads(response.content)["missing"]) == (503, ["redis"])
    assert response.headers["Retry-After"] == "5"


@pytest.mark.django_db
def test_figures_are_for_whoever_has_the_token(settings: Any) -> None:
    page = Client().get("/metrics")
    assert b"smartqueue_outbox_dead 0.0" in page.content
    assert b"smartqueue_outbox_oldest_seconds" in page.content
    settings.METRICS_TOKEN = "secret"
    assert Client().get("/metrics").status_code == 404
    given = {"Authorization": "Bearer secret"}
    assert Client().get("/metrics", headers=given).status_code == 200
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics", REMOTE_ADDR="41.82.1.2").status_code == 404

"""What pages say of a line where nobody waits, and of a place where no counter is open."""

import re
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import translation

from smartqueue.business.models import OpeningHours
from smartqueue.common import clock
from smartqueue.queues.tests import factories
from smartqueue.web import wording

pytestmark = pytest.mark.django_db

NO_COUNTER = re.compile(r'data-figure="no-counter"[^>]*>')
ESTIMATE = re.compile(r'data-figure="estimate"[^>]*>')
NOBODY = re.compile(r'data-figure="nobody"[^>]*>')
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=ZoneInfo("Africa/Dakar"))


@pytest.fixture
def at_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MONDAY)


def open_mondays(place: factories.Place, hour: int) -> None:
    OpeningHours.objects.with_scopes_disabled().create(
        organization=place.organization,
        branch=place.branch,
        weekday=0,
        opens_at=time(hour),
        closes_at=time(hour + 4),
    )


def pages(place: factories.Place) -> list[str]:
    return [f"/q/{place.queue.pk}/", f"/k/{factories.make_device(place.branch)}/"]


def read(client: Client, path: str) -> str:
    text: str = client.get(path, headers={"Accept-Language": "en"}).content.decode()
    return text


def shown(pattern: re.Pattern[str], text: str) -> list[bool]:
    return [" hidden" not in found for found in pattern.findall(text)]


def test_without_a_counter_a_page_says_so_and_gives_no_figure(
    client: Client, place: factories.Place, at_seven: None
) -> None:
    for path in [*pages(place), f"/b/{place.branch.slug}/"]:
        text = read(client, path if "/k/" not in path else f"{path}?lang=en")
        assert shown(NO_COUNTER, text) == [True], path
        assert shown(ESTIMATE, text) == [False], path
        assert "opens at" not in text


def test_it_says_when_the_place_opens(
    client: Client, place: factories.Place, at_seven: None
) -> None:
    open_mondays(place, 14)
    for path in pages(place):
        text = read(client, path if "/k/" not in path else f"{path}?lang=en")
        assert "opens at 14:00" in text, path


def test_an_open_counter_gives_the_figure_back(
    client: Client, place: factories.Place, at_seven: None
) -> None:
    factories.sit_down(place)
    for path in [*pages(place), f"/b/{place.branch.slug}/"]:
        text = read(client, path)
        assert shown(NO_COUNTER, text) == [False], path
        assert shown(ESTIMATE, text) == [True], path


def test_nobody_is_not_a_number(client: Client, place: factories.Place, at_seven: None) -> None:
    for path in pages(place):
        assert shown(NOBODY, read(client, path)) == [True], path
    factories.join(place)
    for path in pages(place):
        text = read(client, path)
        assert shown(NOBODY, text) == [False], path
        assert '<b data-figure="waiting">1</b>' in text


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(hours=7), "opens at 14:00"),
        (timedelta(days=1, hours=1), "opens Tuesday at 08:00"),
        (None, ""),
    ],
    ids=["today", "tomorrow", "unknown"],
)
def test_an_opening_names_its_day_when_it_is_another(after: Any, words: str) -> None:
    with translation.override("en"):
        assert wording.opens_at(MONDAY + after if after else None, MONDAY) == words

"""Planned counters, the accuracy of waits, and why a wait is as it is."""

import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.analytics.models import WaitAccuracy
from smartqueue.analytics.tests.factories import make_score
from smartqueue.queues.models import QueueWaits, RosterDay
from smartqueue.queues.operations import learn_usual_counters
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of
from smartqueue.web import charts
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db


def read(client: Client, path: str, status: int = 200, **headers: str) -> Page:
    """Return a page; where KEEP_PAGES names a directory, keep it there to be looked at."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    text = answer.content.decode()
    if kept := os.environ.get("KEEP_PAGES"):
        name = path.strip("/").replace("/", "_").replace("?", "_")
        Path(
            kept, f"{name[:20]}-{name[-20:]}-{headers.get('Accept-Language', 'fr')}.html"
        ).write_text(text)
    return Page(text)


def roster(place: factories.Place, day: str = "") -> str:
    path = f"/manage/queues/{place.queue.pk}/roster/"
    return f"{path}{day}/" if day else path


def form(*rows: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    names = ("since", "until", "counters")
    return {name: list(values) for name, values in zip(names, columns, strict=True)} | more


def planned(place: factories.Place) -> dict[Any, Any]:
    rows = RosterDay.objects.with_scopes_disabled().filter(queue=place.queue)
    return {row.date or row.weekday: row.spans for row in rows}


@pytest.fixture
def owner(client: Client, place: factories.Place) -> Client:
    return sign_in(client, place.owner)


def test_a_manager_plans_a_day_and_the_same_on_others(
    owner: Client, place: factories.Place
) -> None:
    rows = form(("08:00", "12:00", "2"), ("", "", ""), ("13:00", "00:00", "3"), also=["4", "6"])

    answer = owner.post(roster(place, "0"), rows)

    assert answer.status_code == 302
    spans = [[480, 720, 2], [780, 1440, 3]]
    assert planned(place) == {0: spans, 4: spans, 6: spans}
    page = read(owner, roster(place))
    assert page.inline == []
    assert "08:00\N{EN DASH}12:00" in page.text
    again = read(owner, roster(place, "0"))
    assert again.inline == []
    assert (again.fields["since"], again.fields["until"]) == ("08:00", "12:00")


def test_a_date_is_planned_from_its_weekday_and_given_back(
    owner: Client, place: factories.Place
) -> None:
    owner.post(roster(place, "0"), form(("08:00", "12:00", "2")))
    monday = factories.NOW.date().isoformat()

    chosen = owner.get(roster(place), {"date": monday})
    assert chosen["Location"] == roster(place, monday)
    assert read(owner, roster(place, monday)).fields["since"] == "08:00"
    owner.post(roster(place, monday), form())
    assert planned(place)[factories.NOW.date()] == []
    assert "lundi 23 novembre 2026" in read(owner, roster(place)).text.lower()
    owner.post(roster(place, monday), {"remove": "1"})

    assert set(planned(place)) == {0}


@pytest.mark.parametrize(
    "rows",
    [
        [("12:00", "08:00", "1")],
        [("08:00", "", "1")],
        [("08:00", "12:00", "many")],
        [("08:00", "12:00", "1"), ("11:00", "13:00", "1")],
        [("08:07", "12:00", "1")],
    ],
    ids=["backwards", "half", "no number", "overlap", "off the quarter"],
)
def test_a_wrong_plan_is_shown_again_as_typed(
    owner: Client, place: factories.Place, rows: list[tuple[str, str, str]]
) -> None:
    answer = owner.post(roster(place, "0"), form(*rows))

    assert answer.status_code == 400
    page = Page(answer.content.decode())
    assert page.fields["since"] == rows[0][0]
    assert 'role="alert"' in page.text
    assert "spans-wrong" in page.ids
    assert planned(place) == {}


@pytest.mark.parametrize("day", ["7", "x", "2026-02-30"])
def test_a_day_that_does_not_exist_is_not_found(
    owner: Client, place: factories.Place, day: str
) -> None:
    assert owner.get(roster(place, day)).status_code == 404


def test_only_a_manager_reaches_the_plan(client: Client, place: factories.Place) -> None:
    for actor in (place.agent, factories.make_place().owner):
        sign_in(client, actor)
        assert client.get(roster(place)).status_code == 404
        assert client.post(roster(place, "0"), form(("08:00", "12:00", "2"))).status_code == 404
        assert client.get(f"/manage/{place.organization.pk}/waits/").status_code == 404
    assert planned(place) == {}


def test_the_usual_counters_stand_beside_the_plan(owner: Client, place: factories.Place) -> None:
    learn_usual_counters(queue_id=place.queue.pk, now=factories.NOW)
    week = [[0.0] * 16 + [1.5] * 8 + [0.0] * 24] * 7
    QueueWaits.objects.filter(queue=place.queue).update(usual=week)

    for path in (roster(place), roster(place, "2")):
        text = read(owner, path).text
        assert "<b>1,5</b>" in text
        assert "08:00\N{EN DASH}12:00" in text


def test_the_pages_of_a_plan_cost_the_same_however_much_is_planned(
    owner: Client, place: factories.Place, django_assert_num_queries: Any
) -> None:
    owner.post(roster(place, "0"), form(("08:00", "12:00", "2")))
    # The first shows the message, and the note of the session's use is written.
    owner.get(roster(place))
    with django_assert_num_queries(6):
        owner.get(roster(place))
    for day in ("1", "2"):
        owner.post(roster(place, day), form(("08:00", "12:00", "2")))
    owner.get(roster(place))
    with django_assert_num_queries(6):
        owner.get(roster(place))


def scored(place: factories.Place, count: int = 60) -> None:
    chance = random.Random(3)
    for number in range(count):
        waited = chance.randrange(60, 2400)
        make_score(
            place,
            people_ahead=number % 24,
            waited=waited,
            median=max(waited + chance.randrange(-300, 300), 310),
            low=chance.randrange(100, 300),
            high=chance.randrange(1500, 2600),
            by_last=chance.randrange(2400),
            by_median=1200,
            called_at=factories.NOW - timedelta(days=7 * (number % 3)),
        )


def test_the_accuracy_is_counted_and_drawn(owner: Client, place: factories.Place) -> None:
    path = f"/manage/{place.organization.pk}/waits/"
    assert "nothing" in read(owner, path).test_ids
    scored(place)

    assert owner.post(path, {"queue": str(place.queue.pk)}).status_code == 302

    page = read(owner, path)
    assert page.inline == []
    assert {"figures", "calibration", "positions", "comparison", "coverage"} <= set(page.test_ids)
    assert ">60</dd>" in page.text
    assert read(owner, path, **{"Accept-Language": "ar"}).dir == "rtl"


def test_the_accuracy_is_narrowed_to_a_queue_and_a_week(
    owner: Client, place: factories.Place
) -> None:
    other = factories.make_queue(place, "B")
    path = f"/manage/{place.organization.pk}/waits/"
    make_score(place)
    make_score(place, called_at=factories.NOW - timedelta(days=7))
    make_score(place, queue=other)
    owner.post(path)
    week = factories.NOW.date().isoformat()

    counts = [
        read(owner, f"{path}{query}").text.split("<dd>")[1].split("<")[0]
        for query in ("", f"?queue={other.pk}", f"?week={week}", "?week=never&shown=odd")
    ]

    assert counts == ["3", "1", "2", "3"]
    assert "nothing" in read(owner, f"{path}?shown=waiting").test_ids


def test_a_manager_of_one_branch_sees_its_queues_alone(
    client: Client, place: factories.Place
) -> None:
    elsewhere = factories.make_branch(place.organization)
    make_score(place)
    path = f"/manage/{place.organization.pk}/waits/"
    sign_in(client, factories.make_member(place.organization, Role.MANAGER, elsewhere))

    assert client.post(path).status_code == 302
    assert not WaitAccuracy.objects.with_scopes_disabled().exists()
    assert place.queue.name not in read(client, path).text


def test_marks_stand_where_the_shares_are() -> None:
    first, last = charts.ticks()[0], charts.ticks()[-1]
    assert (first[0], last[0]) == (charts.EDGE, charts.EDGE + charts.SIDE)
    assert (first[1], last[1]) == (charts.EDGE + charts.SIDE, charts.EDGE)
    assert charts.error_lengths([100, None, 200]) == [115, 0, 230]
    assert charts.error_lengths([None, 0]) == [0, 0]


def test_a_wait_is_explained_before_and_after_joining(
    client: Client, place: factories.Place
) -> None:
    join = f"/q/{place.queue.pk}/"
    assert "Aucun guichet" in read(client, join).text or "No counter" in read(client, join).text
    factories.sit_down(place)
    factories.join(place)
    ticket = factories.join(place)

    page = read(client, join)
    assert "why" in page.test_ids
    assert "why" in read(client, f"/t/{token_of(ticket.pk)}/").test_ids


def test_the_agent_sees_the_wait_of_each_queue(client: Client, place: factories.Place) -> None:
    factories.sit_down(place)
    for _ in range(3):
        factories.join(place)

    page = read(sign_in(client, place.agent), "/agent/")

    assert "wait-A" in page.test_ids

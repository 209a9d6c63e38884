"""How right the shown waits were: added up, kept, answered."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction

from smartqueue.accounts.enums import Role
from smartqueue.analytics import operations, tasks
from smartqueue.analytics.models import WaitAccuracy
from smartqueue.analytics.tests.factories import make_score
from smartqueue.common.errors import NotFound
from smartqueue.common.ids import new_id
from smartqueue.queues.models import ShownEstimate
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    make_branch,
    make_member,
    make_place,
    make_queue,
)

pytestmark = pytest.mark.django_db

PATH = "analytics/wait-accuracy/"
WEEK = NOW.date() - timedelta(days=NOW.weekday())


@pytest.fixture
def place() -> Place:
    return make_place()


def count(place: Place, at: datetime = NOW) -> int:
    return operations.count_wait_accuracy(actor=place.owner, queue_id=place.queue.pk, now=at)


def kept() -> Any:
    return WaitAccuracy.objects.with_scopes_disabled().order_by("week", "bucket", "at_joining")


def answer(place: Place, query: str = "") -> Any:
    response = Api(place.owner).get(PATH + query)
    assert response.status_code == 200, response.content
    return response.json()["results"]


def pinball(row: ShownEstimate) -> float:
    losses = []
    for level, told in ((0.1, row.low), (0.5, row.median), (0.9, row.high)):
        off = row.waited - told
        losses.append(max(level * off, (level - 1) * off))
    return sum(losses) / 3


def test_the_figures_are_those_of_the_single_waits(place, entrance):
    chance = random.Random(7)
    rows = [
        make_score(
            place,
            people_ahead=chance.randrange(30),
            waited=chance.randrange(3000),
            low=chance.randrange(600),
            median=chance.randrange(600, 1200),
            high=chance.randrange(1200, 2400),
            by_last=chance.choice([None, chance.randrange(3000)]),
        )
        for _ in range(40)
    ]
    count(place)

    (told,) = answer(place)

    def mean(values: Any) -> int:
        listed = list(values)
        return round(sum(listed) / len(listed))

    assert told["queue"] == str(place.queue.pk)
    assert told["week"] == WEEK.isoformat()
    assert told["figures"] == {
        "estimates": 40,
        "mean_wait": mean(r.waited for r in rows),
        "mean_median": mean(r.median for r in rows),
        "error": mean(abs(r.waited - r.median) for r in rows),
        "coverage": round(sum(r.low <= r.waited <= r.high for r in rows) / 40, 3),
        "width": mean(r.high - r.low for r in rows),
        "pinball": mean(pinball(r) for r in rows),
        "early": round(sum(r.waited < r.low - 300 for r in rows) / 40, 3),
    }
    compared = [r for r in rows if r.by_last is not None]
    assert told["comparison"] == {
        "estimates": len(compared),
        "ours": mean(abs(r.waited - r.median) for r in compared),
        "by_median": mean(abs(r.waited - 700) for r in compared),
        "by_last": mean(abs(r.waited - (r.by_last or 0)) for r in compared),
        "by_mean_of_ten": mean(abs(r.waited - 500) for r in compared),
        "by_people": mean(abs(r.waited - 1800) for r in compared),
    }
    assert [c["level"] for c in told["calibration"]] == [0.1, 0.5, 0.9]
    assert told["calibration"][1]["share"] == round(sum(r.waited <= r.median for r in rows) / 40, 3)
    ends = [(p["since"], p["until"]) for p in told["positions"]]
    assert ends == [(0, 0), (1, 1), (2, 2), (3, 4), (5, 7), (8, 12), (13, 20), (21, None)]
    for position in told["positions"]:
        last = position["until"] if position["until"] is not None else 10**6
        here = [r for r in rows if position["since"] <= r.people_ahead <= last]
        assert position["figures"]["estimates"] == len(here)


def test_counting_again_changes_nothing_and_new_waits_are_added(place, entrance):
    make_score(place)
    count(place)
    before = list(kept().values())
    count(place)
    assert list(kept().values()) == before

    make_score(place)
    count(place)

    assert [row.estimates for row in kept()] == [2]


def test_a_week_whose_single_waits_are_gone_keeps_its_figures(place):
    for _ in range(2):
        make_score(place)
    count(place)
    ShownEstimate.objects.with_scopes_disabled().first().delete()

    count(place)

    assert [row.estimates for row in kept()] == [2]


def test_a_week_begins_on_monday_at_the_branch():
    place = make_place(timezone="Asia/Kolkata")
    sunday = datetime(2026, 11, 22, 18, 29, tzinfo=UTC)
    make_score(place, called_at=sunday)
    make_score(place, called_at=sunday + timedelta(minutes=1))

    count(place)

    assert [row.week for row in kept()] == [date(2026, 11, 16), date(2026, 11, 23)]


def test_what_was_told_on_joining_and_later_stay_apart(place, entrance):
    make_score(place)
    make_score(place, at_joining=False, waited=100)
    count(place)

    told = {shown: answer(place, f"?shown={shown}") for shown in ("joining", "waiting", "all")}

    assert [told[name][0]["figures"]["estimates"] for name in told] == [1, 1, 2]
    assert answer(place) == told["joining"]


def test_queues_and_weeks_are_chosen(place, entrance):
    second = make_queue(place, "B")
    for weeks in range(3):
        make_score(place, called_at=NOW - timedelta(weeks=weeks))
    make_score(place, queue=second)
    count(place)
    operations.count_wait_accuracy(actor=place.owner, queue_id=second.pk, now=NOW)

    assert [row["week"] for row in answer(place, f"?queue={place.queue.pk}")] == [
        (WEEK - timedelta(weeks=n)).isoformat() for n in range(3)
    ]
    thursday = WEEK - timedelta(days=4)
    assert len(answer(place, f"?until={thursday}")) == 2
    assert len(answer(place, f"?since={thursday}&until={thursday}")) == 1
    assert len(answer(place, f"?queue={second.pk}")) == 1
    assert Api(place.owner).get(f"{PATH}?shown=never").status_code == 400


def test_a_list_costs_the_same_however_long_it_is(
    place,
    entrance,
    django_assert_num_queries,
):
    owner = Api(place.owner)
    make_score(place)
    count(place)
    owner.get(PATH)
    with django_assert_num_queries(6):
        assert len(owner.get(PATH).json()["results"]) == 1
    for weeks in (1, 2):
        make_score(place, called_at=NOW - timedelta(weeks=weeks))
    count(place)

    with django_assert_num_queries(6):
        assert len(owner.get(PATH).json()["results"]) == 3


def test_only_who_manages_sees_and_counts(place, entrance):
    make_score(place)
    count(place)
    elsewhere = make_branch(place.organization)
    strangers = [
        place.agent,
        make_member(place.organization, Role.VIEWER),
        make_member(place.organization, Role.MANAGER, elsewhere),
        make_place().owner,
    ]
    for actor in strangers:
        assert Api(actor).get(PATH).json()["count"] == 0
        with pytest.raises(NotFound):
            operations.count_wait_accuracy(actor=actor, queue_id=place.queue.pk, now=NOW)
    assert Api().get(PATH).status_code == 401

    manager = make_member(place.organization, Role.MANAGER, place.branch)
    assert Api(manager).get(PATH).json()["count"] == 1
    assert Api(manager).ok(PATH, {"queue": str(place.queue.pk)}) == {"rows": 1}


def test_the_night_counts_every_organization(place):
    other = make_place()
    for one in (place, other):
        make_score(one)

    with time_machine.travel(NOW, tick=False):
        tasks.count_wait_accuracy_task()
        tasks.count_wait_accuracy_task()

    assert {row.organization_id for row in kept()} == {
        place.organization.pk,
        other.organization.pk,
    }
    assert kept().count() == 2


def test_the_database_keeps_one_row_for_a_position(place):
    make_score(place)
    count(place)
    row = kept().get()
    row.pk = new_id()

    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)

"""Figures of past days, checked against days that were made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts.enums import Role
from smartqueue.queues import operations
from smartqueue.queues.models import CounterSession, Ticket
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_branch,
    make_member,
    make_place,
    make_queue,
    make_user,
    sit_down,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]

NOBODY_WAITED = {"mean": None, "median": None, "p90": None}
NOBODY_SERVED = {"mean": None, "median": None}


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def serve(place: Place, session: CounterSession, *, called: datetime, lasts: float) -> Ticket:
    """Call whoever is next, receive them at once and serve them for some minutes."""
    ticket = operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=called)
    assert ticket is not None
    who = {"actor": place.agent, "ticket_id": ticket.pk}
    operations.start_ticket(**who, now=called)
    return operations.complete_ticket(**who, now=called + minutes(lasts))


def a_morning(place: Place) -> None:
    """
    Ten people join at nine: four are served after 5, 10, 15 and 30 minutes of waiting, for 2, 4, 6
    and 20 minutes; one does not come after 55 minutes; one leaves; four still wait.
    """
    tickets = [join(place) for _ in range(10)]
    session = sit_down(place)
    for wait, lasts in ((5, 2), (10, 4), (15, 6), (30, 20)):
        serve(place, session, called=NOW + minutes(wait), lasts=lasts)
    missed = operations.call_next_for_session(
        actor=place.agent, session_id=session.pk, now=NOW + minutes(55)
    )
    assert missed is not None
    operations.mark_no_show(actor=place.agent, ticket_id=missed.pk, now=NOW + minutes(56))
    operations.cancel_ticket(actor=place.agent, ticket_id=tickets[-1].pk, now=NOW + minutes(57))


MORNING = {
    "issued": 10,
    "served": 4,
    "no_shows": 1,
    "cancelled": 1,
    "expired": 0,
    "waiting_now": 4,
    # Waits of 5, 10, 15, 30 and 55 minutes.
    "wait_seconds": {"mean": 1380, "median": 900, "p90": 2700},
    # Services of 2, 4, 6 and 20 minutes.
    "service_seconds": {"mean": 480, "median": 300},
}
NOTHING = {
    "issued": 0,
    "served": 0,
    "no_shows": 0,
    "cancelled": 0,
    "expired": 0,
    "waiting_now": 0,
    "wait_seconds": NOBODY_WAITED,
    "service_seconds": NOBODY_SERVED,
}


def rows(place_or_actor: Any, path: str = "queues/analytics/") -> list[dict[str, Any]]:
    actor = getattr(place_or_actor, "owner", place_or_actor)
    response = Api(actor).get(path)
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def figures(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in NOTHING}


def test_a_queue_shows_its_morning() -> None:
    place = make_place()
    a_morning(place)

    [row] = rows(place)

    assert row == {
        "organization": str(place.organization.pk),
        "organization_name": place.organization.name,
        "branch": str(place.branch.pk),
        "branch_name": place.branch.name,
        "queue": str(place.queue.pk),
        "queue_name": place.queue.name,
        "since": "2026-11-17",
        "until": "2026-11-23",
        **MORNING,
    }


def test_a_queue_where_nothing_happened_shows_zeros_and_nulls() -> None:
    [row] = rows(make_place())

    assert figures(row) == NOTHING


def test_whoever_expired_is_counted_but_did_not_wait_for_a_call() -> None:
    place = make_place()
    join(place)
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=NOW + minutes(5))
    operations.expire_tickets(queue_id=place.queue.pk, now=NOW + minutes(6))

    [row] = rows(place)

    assert (row["issued"], row["expired"], row["waiting_now"]) == (1, 1, 0)
    assert row["wait_seconds"] == NOBODY_WAITED


def test_a_transferred_person_is_issued_here_and_served_there() -> None:
    place = make_place()
    other = make_queue(place, "B")
    ticket = join(place)
    session = sit_down(place)
    serve_at = {"actor": place.agent, "ticket_id": ticket.pk}
    operations.call_next_for_session(
        actor=place.agent, session_id=session.pk, now=NOW + minutes(10)
    )
    operations.start_ticket(**serve_at, now=NOW + minutes(11))
    operations.transfer_ticket(**serve_at, target_queue_id=other.pk, now=NOW + minutes(15))
    serve(place, session, called=NOW + minutes(18), lasts=5)

    first, second = sorted(rows(place), key=lambda row: row["queue_name"])

    assert (first["issued"], first["served"]) == (1, 0)
    assert (first["wait_seconds"]["mean"], first["service_seconds"]["mean"]) == (600, 240)
    assert (second["issued"], second["served"]) == (0, 1)
    assert (second["wait_seconds"]["mean"], second["service_seconds"]["mean"]) == (180, 300)


def test_waits_before_and_after_a_return_are_one_wait() -> None:
    place = make_place()
    ticket = join(place)
    session = sit_down(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=NOW + minutes(5))
    operations.return_ticket(
        actor=place.agent, ticket_id=ticket.pk, to="first", now=NOW + minutes(6)
    )
    serve(place, session, called=NOW + minutes(9), lasts=2)

    [row] = rows(place)

    assert row["wait_seconds"] == {"mean": 480, "median": 480, "p90": 480}


def test_only_the_days_asked_for_are_counted() -> None:
    place = make_place()
    join(place, now=NOW - timedelta(days=6))
    join(place, now=NOW - timedelta(days=7))

    [week] = rows(place)
    [longer] = rows(place, "queues/analytics/?since=2026-11-01&until=2026-11-23")
    [one_day] = rows(place, "queues/analytics/?since=2026-11-16&until=2026-11-16")
    [week_before] = rows(place, "queues/analytics/?until=2026-11-16")

    assert [row["issued"] for row in (week, longer, one_day, week_before)] == [1, 2, 1, 1]
    assert (week_before["since"], week_before["until"]) == ("2026-11-10", "2026-11-16")


def test_days_are_those_of_the_branch() -> None:
    place = make_place(timezone="Pacific/Auckland")
    # The 24th already over there.
    join(place, now=datetime(2026, 11, 23, 20, 0, tzinfo=UTC))

    [day_before] = rows(place, "queues/analytics/?since=2026-11-23&until=2026-11-23")
    [same_day] = rows(place, "queues/analytics/?since=2026-11-24&until=2026-11-24")

    assert (day_before["issued"], same_day["issued"]) == (0, 1)


def test_an_organization_and_its_branches_are_counted_from_all_their_queues() -> None:
    place = make_place()
    second = make_queue(place, "B")
    a_morning(place)
    join(place, queue_id=second.pk)
    elsewhere = make_branch(place.organization)
    operations.create_queue(
        actor=place.owner,
        branch_id=elsewhere.pk,
        name="File C",
        prefix="C",
        services=[place.service.pk],
        now=NOW,
    )

    [whole] = rows(place, "business/analytics/")
    branches = rows(place, "business/analytics/?per=branch")

    all_queues = MORNING | {"issued": 11, "waiting_now": 5}
    assert figures(whole) == all_queues
    assert whole["organization"] == str(place.organization.pk)
    assert "branch" not in whole
    assert {row["branch"]: figures(row) for row in branches} == {
        str(place.branch.pk): all_queues,
        str(elsewhere.pk): NOTHING,
    }


@pytest.mark.parametrize("path", ["queues/analytics/", "business/analytics/"])
def test_nobody_sees_figures_of_others(path: str) -> None:
    place, stranger = make_place(), make_place()
    join(place)
    join(stranger)
    agent = place.agent
    viewer = make_member(place.organization, Role.VIEWER)

    assert [row["organization"] for row in rows(place, path)] == [str(place.organization.pk)]
    assert rows(agent, path) == rows(viewer, path) == rows(make_actor(), path) == []
    assert rows(place, f"{path}?organization={stranger.organization.pk}") == []
    assert rows(place, f"{path}?branch={stranger.branch.pk}") == []
    assert rows(place, f"{path}?queue={stranger.queue.pk}") == []
    assert Api().get(path).status_code == 401


def test_a_manager_of_one_branch_counts_that_branch_only() -> None:
    place = make_place()
    join(place)
    elsewhere = make_branch(place.organization)
    manager = make_member(place.organization, Role.MANAGER, elsewhere)
    operations.create_queue(
        actor=place.owner,
        branch_id=elsewhere.pk,
        name="File C",
        prefix="C",
        services=[place.service.pk],
        now=NOW,
    )

    [queue] = rows(manager)
    [organization] = rows(manager, "business/analytics/")

    assert queue["branch"] == str(elsewhere.pk)
    assert organization["issued"] == 0


def test_a_platform_administrator_sees_all() -> None:
    place, other = make_place(), make_place()

    seen = rows(make_actor(make_user(is_superuser=True)), "business/analytics/")

    assert {row["organization"] for row in seen} >= {
        str(place.organization.pk),
        str(other.organization.pk),
    }


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("since=yesterday", "since", "invalid"),
        ("until=2026-02-30", "until", "invalid"),
        ("since=2026-11-20&until=2026-11-19", "since", "after_until"),
        ("since=2026-11-26", "since", "after_until"),
        ("since=2026-08-23&until=2026-11-23", "since", "too_many_days"),
        ("since=2026-08-01", "since", "too_many_days"),
        ("queue=7", "queue", "invalid"),
    ],
)
@pytest.mark.parametrize("path", ["queues/analytics/", "business/analytics/"])
def test_what_cannot_be_asked_is_named(path: str, query: str, field: str, code: str) -> None:
    response = Api(make_place().owner).get(f"{path}?{query}")

    assert response.status_code == 400
    body = response.json()
    assert body["code"] == "invalid_input"
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]


def test_ninety_two_days_can_be_asked() -> None:
    [row] = rows(make_place(), "queues/analytics/?since=2026-08-24&until=2026-11-23")

    assert row["since"] == "2026-08-24"


def test_the_first_days_of_the_calendar_can_be_asked() -> None:
    (row,) = rows(make_place().owner, "queues/analytics/?until=0001-01-03")
    assert (row["since"], row["until"], row["issued"]) == ("0001-01-01", "0001-01-03", 0)


def test_organizations_cannot_be_grouped_by_anything_else() -> None:
    response = Api(make_place().owner).get("business/analytics/?per=agent")

    assert [error["field"] for error in response.json()["errors"]] == ["per"]


@pytest.mark.parametrize("path", ["queues/analytics/", "business/analytics/?per=branch"])
def test_more_rows_cost_no_more_queries(path: str) -> None:
    place = make_place()
    api = Api(place.owner)

    def count() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            response = api.get(path)
        return len(response.json()["results"]), len(captured)

    one = count()
    for prefix in ("B", "C"):
        branch = make_branch(place.organization)
        operations.create_queue(
            actor=place.owner,
            branch_id=branch.pk,
            name=prefix,
            prefix=prefix,
            services=[place.service.pk],
            now=NOW,
        )

    # Session with roles, count, page, queues of the page, figures.
    assert one == (1, 5)
    assert count() == (3, 5)

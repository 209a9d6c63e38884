"""
Who may do what: every path and topic by every kind of caller, against a reviewed table.

`access.csv` has one row for each method and path and one column for each caller; all ask for
objects of organization A. A path that is missing in the table fails. A cell is the status, the
number of rows of a list, and a star where something was written. A refusal writes nothing.
"""

import csv
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from config.topics import TOPICS
from smartqueue.accounts import entrance
from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.common import tenancy
from smartqueue.common.errors import Problem
from smartqueue.realtime import registry
from tests.contracts.places import COLUMNS, Caller, World, ask, make_world, requests, topics
from tests.contracts.writes import Watch

TABLE = Path(__file__).with_name("access.csv")
APPS = (
    "business",
    "agents",
    "queues",
    "appointments",
    "notifications",
    "outbox",
    "realtime",
    "locations",
    "audit",
    "analytics",
    "privacy",
    "support",
    "webhooks",
)
REWRITE = "SMARTQUEUE_WRITE_ACCESS_TABLE"


def table() -> dict[tuple[str, str], dict[str, str]]:
    with TABLE.open() as file:
        return {(row["method"], row["path"]): row for row in csv.DictReader(file)}


def cell_of(response: Any) -> str:
    if response.status_code == 200 and response.headers["Content-Type"] == "application/json":
        answer = response.json()
        if isinstance(answer, dict) and {"count", "results"} <= set(answer):
            return f"200 n={answer['count']}"
    return str(response.status_code)


def digests(tables: Collection[str]) -> dict[str, list[Any]]:
    """Return the number of rows of tables, and a digest of them all."""
    parts = [
        f"SELECT '{table}', count(*), sum(hashtextextended(r::text, 0)::numeric) FROM \"{table}\" AS r"  # noqa: S608  # names from the models
        for table in tables
    ]
    with tenancy.with_keys(tenancy.EVERY_KEY), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {table: rest for table, *rest in cursor.fetchall()}


def watched() -> Watch:
    """Return a watch over every row that a refused request must leave alone."""
    tables = [
        model._meta.db_table
        for label in APPS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    ]
    return Watch(tables, digests)


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], dict[str, str]]:
    return table()


@dataclass
class Asked:
    """The world that every request meets as it was at first."""

    world: World
    callers: list[Caller]
    watch: Watch


@pytest.fixture
def asked(db: None) -> Asked:
    world = make_world()
    return Asked(world, [Caller.of(name, world) for name in COLUMNS], watched())


@pytest.fixture(autouse=True)
def _as_in_production(settings: Any) -> None:
    settings.METRICS_TOKEN = "metrics-token"
    settings.DEVELOPMENT_MAILBOX = False


def verdicts(asked: Asked, method: str, path: str) -> tuple[dict[str, str], list[str]]:
    """Ask as everybody; return the cells, and who changed something although refused."""
    cells, changed = {}, []
    for caller in asked.callers:
        with transaction.atomic():
            response = ask(caller, method, path)
            has_written = bool(asked.watch.changed())
            cells[caller.name] = cell_of(response) + (" *" if has_written else "")
            if has_written and response.status_code >= 400:
                changed.append(caller.name)
            transaction.set_rollback(True)
    return cells, changed


def test_every_path_has_a_row_and_every_row_a_path(rows):
    if os.environ.get(REWRITE):
        pytest.skip("the table is being written")
    paths = {row for row in rows if row[0] != "FOLLOW"}
    assert set(requests()) - paths == set()
    assert paths - set(requests()) == set()


def areas() -> dict[str, list[tuple[str, str]]]:
    """Return all requests by the area of the product they belong to; one world serves each."""
    found: dict[str, list[tuple[str, str]]] = {}
    for method, path in requests():
        depth = 3 if path.startswith("api/") else 1
        found.setdefault("/".join(path.split("/")[:depth]), []).append((method, path))
    return found


@pytest.mark.parametrize("area", sorted(areas()))
def test_everybody_gets_what_the_table_says(request, asked, rows, area):
    # The others show what is said where nothing carries text messages.
    if area.startswith("api/notifications/"):
        request.getfixturevalue("carrier")
    actual, careless = {}, []
    for method, path in areas()[area]:
        actual[method, path], changed = verdicts(asked, method, path)
        careless += [(method, path, name) for name in changed]

    if os.environ.get(REWRITE):
        with TABLE.open("a", newline="") as file:
            csv.writer(file).writerows([[*key, *cells.values()] for key, cells in actual.items()])
        return
    expected = {key: {name: rows[key][name] for name in COLUMNS} for key in actual}
    differing = {
        key: {name: (expected[key][name], cell) for name, cell in cells.items()}
        for key, cells in actual.items()
        if cells != expected[key]
    }
    assert differing == {}, "cells as (expected, actual)"
    assert careless == []


def actor_of(name: str, world: World) -> Actor:
    if name == "holder":
        return Actor(kind=ActorKind.TICKET, ticket_id=world.ids["tickets"])
    if name in world.tokens:
        return entrance.actor_of_ticket_token(world.tokens[name])
    return world.people.get(name, ANONYMOUS)


def follow(actor: Actor, topic: str) -> str:
    found, identifier = registry.resolve(topic)
    try:
        found.authorize(actor, identifier)
        found.snapshot(actor, identifier)
    except Problem as problem:
        return str(problem.status)
    return "200"


@pytest.mark.parametrize("prefix", sorted(topic.prefix for topic in TOPICS))
def test_everybody_follows_what_the_table_says(asked, rows, prefix):
    for topic in TOPICS:
        registry.register(topic)
    world = asked.world

    cells = {name: follow(actor_of(name, world), topics(world)[prefix]) for name in COLUMNS}

    assert asked.watch.changed() == {}
    if os.environ.get(REWRITE):
        with TABLE.open("a", newline="") as file:
            csv.writer(file).writerow(["FOLLOW", prefix, *cells.values()])
        return
    assert cells == {name: rows["FOLLOW", prefix][name] for name in COLUMNS}


def test_control_a_change_despite_a_refusal_is_seen(asked, monkeypatch):
    from smartqueue.queues import policies  # noqa: PLC0415
    from smartqueue.queues.models import Queue  # noqa: PLC0415

    def careless(actor: Actor, ticket_id: Any, **_options: Any) -> Any:
        Queue.objects.with_scopes_disabled().update(name="changed")
        raise policies.NotFound

    monkeypatch.setattr(policies, "access_ticket", careless)

    _, changed = verdicts(asked, "GET", "api/queues/tickets/<uuid:ticket_id>/")

    assert changed == list(COLUMNS)


def test_the_other_organization_gets_nothing_but_what_anybody_gets(rows):
    """Reviewing aid: a stranger's cell that differs from a customer's needs a reason."""
    strange = {
        key: (row["customer_b"], row["other_owner"])
        for key, row in rows.items()
        if row["customer_b"] != row["other_owner"]
    }
    assert set(strange) <= {
        # They have a place of their own to manage.
        ("GET", "manage/"),
        ("GET", "manage/privacy/"),
        # They are its only owner, so they cannot leave.
        ("POST", "account/privacy/erase/"),
        ("GET", "api/queues/analytics/"),
        ("GET", "api/business/analytics/"),
        ("GET", "api/analytics/wait-accuracy/"),
        ("GET", "api/business/organizations/"),
        ("GET", "manage/cases/"),
        ("GET", "manage/cases/part/"),
        # How the platform's providers are doing, which whoever manages any place may see.
        ("GET", "api/notifications/sms-providers/"),
        ("GET", "agent/"),
        ("GET", "agent/console/"),
    }


@pytest.mark.parametrize("token", ["", "other", "\xe9", "Bearer metrics-token "])
def test_figures_are_for_whoever_has_the_token(client, token):
    assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 404


def test_a_device_gets_what_anybody_gets_but_for_what_it_is_there_for(rows):
    """Neither has a right beyond tickets and topics: a kiosk its own, a display none."""
    differing = {
        (name, *key): (row["anonymous"], row[name])
        for key, row in rows.items()
        for name in ("kiosk", "display")
        if row["anonymous"] != row[name]
    }

    socket_ticket = ("POST", "api/accounts/auth/socket-ticket/")
    assert differing == {
        # It opens no more topics than the device may follow.
        ("kiosk", *socket_ticket): ("401", "200"),
        ("display", *socket_ticket): ("401", "200"),
        # Not even as the anonymous person in front of it could.
        ("display", "POST", "api/queues/tickets/"): ("201 *", "404"),
        ("display", "POST", "api/appointments/appointments/"): ("201 *", "404"),
        ("display", "POST", "api/appointments/waitlist/"): ("201 *", "404"),
    }

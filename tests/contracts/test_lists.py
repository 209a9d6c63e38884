"""
Every list of the API holds what its caller may see, with objects of two organizations beside each
other: its ids, its count, and nothing under another filter. What is not the caller's is not found.
"""

import csv
import re
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import models

from smartqueue.queues import queries
from smartqueue.queues.models import Ticket
from tests.contracts import places
from tests.contracts.places import Caller, World, address, make_world, query
from tests.contracts.test_access import TABLE, cell_of

pytestmark = [pytest.mark.no_cover, pytest.mark.usefixtures("carrier")]

CALLERS: Final = (
    "anonymous",
    "kiosk",
    "display",
    "customer_a",
    "customer_b",
    "agent",
    "agent_elsewhere",
    "viewer",
    "owner",
    "other_owner",
    "admin",
)
# What anybody reads, of every organization.
PUBLIC: Final = {
    "api/business/organizations/",
    "api/business/organizations/<uuid:pk>/services/",
    "api/business/branches/",
    "api/business/services/",
    "api/business/counters/",
    "api/business/opening-exceptions/",
    "api/business/holiday-overrides/",
    "api/queues/queues/",
    "api/appointments/appointment-slots/",
    "api/appointments/available-slots/",
    "api/appointments/slot-exceptions/",
    "api/locations/communes/",
}
# A list of all organizations' rows, for the platform alone.
PLATFORM: Final = {
    ("admin", "api/business/analytics/"),
    ("admin", "api/queues/analytics/"),
    ("admin", "api/analytics/wait-accuracy/"),
}
# An administrator of the platform knows every organization; its journal takes an access.
REFUSED: Final = {("admin", "api/audit/entries/")}
ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Filters that a client may point at another organization.
FILTERS: Final = {"organization": "organizations", "branch": "branches", "queue": "queues"}


def keys() -> set[str]:
    """Return the key of every row that has one of its own."""
    found: set[str] = set()
    for model in apps.get_models():
        if isinstance(model._meta.pk, models.UUIDField):
            manager: Any = model._default_manager
            rows = getattr(manager, "with_scopes_disabled", manager.all)()
            found.update(str(pk) for pk in rows.values_list("pk", flat=True))
    return found


def table() -> dict[str, dict[str, str]]:
    with TABLE.open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "GET"]
    return {row["path"]: row for row in rows if any(c.startswith("200 n=") for c in row.values())}


@dataclass
class Two:
    """A world that callers belong to; the other is beside it when it has been made."""

    own: World
    callers: dict[str, Caller]
    foreign: World | None = None
    foreign_keys: frozenset[str] = frozenset()

    def ask(self, name: str, path: str, asked: str = "") -> Any:
        where = query(self.own, path)
        parts = [where.removeprefix("?"), asked, "page_size=100"]
        client = self.callers[name].rest()
        return client.get(f"{address(self.own, path)}?{'&'.join(filter(None, parts))}")

    def strange(self, response: Any) -> set[str]:
        """Return the keys of the other world that an answer holds."""
        return set(ID.findall(response.content.decode())) & self.foreign_keys

    def add_the_other(self) -> None:
        known = keys()
        self.foreign = make_world()
        self.foreign_keys = frozenset(keys() - known)


@pytest.fixture
def two(db: None, monkeypatch: Any) -> Two:
    own = make_world()
    # The communes are the same for everybody.
    monkeypatch.setattr(places, "commune", lambda: None)
    return Two(own, {name: Caller.of(name, own) for name in CALLERS})


def leaks(two: Two, name: str, path: str, before: str) -> list[str]:
    """Return what a private list shows beyond its caller's own, asked plainly and with filters."""
    assert two.foreign is not None
    found = []
    plain = two.ask(name, path)
    if cell_of(plain) != before:
        found.append(f"{cell_of(plain)}, {before} without the others")
    if two.strange(plain):
        found.append("rows of others")
    refused = {403} if (name, path) not in REFUSED else set[int]()
    for key, kind in FILTERS.items():
        response = two.ask(name, path, f"{key}={two.foreign.ids[kind]}")
        if two.strange(response) - {str(two.foreign.ids[kind])}:
            found.append(f"rows of others by {key}")
        if response.status_code in refused or response.status_code >= 500:
            found.append(f"{response.status_code} by {key}")
    return found


def private_lists() -> list[str]:
    return sorted(set(table()) - PUBLIC)


def test_a_private_list_holds_its_callers_own_alone(two: Two) -> None:
    asked = {
        (name, path) for path in private_lists() for name in CALLERS if (name, path) not in PLATFORM
    }
    before = {key: cell_of(two.ask(*key)) for key in asked}
    two.add_the_other()

    found = {(name, path): leaks(two, name, path, before[name, path]) for name, path in asked}

    assert {key: what for key, what in found.items() if what} == {}


def test_each_private_list_holds_something_for_somebody() -> None:
    empty = {
        path
        for path in private_lists()
        if not any(re.fullmatch(r"200 n=[1-9]\d*", table()[path][name]) for name in table()[path])
    }

    # Shown by the tests of their own apps: consents are given there, accesses opened.
    assert empty == {
        "api/privacy/consents/history/",
        "api/business/support-accesses/",
    }


def test_a_public_list_is_the_same_for_everybody(two: Two) -> None:
    """Also for whom it belongs to: nothing of theirs alone stands in it."""
    two.add_the_other()
    differing = set()
    for path in sorted(PUBLIC):
        anybody = two.ask("anonymous", path).json()
        assert anybody["count"] > 0, path
        differing |= {(name, path) for name in CALLERS if two.ask(name, path).json() != anybody}

    assert differing == set()


def test_a_foreign_object_is_not_found_rather_than_refused() -> None:
    """A refusal would tell that it exists; an answer of 403 has to have its reason here."""
    with TABLE.open() as file:
        refusing = {
            (row["method"], row["path"], name)
            for row in csv.DictReader(file)
            for name, cell in row.items()
            if cell.startswith("403")
        }

    # An administrator of the platform knows every organization and account; its journal, or the
    # account itself, takes an access.
    person = "api/accounts/users/<uuid:user_id>/"
    assert refusing == {
        (method, person, "admin") for method in ("GET", "PUT", "PATCH", "DELETE")
    } | {
        ("GET", path, "admin")
        for path in (
            "api/audit/entries/",
            "api/audit/entries/export/",
            "manage/<uuid:organization_id>/journal/",
            "manage/<uuid:organization_id>/journal/export/",
        )
    }


def test_control_a_list_without_its_scope_is_seen(two: Two, monkeypatch: Any) -> None:
    everything = Ticket.objects.with_scopes_disabled().order_by("pk")
    monkeypatch.setattr(queries, "list_tickets", lambda: everything)

    before = cell_of(two.ask("customer_a", "api/queues/tickets/my/"))
    two.add_the_other()
    found = leaks(two, "customer_a", "api/queues/tickets/my/", before)

    assert "rows of others" in found

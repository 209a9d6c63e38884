"""The tables of docs/patterns/roles.md, cell by cell."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Role
from smartqueue.business import operations, policies
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import SupportAccess
from smartqueue.business.tests import factories as make
from smartqueue.common import clock
from smartqueue.common.errors import NotFound

pytestmark = pytest.mark.django_db

DOCUMENT = Path(__file__).parents[3] / "docs" / "patterns" / "roles.md"
API = "/api/business"


def tables() -> list[dict[str, dict[str, str]]]:
    """Return each table of the document: rows by their first cell, cells by their column."""
    found: list[dict[str, dict[str, str]]] = []
    columns: list[str] = []
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
            found.append({})
        elif not line.startswith("|---"):
            found[-1][cells[0]] = dict(zip(columns[1:], cells[1:], strict=True))
    return found


ABILITIES, DEEDS = tables()


def test_the_abilities_of_the_roles_are_those_of_the_document():
    assert {
        role.value: {
            ability.value: "yes" if role in ROLES_WITH[ability] else "no" for ability in Ability
        }
        for role in Role
    } == ABILITIES


@pytest.fixture
def ids() -> dict[str, Any]:
    owner = make.user()
    place = make.organization(owner)
    branch, other = make.branch(owner, place), make.branch(owner, place, "Autre")
    second = make.member(owner, place, Role.OWNER)
    return {
        "owner": owner,
        "place": place,
        "organization": str(place.pk),
        "branch": str(branch.pk),
        "other": str(other.pk),
        "counter": str(make.counter(owner, branch).pk),
        "second owner": str(make.membership(second, place).pk),
    }


def person(caller: str, ids: dict[str, Any]) -> Any:
    owner, place = ids["owner"], ids["place"]
    match caller:
        case "owner":
            return owner
        case "manager" | "agent" | "viewer":
            return make.member(owner, place, Role(caller))
        case "local manager":
            return make.member(owner, place, Role.MANAGER, (ids["branch"],))
    staff = make.user(is_superuser=True)
    if caller == "support":
        now = clock.now()
        SupportAccess.objects.with_scopes_disabled().create(
            organization=place,
            admin=staff,
            reason="A counter does not open",
            opened_at=now,
            expires_at=now + timedelta(hours=1),
        )
    return staff


Deed = Callable[[Client, Actor, dict[str, Any]], bool]


def request(method: str, path: str, body: dict[str, Any] | None = None) -> Deed:
    def send(client: Client, actor: Actor, ids: dict[str, Any]) -> bool:
        filled = json.dumps(body) if body is not None else ""
        for name, value in ids.items():
            filled = filled.replace(f"<{name}>", str(value))
        answer = client.generic(method, path.format(**ids), filled, content_type="application/json")
        assert answer.status_code < 500
        return 200 <= answer.status_code < 300

    return send


def can(ability: Ability) -> Deed:
    def ask(client: Client, actor: Actor, ids: dict[str, Any]) -> bool:
        try:
            policies.access_branch(actor, ids["branch"], ability)
        except NotFound:
            return False
        return True

    return ask


def invite(role: str, *branches: str) -> Deed:
    return request("POST", f"{API}/members/", {
        "organization": "<organization>", "identifier": "new@example.org", "role": role,
        "branches": list(branches),
    })  # fmt: skip


SETTINGS = API + "/organizations/{organization}/settings/"
DO: dict[str, Deed] = {
    "follow the queues of the organization": can(Ability.VIEW),
    "sit down at a counter": can(Ability.SERVE),
    "pause a queue": can(Ability.SERVE),
    "change the branch": request("PATCH", API + "/branches/{branch}/", {"name": "x"}),
    "set up a counter": request("POST", f"{API}/counters/", {"branch": "<branch>", "name": "9"}),
    "add a device": request(
        "POST", f"{API}/devices/", {"branch": "<branch>", "kind": "kiosk", "name": "Entrance"}
    ),
    "open another branch": request("POST", f"{API}/branches/", {
        "organization": "<organization>", "name": "x", "point": {"lat": 14.6, "lon": -17.4},
    }),
    "change the profile": request("PATCH", API + "/organizations/{organization}/", {"phone": ""}),
    "offer a service": request(
        "POST",
        f"{API}/services/",
        {"organization": "<organization>", "name": "x", "duration_minutes": 5},
    ),
    "read the settings": request("GET", SETTINGS),
    "change the settings": request("PATCH", SETTINGS, {"shows_estimate": False}),
    "require a second factor": request("PATCH", SETTINGS, {"requires_second_factor": True}),
    "list the members": request("GET", API + "/members/?organization={organization}"),
    "invite an agent of the branch": invite("agent", "<branch>"),
    "invite an agent of every branch": invite("agent"),
    "invite an owner": invite("owner"),
    "remove an owner": request("DELETE", API + "/members/{second owner}/"),
    "list support accesses": request("GET", API + "/support-accesses/?organization={organization}"),
    "close the organization": request("DELETE", API + "/organizations/{organization}/"),
    "open support access": request(
        "POST",
        f"{API}/support-accesses/",
        {"organization": "<organization>", "reason": "A counter does not open", "minutes": 30},
    ),
}  # fmt: skip


def test_every_deed_of_the_document_is_tried():
    assert list(DO) == list(DEEDS)


@pytest.mark.parametrize("caller", list(next(iter(DEEDS.values()))))
@pytest.mark.parametrize("deed", list(DO))
def test_who_may_do_what_the_document_says(ids, deed, caller):
    user = person(caller, ids)
    make.enrol(user)

    done = DO[deed](make.signed_in(user), make.actor_of(user), ids)

    assert ("yes" if done else "no") == DEEDS[deed][caller]


@pytest.mark.parametrize("deed", list(DO))
def test_a_stranger_and_a_device_may_do_none_of_it(ids, deed):
    stranger = make.user()
    make.organization(stranger, "Other")
    credential, code = operations.add_device(
        actor=make.actor_of(ids["owner"]),
        branch_id=ids["branch"],
        kind="kiosk",
        name="Kiosk",
        now=make.NOW,
    )
    _paired, token = operations.pair_device(code=code, now=make.NOW)
    device = Client(headers={"X-Ticket-Token": token})

    assert not DO[deed](make.signed_in(stranger), make.actor_of(stranger), ids)
    assert not DO[deed](device, Actor(kind="kiosk", branch_id=ids["branch"]), ids)
    assert credential.kind == "kiosk"

"""
Ids of another organization wherever the API takes an id: in its path, its query and its body.

The OpenAPI document names the places. Two whole worlds stand beside each other; somebody of the
first asks for their own objects with one of the other's ids in one place at a time, and in all.
Nothing of the other world is shown beyond what nobody needs to sign in for, none of its rows
changes, none of its ids is written down, a refusal writes nothing, and nothing fails.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business.models import Membership
from smartqueue.common import clock, tenancy
from smartqueue.common.walls import names_organization
from smartqueue.queues import policies
from smartqueue.queues.operations import configuring
from smartqueue.queues.tests.factories import make_actor, make_user
from tests.contracts import places
from tests.contracts.places import (
    FORMS,
    UPLOADS,
    Caller,
    World,
    address,
    body_for,
    make_world,
    query,
    requests,
)
from tests.contracts.test_access import table
from tests.contracts.test_lists import ID
from tests.contracts.test_mass_assignment import (
    REFUSED,
    Written,
    all_models,
    stored,
    tables,
    written,
)
from tests.contracts.writes import Watch

pytestmark = pytest.mark.no_cover

# Who answers for a path: the first of these whose own objects are answered.
ASKING: Final = ("owner", "agent", "customer_a")
# Texts shorter than these, and times, stand in everybody's rows.
SHORTEST_MARK: Final = 8
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d")
KINDS: Final[dict[str, Callable[[World], Any]]] = {
    "agent": lambda w: w.people["agent"].user_id,
    "assignee": lambda w: w.people["agent"].user_id,
    "until": lambda w: w.ids["notifications"],
    "user": lambda w: w.people["agent"].user_id,
    "batch": lambda w: w.ids["batches"],
    "branch": lambda w: w.place.branch.pk,
    "branches": lambda w: w.place.branch.pk,
    "counter": lambda w: w.ids["counters"],
    "message": lambda w: w.ids["message"],
    "missed_call_queue": lambda w: w.place.queue.pk,
    "organization": lambda w: w.place.organization.pk,
    "queue": lambda w: w.place.queue.pk,
    "queues": lambda w: w.place.queue.pk,
    "series": lambda w: w.ids["appointments"],
    "service": lambda w: w.place.service.pk,
    "services": lambda w: w.place.service.pk,
    "session": lambda w: w.ids["sessions"],
    "subject_id": lambda w: w.ids["tickets"],
    "visit": lambda w: w.ids["appointments"],
}
# What anybody may do at every organization, without a role in it.
OPEN: Final = {
    "POST api/privacy/requests/",
    "POST api/queues/tickets/",
    "POST q/<uuid:queue_id>/",
}
PLATFORM: Final = {"POST api/accounts/account-accesses/", "POST api/business/support-accesses/"}


# --- Where ids stand ----------------------------------------------------------------------------

Place = tuple[str, ...]
EACH: Final = "[]"
EVERYWHERE: Final = "everywhere"


@dataclass
class Operation:
    method: str
    route: str
    asked: list[str] = field(default_factory=list)
    fields: list[Place] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def is_page(self) -> bool:
        return not self.route.startswith("api/")


def ids_in(schema: dict[str, Any], schemas: dict[str, Any], at: Place = ()) -> Iterator[Place]:
    """Return the places of a described value at which an id stands."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[-1]]
    if schema.get("format") == "uuid":
        yield at
    for one in [o for key in ("allOf", "oneOf", "anyOf") for o in schema.get(key, [])]:
        yield from ids_in(one, schemas, at)
    if "items" in schema:
        yield from ids_in(schema["items"], schemas, (*at, EACH))
    for name, inner in schema.get("properties", {}).items():
        if not inner.get("readOnly"):
            yield from ids_in(inner, schemas, (*at, name))


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    schemas = document["components"]["schemas"]
    described = {
        (method.upper(), re.sub(r"{\w+}", "{}", path)): one
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }
    found = []
    for method, route in requests():
        one = described.get((method, "/" + re.sub(r"<[^>]+>", "{}", route)), {})
        asked = [
            each["name"]
            for each in one.get("parameters", [])
            if each["in"] == "query" and list(ids_in(each["schema"], schemas))
        ]
        content = one.get("requestBody", {}).get("content", {})
        fields = {at for kind in content.values() for at in ids_in(kind["schema"], schemas)}
        found.append(Operation(method, route, asked, sorted(fields)))
    assert sum(not one.is_page for one in found) >= len(described)
    return found


def put(value: Any, at: Place, what: Any) -> Any:
    """Return a value with something else at one place."""
    if not at:
        return what
    name, *rest = at
    if name == EACH:
        return [put((value or [None])[0], tuple(rest), what), *(value or [])[1:]]
    return {**(value or {}), name: put((value or {}).get(name), tuple(rest), what)}


# --- Asking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """A request, and where ids of the other world stand in it."""

    where: str
    path: str
    asked: dict[str, str]
    body: dict[str, Any]

    @property
    def sent(self) -> set[str]:
        return set(ID.findall(self.path + json.dumps([self.asked, self.body], default=str)))


def body_of(operation: Operation, world: World) -> dict[str, Any]:
    """Return a body that an operation takes; files in it can be read once."""
    if operation.is_page:
        return FORMS.get(operation.route, lambda w: {})(world)
    return deepcopy(body_for(world, operation.method, operation.route))


def asked_of(operation: Operation, world: World) -> dict[str, str]:
    pairs = query(world, operation.route).removeprefix("?").split("&")
    return dict(pair.split("=") for pair in pairs if pair)


def plain(operation: Operation, own: World) -> Try:
    """Return the request for one's own objects."""
    path, asked = address(own, operation.route), asked_of(operation, own)
    return Try("", path, asked, body_of(operation, own))


def places_of(operation: Operation, own: World, other: World) -> dict[Place, str]:
    """Return what stands in the other world at each place of a body that takes an id."""
    if not operation.is_page:
        names = {at: next(part for part in reversed(at) if part != EACH) for at in operation.fields}
        return {at: str(KINDS[name](other)) for at, name in names.items()}
    ours, theirs = (body_of(operation, world) for world in (own, other))
    flat = {(key, EACH) if isinstance(v, list) else (key,): v for key, v in theirs.items()}
    found = {at: value[0] if at[-1] == EACH else value for at, value in flat.items()}
    return {
        at: value
        for at, value in found.items()
        if isinstance(value, str) and ID.search(value) and ours[at[0]] != theirs[at[0]]
    }


def tries(operation: Operation, own: World, other: World) -> Iterator[Try]:
    """Return requests with an id of the other world in one place each, then in all of them."""
    base = plain(operation, own)
    parts, foreign = base.path.split("/"), address(other, operation.route).split("/")
    in_path = [i for i, part in enumerate(foreign) if ID.fullmatch(part) and part != parts[i]]
    for i in in_path:
        path = "/".join([*parts[:i], foreign[i], *parts[i + 1 :]])
        yield Try(f"path {i}", path, base.asked, body_of(operation, own))
    in_query = {name: str(KINDS[name](other)) for name in operation.asked}
    for name, value in in_query.items():
        yield Try(f"query {name}", base.path, base.asked | {name: value}, body_of(operation, own))
    everywhere = body_of(operation, own)
    in_body = places_of(operation, own, other)
    for at, value in in_body.items():
        everywhere = put(everywhere, at, value)
        body = put(body_of(operation, own), at, value)
        yield Try(f"body {'.'.join(at)}", base.path, base.asked, body)
    if len(in_path) + len(in_query) + len(in_body) > 1:
        path = "/".join(foreign[i] if i in in_path else part for i, part in enumerate(parts))
        yield Try(EVERYWHERE, path, base.asked | in_query, everywhere)


@dataclass
class Two:
    """Two worlds at rest, and who asks."""

    own: World
    other: World
    callers: dict[str, Caller]
    keys: frozenset[str]
    marks: tuple[str, ...]
    tenants: tuple[frozenset[str], frozenset[str]]
    watch: Watch

    def send(self, name: str, operation: Operation, one: Try) -> tuple[Any, Written]:
        """Ask, see what came and went, and take it back."""
        caller = self.callers[name]
        client = caller.browser() if operation.is_page else caller.rest()
        send = getattr(client, operation.method.lower())
        path = f"{one.path}?{urlencode(one.asked)}" if one.asked else one.path
        as_form = operation.is_page or operation.route in UPLOADS
        with transaction.atomic():
            if operation.method == "GET":
                response = send(path)
            elif as_form:
                response = send(path, one.body)
            else:
                response = send(path, one.body, content_type="application/json")
            found = written(self.watch)
            transaction.set_rollback(True)
        return response, found

    def shown(self, response: Any, one: Try) -> set[str]:
        """Return the ids and texts of the other world that an answer holds."""
        content = b"".join(response) if response.streaming else response.content
        text = content.decode(errors="replace")
        ids = set(ID.findall(text)) & self.keys - one.sent
        return ids | {mark for mark in self.marks if mark in text}


def texts_in(rows: dict[str, Any]) -> set[str]:
    """Return the texts that stand in rows, in their columns or inside them."""
    found: set[str] = set()
    level: list[Any] = [json.loads(row) for table in rows.values() for row in table]
    while level:
        found.update(value for value in level if isinstance(value, str))
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return found


def tenant_keys(world: World) -> frozenset[str]:
    """Return the keys of an organization and of its rows."""
    organization = world.place.organization.pk
    found = {str(organization)}
    for model in filter(names_organization, all_models()):
        manager: Any = model._default_manager
        rows = getattr(manager, "with_scopes_disabled", manager.all)()
        keys = rows.filter(organization_id=organization).values_list("pk", flat=True)
        found.update(key for key in map(str, keys) if ID.fullmatch(key))
    return frozenset(found)


def own(user: User, world: World) -> None:
    """Let somebody own a world's organization as well."""
    organization, now = world.place.organization, clock.now()
    Membership.objects.with_scopes_disabled().create(
        organization=organization, user=user, role=Role.OWNER, created_at=now
    )


@pytest.fixture
def two(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Two:
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)
    settings.LIMITS = {
        action: dict.fromkeys(rates, "1000000/minute") for action, rates in settings.LIMITS.items()
    }
    first = make_world()
    of_both = make_user()
    own(of_both, first)
    known = texts_in(stored(tables()))
    # The communes are the same for everybody.
    monkeypatch.setattr(places, "commune", lambda: None)
    second = make_world()
    own(of_both, second)
    new = texts_in(stored(tables())) - known
    first.people["owner_of_both"] = make_actor(of_both)
    keys = frozenset(text for text in new if ID.fullmatch(text))
    marks = {text for text in new - keys if len(text) >= SHORTEST_MARK and not TIME.match(text)}
    callers = {name: Caller.of(name, first) for name in ("anonymous", *ASKING, "owner_of_both")}
    tenants = (tenant_keys(first), tenant_keys(second))
    watch = Watch(tables(), stored)
    return Two(first, second, callers, keys, tuple(sorted(marks)), tenants, watch)


def asking(operations: list[Operation]) -> Iterator[tuple[str, Operation]]:
    """Return each operation, and who has objects of their own to ask it for."""
    rows = table()
    for operation in operations:
        row = rows.get((operation.method, operation.route), {})
        able = [name for name in ASKING if row.get(name, "").startswith(("2", "302 *"))]
        if row.get("owner") != "405":
            yield (able or ["owner"])[0], operation


# --- What may not happen ------------------------------------------------------------------------


def findings(two: Two, name: str, operation: Operation, one: Try) -> list[str]:
    """Return what a request with ids of the other world was told of it, or did to it."""
    response, found = two.send(name, operation, one)
    wrong = []
    if response.status_code >= 500:
        wrong.append(f"answered {response.status_code}")
    if response.status_code >= 400 and found:
        wrong.append(f"wrote {sorted(found)} although refused")
    shown = two.shown(response, one)
    if shown:
        to_anybody, _ = two.send("anonymous", operation, one)
        shown -= two.shown(to_anybody, one)
    if shown:
        wrong.append(f"showed {sorted(shown)[:3]}")
    touched = sorted(t for t, rows in found.items() if two.keys & set(ID.findall(json.dumps(rows))))
    if touched and (operation.name not in OPEN or tied(two, found)):
        wrong.append(f"answered {response.status_code}, wrote of the other world: {touched}")
    return [f"{one.where}: {text}" for text in wrong]


def tied(two: Two, found: Written) -> list[str]:
    """Return the tables in which a new row ties the two organizations together."""
    return sorted(
        table
        for table, rows in found.items()
        for ids in [set(ID.findall(json.dumps(row))) for row in rows]
        if table[0] == "+" and all(ids & keys for keys in two.tenants)
    )


def opened(two: Two, operations: Iterable[tuple[str, Operation]]) -> dict[str, list[str]]:
    """Return what requests with ids of the other world did, by operation."""
    found = {
        operation.name: [
            text
            for one in tries(operation, two.own, two.other)
            for text in findings(two, name, operation, one)
        ]
        for name, operation in operations
    }
    return {name: texts for name, texts in found.items() if texts}


def test_ids_of_another_organization_open_nothing(two: Two, operations: list[Operation]) -> None:
    asked = [
        (name, operation)
        for name, operation in asking(operations)
        if any(tries(operation, two.own, two.other))
    ]
    # Else a refusal would show nothing: what is asked of the API for one's own is answered.
    refused = {
        operation.name
        for name, operation in asked
        if not operation.is_page
        and two.send(name, operation, plain(operation, two.own))[0].status_code >= 400
    }

    assert opened(two, asked) == {}
    assert len(asked) > 250
    assert refused <= REFUSED | PLATFORM


def test_nobody_ties_two_organizations_together_not_even_who_owns_both(
    two: Two, operations: list[Operation]
) -> None:
    found = {}
    for operation in (one for one in operations if one.method != "GET"):
        mixing = [one for one in tries(operation, two.own, two.other) if one.where != EVERYWHERE]
        # What takes one id has nothing to tie it to.
        for one in mixing if len(mixing) > 1 else ():
            response, rows = two.send("owner_of_both", operation, one)
            if response.status_code >= 500 or tied(two, rows):
                found[operation.name, one.where] = (response.status_code, tied(two, rows))

    assert found == {}


def test_control_a_door_left_open_is_seen(
    two: Two, operations: list[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lenient(actor: Any, organization_id: UUID, *_rest: Any) -> None:
        tenancy.enter(organization_id)

    def asked(name: str) -> list[str]:
        (operation,) = (one for one in operations if one.name == name)
        return opened(two, [("owner", operation)]).get(name, [])

    reading = "GET api/queues/tickets/<uuid:ticket_id>/"
    writing = "PATCH api/queues/queues/<uuid:queue_id>/"
    assert asked(reading) + asked(writing) == []
    with monkeypatch.context() as patch:
        patch.setattr(policies, "require", lenient)
        patch.setattr(policies, "can", lambda actor, *_: actor.user_id is not None)
        assert any("path 4: showed" in text for text in asked(reading))
        assert any("path 4: answered 200, wrote" in text for text in asked(writing))
    with monkeypatch.context() as patch:
        patch.setattr(configuring, "_own_services", lambda branch, services: services)
        assert any("body services.[]: answered 200, wrote" in text for text in asked(writing))

"""
An owner who may do everything in one organization names things of another: in a request's body, in
the second place of a path, in a list's filter. Nothing of it is done, found or counted, and the
server answers as it does to what does not exist.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from tests.contracts.places import (
    FORMS,
    REST_BODIES,
    Caller,
    World,
    address,
    ask,
    make_world,
    query,
    requests,
)
from tests.contracts.test_access import everything

pytestmark = pytest.mark.django_db

# People are everybody's: who is named here becomes a member, or is looked for among them.
OF_NOBODY = {("POST api/accounts/account-accesses/", "user")}


def is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def swapped(own: dict[str, Any], foreign: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a body for each id in it, which is then another organization's."""
    for name, value in own.items():
        other = foreign.get(name)
        if is_id(value) and other != value:
            yield name, own | {name: other}
        elif isinstance(value, list) and value and is_id(value[0]) and other != value:
            yield name, own | {name: [*value, *(other or [])]}


def paths() -> list[tuple[str, str]]:
    """Return every request whose path names two things or more."""
    return [(m, route) for m, route in requests() if len(re.findall(r"<uuid:", route)) > 1]


def mixed(own: World, foreign: World, route: str) -> str:
    """Return a path whose last id is another organization's."""
    parts, other = address(own, route).split("/"), address(foreign, route).split("/")
    places = [i for i, part in enumerate(f"/{route}".split("/")) if part.startswith("<uuid:")]
    parts[places[-1]] = other[places[-1]]
    return "/".join(parts)


@pytest.fixture
def worlds(settings: Any) -> tuple[World, World]:
    settings.METRICS_TOKEN = "metrics-token"
    settings.DEVELOPMENT_MAILBOX = False
    return make_world(), make_world()


def test_what_is_anothers_is_nobodys(worlds: tuple[World, World]) -> None:
    own, foreign = worlds
    owner = Caller.of("owner", own)
    before, done, tried = everything(), [], 0

    def judge(what: str, send: Any) -> None:
        nonlocal tried
        tried += 1
        with transaction.atomic():
            status = send().status_code
            if not 400 <= status < 500 or everything() != before:
                done.append((what, status))
            transaction.set_rollback(True)

    for key, make in REST_BODIES.items():
        method, route = key.split(" ")
        for name, body in swapped(make(own), make(foreign)):
            if (key, name) not in OF_NOBODY:
                judge(f"{key} {name}", lambda m=method, r=route, b=body: ask(owner, m, r, b))
    browser = owner.browser()
    for route, make in FORMS.items():
        for name, form in swapped(make(own), make(foreign)):
            path = address(own, route)
            judge(f"{route} {name}", lambda p=path, f=form: browser.post(p, f))
    for method, route in paths():
        path = mixed(own, foreign, route)
        client = owner.rest() if route.startswith("api/") else browser
        body = FORMS.get(route, lambda w: {})(own) if client is browser else {}
        send = client.get if method == "GET" else getattr(client, method.lower())
        judge(f"{method} {path}", lambda s=send, p=path, b=body: s(p, b))

    assert done == []
    assert tried > 60


def test_a_list_filtered_by_anothers_thing_is_empty_or_refused(
    worlds: tuple[World, World],
) -> None:
    own, foreign = worlds
    caller = Caller.of("owner", own)
    names = {
        "organization": "organizations",
        "branch": "branches",
        "queue": "queues",
        "service": "services",
        "customer": "users",
        "ticket": "tickets",
    }
    everybody = Caller.of("customer_b", own)
    leaks = []
    for route in (r for m, r in requests() if m == "GET" and r.startswith("api/") and "<" not in r):
        base = address(own, route) + query(own, route)
        for name, key in names.items():
            path = f"{base}{'&' if '?' in base else '?'}{name}={foreign.ids[key]}"
            found = [_found(one.rest().get(path)) for one in (caller, everybody)]
            # What anybody is shown is shown to an owner too.
            if found[0] - found[1] and any(str(pk) in found[0] for pk in _ids_of(foreign)):
                leaks.append((path, found))

    assert leaks == []


def _found(answer: Any) -> set[str]:
    if answer.status_code != 200 or "json" not in answer.headers["Content-Type"]:
        return set()
    return set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", answer.content.decode()))


def _ids_of(world: World) -> list[Any]:
    return [pk for name, pk in world.ids.items() if name not in {"communes", "roster", "day"}]

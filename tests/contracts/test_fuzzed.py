"""Whatever fits the OpenAPI document, or nearly, is answered without a failure of the server."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from rest_framework.response import Response
from schemathesis import GenerationMode

from config.wsgi import application
from smartqueue.accounts.enums import Role
from smartqueue.queues import queries
from smartqueue.queues.interfaces.rest import MyTicketsView
from smartqueue.queues.tests.factories import make_member
from tests.contracts.places import Caller, World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.no_cover]

# The manager meets most, so most is tried as one; the others show what each may reach.
EXAMPLES = 6
FEWER_EXAMPLES = 1
ROLES = ("anonymous", "customer_a", "agent", "owner", "admin", "kiosk")


@pytest.fixture
def one_transaction(db: None) -> Iterator[None]:
    """Let requests in this process leave the test's own connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def api(one_transaction: None) -> Any:
    return schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)


@pytest.fixture
def manager(one_transaction: None) -> Caller:
    """Somebody who may do everything at the place, beside its owner."""
    world = make_world()
    world.people["manager"] = make_member(world.place.organization, Role.OWNER)
    return Caller.of("manager", world)


def real_objects(world: World, path: str) -> dict[str, Any]:
    """Return the ids of the world's own objects for the places in a path."""
    parts = path.strip("/").split("/")
    return {
        part.strip("{}"): str(world.ids.get(before, uuid4()))
        for before, part in pairwise(parts)
        if part.startswith("{")
    }


def headers_of(caller: Caller) -> dict[str, str]:
    """Return what a caller signs in with."""
    if caller.access:
        return {"Authorization": f"Bearer {caller.access}"}
    token = caller.world.tokens.get(caller.name)
    return {"X-Ticket-Token": token} if token else {}


def fuzz(
    operation: Any, mode: GenerationMode, caller: Caller, examples: int = EXAMPLES
) -> list[str]:
    """Send generated requests; return what the server failed at, or answered to nobody."""
    failed: list[str] = []
    headers = headers_of(caller)
    # The document lists an empty requirement where nobody needs to sign in.
    needs_person = {} not in operation.definition.raw["security"] and not caller.access

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.path_parameters = real_objects(caller.world, case.path)
        response = case.call(headers=headers)
        if response.status_code >= 500 or (needs_person and response.status_code < 400):
            failed.append(f"{case.as_curl_command()} -> {response.status_code}")

    # What one operation removes is there again for the next; some have nothing that could be wrong.
    with transaction.atomic():
        with suppress(Unsatisfiable):
            send()
        transaction.set_rollback(True)
    return failed


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_server(api: Any, manager: Caller, mode: GenerationMode) -> None:
    operations = [found.ok() for found in api.get_all_operations()]

    failed = [text for operation in operations for text in fuzz(operation, mode, manager)]

    assert len(operations) > 60
    assert failed == []


@pytest.mark.parametrize("role", ROLES)
def test_no_request_of_any_role_breaks_the_server(
    api: Any, one_transaction: None, role: str
) -> None:
    caller = Caller.of(role, make_world())

    failed = [
        text
        for operation in (found.ok() for found in api.get_all_operations())
        for text in fuzz(operation, GenerationMode.POSITIVE, caller, FEWER_EXAMPLES)
    ]

    assert failed == []


def test_control_an_answer_to_nobody_is_seen(
    api: Any, one_transaction: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MyTicketsView, "public", True)
    monkeypatch.setattr(MyTicketsView, "get", lambda view, request: Response({}))
    (operation,) = (
        operation
        for operation in (found.ok() for found in api.get_all_operations())
        if operation.label == "GET /api/queues/tickets/my/"
    )
    nobody = Caller("anonymous", make_world())

    assert fuzz(operation, GenerationMode.POSITIVE, nobody)


def test_control_a_failure_of_the_server_is_seen(api: Any, manager: Caller, monkeypatch) -> None:
    monkeypatch.setattr(queries, "list_queues", lambda: 1 / 0)
    (operation,) = (
        operation
        for operation in (found.ok() for found in api.get_all_operations())
        if operation.label == "GET /api/queues/queues/"
    )

    assert fuzz(operation, GenerationMode.POSITIVE, manager)

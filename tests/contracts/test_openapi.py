"""What the OpenAPI document promises: every path of the contract, and examples that are true."""

import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker

from config.description import DescriptionView
from config.openapi_examples import EXAMPLES

# Of the paths promised to clients, those of the live queue.
PROMISED = """
POST /api/accounts/auth/login/
POST /api/accounts/auth/logout/
POST /api/accounts/auth/mfa/
POST /api/accounts/auth/refresh/
POST /api/accounts/auth/register/
POST /api/accounts/auth/socket-ticket/
POST /api/accounts/auth/verify/
GET /api/accounts/users/me/
GET PUT PATCH DELETE /api/accounts/users/{}/
GET POST /api/business/organizations/
GET PUT PATCH DELETE /api/business/organizations/{}/
GET POST /api/business/services/
GET PUT PATCH DELETE /api/business/services/{}/
GET /api/business/organizations/{}/services/
GET /api/business/analytics/
GET POST /api/business/branches/
POST /api/business/counters/
POST /api/business/members/
GET POST /api/queues/queues/
GET PUT PATCH DELETE /api/queues/queues/{}/
GET /api/queues/queues/{}/status/
POST /api/queues/queues/{}/open/
POST /api/queues/queues/{}/pause/
POST /api/queues/queues/{}/close/
POST /api/queues/queues/{}/call-next/
GET POST /api/queues/tickets/
GET PUT DELETE /api/queues/tickets/{}/
GET /api/queues/tickets/my/
GET /api/queues/analytics/
POST /api/queues/tickets/{}/call/
POST /api/queues/tickets/{}/recall/
POST /api/queues/tickets/{}/start/
POST /api/queues/tickets/{}/complete/
POST /api/queues/tickets/{}/no-show/
POST /api/queues/tickets/{}/park/
POST /api/queues/tickets/{}/resume/
POST /api/queues/tickets/{}/return/
POST /api/queues/tickets/{}/transfer/
POST /api/queues/tickets/{}/undo/
POST /api/queues/tickets/{}/cancel/
POST /api/queues/tickets/{}/more-time/
POST /api/agents/sessions/
POST /api/agents/sessions/{}/call-next/
GET /api/appointments/appointment-slots/
GET /api/appointments/appointment-slots/{}/
GET POST /api/appointments/appointments/
GET PUT DELETE /api/appointments/appointments/{}/
GET /api/appointments/my-appointments/
GET /api/appointments/available-slots/
GET /api/locations/communes/
GET /api/notifications/notifications/
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    built: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return built


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: {**operation, "method": method, "path": path}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_promised_path_exists(operations):
    lines = [line.split() for line in PROMISED.split("\n") if line]
    promised = {(method, line[-1]) for line in lines for method in line[:-1]}

    there = {
        (o["method"].upper(), re.sub(r"\{\w+\}", "{}", o["path"])) for o in operations.values()
    }

    assert promised - there == set()


def test_every_operation_is_described(operations):
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["tags"] == [operation["path"].split("/")[2]], name
        assert operation["security"], name


def test_every_action_takes_an_idempotency_key(operations):
    without = {
        operation["path"]
        for operation in operations.values()
        if operation["method"] == "post"
        and "Idempotency-Key" not in {p["name"] for p in operation.get("parameters", ())}
    }

    # Signing in is done once by its own tokens, and so is erasing by a code, whose wrong answers
    # count, as those of a code for an appointment do; answers with secrets must not be stored,
    # and a preview changes nothing.
    own = (
        "/auth/",
        "/accounts/factors/",
        "/accounts/factor-resets/",
        "/webhooks/endpoints/",
        "/preview/",
        "/business/devices/",
        "/appointments/calendar-feeds/",
        "/privacy/erasures/",
        "{appointment_id}/code/",
        "{appointment_id}/verify/",
    )
    assert {path for path in without if not any(part in path for part in own)} == set()


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("queues_tickets_create", {"queue_closed", "queue_full", "already_waiting"}),
        ("queues_tickets_call", {"ticket_not_waiting", "counter_busy"}),
        ("queues_tickets_more_time", {"more_time_exhausted"}),
        ("queues_tickets_destroy", {"illegal_transition"}),
        ("agents_sessions_create", {"counter_taken"}),
        ("accounts_auth_login", {"invalid_credentials", "mfa_required", "too_many_requests"}),
        ("accounts_auth_refresh", {"token_reused"}),
        ("business_services_destroy", {"people_waiting"}),
    ],
)
def test_an_operation_names_its_problem_codes(operations, name, codes):
    description = operations[name]["description"]

    assert codes <= set(re.findall(r"`(\w+)`", description.partition("Problem codes:")[2]))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_what_its_schema_says(document, operations, name):
    operation, example = operations[name], EXAMPLES[name]
    answer = operation["responses"][str(example.status)] if example.answer is not None else None

    if example.body is not None:
        check(document, operation["requestBody"]["content"]["application/json"])
    if answer is not None:
        check(document, answer["content"]["application/json"])


def check(document: dict[str, Any], content: dict[str, Any]) -> None:
    schema = {**content["schema"], "components": document["components"]}
    checker = Draft202012Validator(schema, format_checker=FormatChecker())
    assert [error.message for error in checker.iter_errors(content["example"])] == []
    known = document["components"]["schemas"][content["schema"]["$ref"].split("/")[-1]]
    assert set(content["example"]) - set(known.get("properties", ())) == set()


@pytest.mark.django_db
def test_the_page_of_the_api_needs_no_inline_script_or_style(client):
    page = client.get("/api/docs/")
    html = page.content.decode()
    scripts = re.findall(r"<script[^>]*>", html)

    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "<style" not in html
    assert len(scripts) == 3
    assert all(" src=" in script for script in scripts)
    setup = client.get("/api/docs/?script=")
    assert setup.headers["Content-Type"].startswith("application/javascript")
    assert "/api/schema/" in setup.content.decode()


@pytest.mark.django_db
def test_the_document_is_served(client):
    served = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})

    assert served.status_code == 200
    assert served.json()["openapi"] == "3.1.0"
    assert set(served.json()["components"]["securitySchemes"]) == {
        "bearer",
        "ticketToken",
        "session",
    }


@pytest.mark.django_db
def test_what_one_caller_asks_for_stays_out_of_the_document_that_is_kept(client):
    DescriptionView._made.clear()
    made = client.get("/api/schema/?format=json&version=smuggled&lang=xx")
    arabic = client.get("/api/schema/?format=json&lang=ar")
    again = client.get("/api/schema/?format=json")

    assert (again.content, again.headers["Content-Disposition"]) == (
        made.content,
        made.headers["Content-Disposition"],
    )
    assert b"smuggled" not in made.content
    assert "smuggled" not in made.headers["Content-Disposition"]
    assert arabic.json()["paths"].keys() == again.json()["paths"].keys()
    assert arabic.content != again.content

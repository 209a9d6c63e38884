"""The wire of support: status, shape, one happy answer of each path and the mapped errors."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts.enums import Role
from smartqueue.common import uploads
from smartqueue.queues.tests.conftest import Api, Clock, entrance
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_branch,
    make_member,
    make_place,
    make_user,
)
from smartqueue.queues.tokens import token_of
from smartqueue.support import operations
from smartqueue.support.enums import SubjectType
from smartqueue.support.models import CaseAttachment, SupportCase
from smartqueue.support.tests.factories import (
    fresh,
    messages_of,
    open_about_branch,
    open_case,
    person_of,
    picture,
    write_with_file,
)

__all__ = ["entrance"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]

CASE = {
    "id",
    "organization",
    "organization_name",
    "branch",
    "branch_name",
    "subject_type",
    "subject_id",
    "category",
    "title",
    "state",
    "message_count",
    "opened_at",
    "changed_at",
    "first_answer_at",
    "first_answer_open_seconds",
    "settled_at",
    "answer_by",
    "version",
}
STAFF_TOO = {"priority", "assignee"}
MESSAGE = {"id", "side", "is_internal", "author", "body", "written_at", "attachments"}


@pytest.fixture
def place() -> Place:
    return make_place()


def path(case: SupportCase, step: str = "") -> str:
    return f"support/cases/{case.pk}/{step}"


def upload(api: Api, case: SupportCase, data: dict[str, Any], **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.post(f"/api/{path(case, 'attachments/')}", data, headers=api.headers | named)


def body(place: Place, **values: Any) -> dict[str, Any]:
    return {
        "subject_type": "branch",
        "subject_id": str(place.branch.pk),
        "category": "service",
        "title": "No seat",
        "body": "There was nowhere to sit.",
    } | values


def test_a_person_opens_reads_writes_and_closes(place: Place) -> None:
    api = Api(make_actor())

    case = api.ok("support/cases/", body(place), 201)
    assert set(case) == CASE | {"messages"}
    assert (case["state"], case["organization_name"]) == ("open", place.organization.name)
    (message,) = case["messages"]
    assert set(message) == MESSAGE

    at = f"support/cases/{case['id']}/"
    written = api.ok(at + "messages/", {"body": "And no water."}, 201)
    assert (set(written), written["side"]) == (MESSAGE, "person")
    assert len(api.get(at + "messages/").json()) == 2
    assert api.ok(at + "close/")["state"] == "closed"
    assert api.ok(at + "reopen/")["state"] == "waiting_for_staff"
    assert api.get(at).json()["version"] == 4


def test_the_holder_of_a_ticket_does_so_with_its_token(place: Place) -> None:
    ticket = join(place)
    holder = Api(token=token_of(ticket.pk))

    case = holder.ok(
        "support/cases/", body(place, subject_type="ticket", subject_id=str(ticket.pk)), 201
    )

    assert holder.get("support/cases/").json()["count"] == 1
    assert holder.get("support/cases/?mine=true").json()["count"] == 1
    assert holder.get("support/cases/?mine=false").json()["count"] == 0
    at = f"support/cases/{case['id']}/"
    holder.ok(at + "messages/", {"body": "Hello?"}, 201)
    assert Api(token=token_of(join(place).pk)).get(at).status_code == 404
    assert Api().get(at).status_code == 404
    assert Api().get("support/cases/").status_code == 401
    assert Api().post("support/cases/", body(place)).status_code == 401


def test_staff_read_notes_assign_sort_and_resolve(place: Place) -> None:
    case = open_case(place)
    agent, person = Api(place.agent), Api(person_of(case))

    note = agent.ok(path(case, "messages/"), {"body": "A note", "is_internal": True}, 201)
    agent.ok(path(case, "messages/"), {"body": "An answer"}, 201)
    given = agent.ok(path(case, "assign/"), {"assignee": str(place.agent.user_id), "version": 3})
    sorted_ = agent.call("patch", path(case), {"priority": "high"}).json()
    resolved = agent.ok(path(case, "resolve/"))

    assert note["author"] == str(place.agent.user_id)
    assert set(given) == CASE | STAFF_TOO | {"messages"}
    assert (given["assignee"], sorted_["priority"]) == (str(place.agent.user_id), "high")
    assert (resolved["state"], resolved["version"]) == ("resolved", 6)
    assert len(resolved["messages"]) == 3
    seen = person.get(path(case)).json()
    assert [m["body"] for m in seen["messages"]][1:] == ["An answer"]
    assert seen["messages"][1]["author"] is None
    assert STAFF_TOO.isdisjoint(seen)


@pytest.mark.parametrize(
    ("step", "values", "status", "code"),
    [
        ("messages/", {}, 400, "invalid_input"),
        ("messages/", {"body": "x" * 4001}, 400, "invalid_input"),
        ("messages/", {"body": "x", "version": 9}, 409, "case_changed"),
        ("assign/", {"assignee": None}, 400, "invalid_input"),
        ("assign/", {"assignee": str(uuid4()), "version": 1}, 400, "invalid_input"),
        ("assign/", {"assignee": None, "version": 9}, 409, "case_changed"),
        ("reopen/", {}, 409, "illegal_case_transition"),
    ],
    ids=[
        "no words",
        "many words",
        "old version",
        "no version",
        "stranger",
        "old version of assign",
        "open already",
    ],
)
def test_failures_have_their_codes(
    place: Place, step: str, values: dict[str, Any], status: int, code: str
) -> None:
    response = Api(place.owner).post(path(open_case(place), step), values)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_post_that_is_sent_twice_acts_once(place: Place) -> None:
    api = Api(make_actor())
    key = str(uuid4())

    first = api.call("post", "support/cases/", body(place), Idempotency_Key=key)
    again = api.call("post", "support/cases/", body(place), Idempotency_Key=key)

    assert first.json() == again.json()
    case = SupportCase.objects.with_scopes_disabled().get()
    for _ in range(2):
        key = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
        answer = api.call("post", path(case, "messages/"), {"body": "Hm"}, Idempotency_Key=key)
        assert answer.status_code == 201
    assert len(messages_of(case)) == 2


# --- Lists ----------------------------------------------------------------------------------------


def test_lists_are_filtered(place: Place, entrance: Clock) -> None:
    other = make_place()
    agent = place.agents[0]
    about_branch = open_about_branch(place, make_actor(), category="service")
    open_case(place)
    resolved = open_case(place)
    operations.resolve_case(actor=agent, case_id=resolved.pk, now=NOW)
    operations.assign_case(
        actor=agent, case_id=about_branch.pk, assignee_id=agent.user_id, version=1, now=NOW
    )
    open_about_branch(other, agent)
    api = Api(agent)

    def count(query: str) -> int:
        response = api.get(f"support/cases/?{query}")
        assert response.status_code == 200, response.content
        found: int = response.json()["count"]
        return found

    assert {
        query: count(query)
        for query in (
            "",
            "mine=true",
            "mine=false",
            "state=open",
            "state=open&state=resolved",
            "is_settled=true",
            "is_settled=false",
            f"assignee={agent.user_id}",
            "is_assigned=false",
            "category=service",
            f"branch={place.branch.pk}",
            f"organization={other.organization.pk}",
            "priority=urgent",
        )
    } == {
        "": 4,
        "mine=true": 1,
        "mine=false": 3,
        "state=open": 3,
        "state=open&state=resolved": 4,
        "is_settled=true": 1,
        "is_settled=false": 3,
        f"assignee={agent.user_id}": 1,
        "is_assigned=false": 3,
        "category=service": 1,
        f"branch={place.branch.pk}": 3,
        f"organization={other.organization.pk}": 1,
        "priority=urgent": 0,
    }
    assert api.get("support/cases/?state=lost").json()["code"] == "invalid_input"


@pytest.mark.parametrize("rows", [1, 3])
def test_a_list_takes_the_same_queries_whatever_its_length(place: Place, rows: int) -> None:
    for number in range(rows):
        here = place if number == 0 else make_place()
        case = open_case(place)
        SupportCase.objects.with_scopes_disabled().filter(pk=case.pk).update(
            assignee=here.agent.user_id
        )
    api = Api(place.agent)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = api.get("support/cases/").json()

    assert len(found["results"]) == rows
    # The session, the memberships, the count and the page.
    assert len(queries) == 4


@pytest.mark.parametrize("rows", [1, 3])
def test_a_case_takes_the_same_queries_however_long_it_is(place: Place, rows: int) -> None:
    case = open_case(place)
    for _ in range(rows):
        write_with_file(case, person_of(case))
    api = Api(place.agent)

    with CaptureQueriesContext(connection) as queries:
        found = api.get(path(case)).json()

    assert len(found["messages"]) == rows + 1
    # The session, the case, the memberships, the messages and their files.
    assert len(queries) == 5


# --- Files ----------------------------------------------------------------------------------------


def test_a_file_is_sent_and_comes_back_as_a_download(place: Place) -> None:
    case = open_case(place)
    person = Api(person_of(case))
    message = str(messages_of(case)[0].pk)

    response = upload(person, case, {"file": picture(), "message": message})

    assert response.status_code == 201, response.content
    answer = response.json()
    assert set(answer) == {"id", "media_type", "size", "url"}
    for api in (person, Api(place.agent)):
        file = api.client.get(answer["url"], headers=api.headers)
        content = b"".join(file.streaming_content)
        assert content.startswith(b"\x89PNG")
        assert file.headers["Content-Type"] == "image/png"
        disposition = file.headers["Content-Disposition"]
        assert disposition.startswith('attachment; filename="attachment-')
        assert "photo" not in disposition
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert file.headers["Content-Security-Policy"] == uploads.POWERLESS
    for api in (Api(), Api(make_actor()), Api(make_place().owner)):
        assert api.client.get(answer["url"], headers=api.headers).status_code == 404
    assert person.get(path(case)).json()["messages"][0]["attachments"] == [answer]


@pytest.mark.parametrize("is_forged", [False, True])
def test_a_page_s_session_sends_a_file_with_its_token(place: Place, is_forged: bool) -> None:
    case = open_case(place)
    assert case.person is not None
    client = Client(enforce_csrf_checks=True)
    client.force_login(case.person)
    client.get("/support/new/")
    token = "" if is_forged else client.cookies["csrftoken"].value
    message = str(messages_of(case)[0].pk)

    response = client.post(
        f"/api/{path(case, 'attachments/')}",
        {"file": picture(), "message": message},
        headers={"X-CSRFToken": token},
    )

    assert response.status_code == (404 if is_forged else 201)


def test_a_file_sent_twice_is_kept_once(place: Place) -> None:
    case = open_case(place)
    person = Api(person_of(case))
    message = str(messages_of(case)[0].pk)
    key = str(uuid4())
    before = set(uploads.private_files("cases"))

    first, again = (
        upload(person, case, {"file": picture(), "message": message}, Idempotency_Key=key)
        for _ in range(2)
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert CaseAttachment.objects.with_scopes_disabled().count() == 1
    assert len(set(uploads.private_files("cases")) - before) == 1


BAD: dict[str, tuple[Any, int, str]] = {
    "svg": (
        SimpleUploadedFile("a.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"),
        415,
        "unsupported_file",
    ),
    "html as png": (
        SimpleUploadedFile("a.png", b"<html></html>", "image/png"),
        415,
        "unsupported_file",
    ),
    "empty": (SimpleUploadedFile("a.png", b"", "image/png"), 400, "empty_file"),
    "damaged": (
        SimpleUploadedFile("a.png", b"\x89PNG\r\n\x1a\nrubbish", "image/png"),
        422,
        "damaged_file",
    ),
    "too large": (
        SimpleUploadedFile("a.png", b"\0" * (uploads.MOST_BYTES + 1), "image/png"),
        413,
        "file_too_large",
    ),
    "no file": ("words", 400, "invalid_input"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_file_is_a_problem(place: Place, name: str) -> None:
    file, status, code = BAD[name]
    case = open_case(place)
    message = str(messages_of(case)[0].pk)
    if not isinstance(file, str):
        file.seek(0)
    before = set(uploads.private_files("cases"))

    response = upload(Api(person_of(case)), case, {"file": file, "message": message})

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert set(uploads.private_files("cases")) == before


def test_a_stranger_s_file_is_not_even_read(place: Place) -> None:
    case = open_case(place)
    message = str(messages_of(case)[0].pk)
    file = SimpleUploadedFile("a.svg", b"<svg/>", "image/svg+xml")

    response = upload(Api(make_actor()), case, {"file": file, "message": message})

    assert response.status_code == 404


def test_a_file_needs_a_message_and_a_form(place: Place) -> None:
    case = open_case(place)
    person = Api(person_of(case))

    assert upload(person, case, {"file": picture()}).json()["code"] == "invalid_input"
    json_body = person.post(path(case, "attachments/"), {"message": str(uuid4())})
    assert (json_body.status_code, json_body.json()["code"]) == (415, "unsupported_media_type")
    assert CaseAttachment.objects.with_scopes_disabled().count() == 0


# --- Figures --------------------------------------------------------------------------------------


def test_managers_read_figures(place: Place, entrance: Clock) -> None:
    case = open_case(place)
    entrance.at = NOW + timedelta(minutes=5)
    Api(place.agent).ok(path(case, "messages/"), {"body": "Answer"}, 201)
    at = f"support/figures/?organization={place.organization.pk}"

    assert Api(place.owner).get(at).json() == {
        "open_count": 1,
        "unassigned_count": 1,
        "waiting_count": 0,
        "opened_count": 1,
        "first_answer_seconds": 300,
        "first_answer_open_seconds": None,
        "resolution_seconds": None,
    }
    elsewhere = make_branch(place.organization)
    manager = Api(make_member(place.organization, Role.MANAGER, elsewhere))
    assert manager.get(at).json()["open_count"] == 0
    assert Api(place.agent).get(at).status_code == 404
    assert Api().get(at).status_code == 401
    admin = Api(make_actor(make_user(is_superuser=True)))
    open_case(place, make_actor(), subject_type=SubjectType.PAYMENT, subject_id=None)
    assert admin.get("support/figures/").json()["open_count"] == 1
    assert admin.get(at).status_code == 404
    assert fresh(case).version == 2

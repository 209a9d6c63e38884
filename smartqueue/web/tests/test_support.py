"""Questions and complaints on pages: people with an account or a ticket, and the staff."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts.enums import Role
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of
from smartqueue.support import operations
from smartqueue.support.enums import REOPENING, CaseState
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
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db


def only_case() -> SupportCase:
    found: SupportCase = SupportCase.objects.with_scopes_disabled().get()
    return found


def form(about: str, **values: Any) -> dict[str, Any]:
    return {
        "about": about,
        "category": "service",
        "title": "No seat",
        "body": "There was nowhere to sit.",
        "nonce": str(uuid4()),
    } | values


def test_a_person_writes_with_a_picture_and_reads_the_answer(
    client: Client, place: factories.Place
) -> None:
    person = factories.make_actor()
    ticket = factories.join(place, actor=person)
    sign_in(client, person)
    page = client.get("/support/new/").content.decode()
    assert f'value="ticket:{ticket.pk}"' in page

    sent = client.post("/support/new/", form(f"ticket:{ticket.pk}", files=[picture(), picture()]))

    case = only_case()
    assert sent.headers["Location"] == f"/support/cases/{case.pk}/"
    assert CaseAttachment.objects.with_scopes_disabled().count() == 2
    operations.write_message(
        actor=place.agent, case_id=case.pk, body="<b>Sorry</b>", now=factories.NOW
    )
    operations.write_message(
        actor=place.agent, case_id=case.pk, body="Secret", is_internal=True, now=factories.NOW
    )
    shown = client.get(f"/support/cases/{case.pk}/").content.decode()
    assert "&lt;b&gt;Sorry&lt;/b&gt;" in shown
    assert "Secret" not in shown
    assert Page(shown).inline == []
    (src, *_) = re.findall(r'<img src="([^"]+)"', shown)
    file = client.get(src)
    assert file.headers["Content-Disposition"].startswith("attachment;")
    assert file.headers["Content-Security-Policy"].endswith("sandbox")
    assert b"".join(file.streaming_content).startswith(b"\x89PNG")  # type: ignore[arg-type]
    assert "No seat" in client.get("/support/").content.decode()


def test_a_form_sent_twice_opens_one_case_and_keeps_one_file(
    client: Client, place: factories.Place
) -> None:
    sign_in(client, factories.make_actor())
    given = form(f"branch:{place.branch.pk}")

    first = client.post("/support/new/", given | {"files": picture()})
    again = client.post("/support/new/", given | {"files": picture()})

    assert first.headers["Location"] == again.headers["Location"]
    assert CaseAttachment.objects.with_scopes_disabled().count() == 1
    reply = {"body": "More", "nonce": str(uuid4())}
    for _ in range(2):
        client.post(f"/support/cases/{only_case().pk}/messages/", reply)
    assert len(messages_of(only_case())) == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"about": ""}, "about"),
        ({"category": "nonsense"}, "category"),
        ({"title": " "}, "title"),
        ({"body": ""}, "body"),
    ],
    ids=["about", "category", "title", "body"],
)
def test_what_is_missing_is_said_beside_its_field(
    client: Client, place: factories.Place, values: dict[str, str], field: str
) -> None:
    sign_in(client, factories.make_actor())

    page = client.post("/support/new/", form(f"branch:{place.branch.pk}") | values)

    assert page.status_code == 400
    assert f'id="{field}-wrong"' in page.content.decode()
    assert SupportCase.objects.with_scopes_disabled().count() == 0


def test_a_bad_file_is_said_and_the_words_stay(client: Client, place: factories.Place) -> None:
    sign_in(client, factories.make_actor())
    bad = picture()
    bad.content_type = "text/html"

    page = client.post("/support/new/", form(f"branch:{place.branch.pk}", files=bad))

    text = page.content.decode()
    assert page.status_code == 415
    assert 'data-code="unsupported_file"' in text
    assert "There was nowhere to sit." in text
    assert SupportCase.objects.with_scopes_disabled().count() == 0


def test_a_branch_s_page_may_lead_to_the_form(client: Client, place: factories.Place) -> None:
    sign_in(client, factories.make_actor())

    page = client.get(f"/support/new/?branch={place.branch.pk}").content.decode()

    assert re.search(rf'value="branch:{place.branch.pk}" required checked', page)
    assert client.get(f"/support/new/?branch={uuid4()}").status_code == 404
    assert client.get(f"/support/new/?ticket={uuid4()}").status_code == 404


def test_the_holder_of_a_ticket_writes_without_an_account(
    client: Client, place: factories.Place
) -> None:
    ticket = factories.join(place)
    token = token_of(ticket.pk)
    page = client.get(f"/t/{token}/").content.decode()
    assert f'href="/t/{token}/support/"' in page
    assert client.get(f"/t/{token}/support/").headers["Location"] == f"/t/{token}/support/new/"

    client.get(f"/t/{token}/support/new/")
    client.post(f"/t/{token}/support/new/", form(f"ticket:{ticket.pk}", files=picture()))

    case = only_case()
    assert case.holder_ticket_id == ticket.pk
    at = f"/t/{token}/support/cases/{case.pk}/"
    client.post(at + "messages/", {"body": "Hello?"})
    assert "Hello?" in client.get(at).content.decode()
    assert "No seat" in client.get(f"/t/{token}/support/").content.decode()
    attachment = CaseAttachment.objects.with_scopes_disabled().get()
    assert client.get(f"{at}attachments/{attachment.pk}/").status_code == 200
    client.post(at + "close/")
    assert fresh(case).state == CaseState.CLOSED
    other = token_of(factories.join(place).pk)
    for path in ("", f"attachments/{attachment.pk}/"):
        assert client.get(f"/t/{other}/support/cases/{case.pk}/{path}").status_code == 404
        assert client.get(f"/t/forged/support/cases/{case.pk}/{path}").status_code == 404
        elsewhere = client.get(f"/support/cases/{case.pk}/{path}")
        assert elsewhere.headers["Location"].startswith("/sign-in/")


def test_a_holder_names_no_other_ticket(client: Client, place: factories.Place) -> None:
    token = token_of(factories.join(place).pk)
    other = factories.join(place)

    response = client.post(f"/t/{token}/support/new/", form(f"ticket:{other.pk}"))

    assert response.status_code == 404
    assert SupportCase.objects.with_scopes_disabled().count() == 0


def test_a_settled_case_is_opened_again_by_writing_for_a_while(
    client: Client, place: factories.Place
) -> None:
    case = open_case(place)
    sign_in(client, person_of(case))
    client.post(f"/support/cases/{case.pk}/close/")
    assert (
        "Send"
        in client.get(
            f"/support/cases/{case.pk}/", headers={"Accept-Language": "en"}
        ).content.decode()
    )
    client.post(f"/support/cases/{case.pk}/messages/", {"body": "Not yet"})
    assert fresh(case).state == CaseState.WAITING_FOR_STAFF

    SupportCase.objects.with_scopes_disabled().update(
        state="closed", settled_at=factories.NOW - REOPENING * 2
    )
    shown = client.get(f"/support/cases/{case.pk}/").content.decode()
    assert 'data-testid="reply"' not in shown
    late = client.post(f"/support/cases/{case.pk}/messages/", {"body": "Still"})
    assert (late.status_code, len(messages_of(case))) == (409, 2)
    assert client.post(f"/support/cases/{case.pk}/resolve/").status_code == 404


# --- Staff ----------------------------------------------------------------------------------------


def test_staff_filter_take_answer_note_and_resolve(client: Client, place: factories.Place) -> None:
    case = open_case(place)
    open_about_branch(place, factories.make_actor(), title="Another thing", category="other")
    sign_in(client, place.agent)
    shown = client.get("/manage/cases/")
    assert Page(shown.content.decode()).test_ids.count("case") == 2
    assert Page(shown.content.decode()).inline == []
    found = client.get("/manage/cases/?category=other&who=nobody&q=another&state=ours")
    assert Page(found.content.decode()).test_ids.count("case") == 1
    part = client.get("/manage/cases/part/?who=me").content.decode()
    assert "<html" not in part
    assert 'data-testid="case"' not in part

    at = f"/manage/cases/{case.pk}/"
    client.post(at + "assign/", {"assignee": str(place.agent.user_id), "version": "1"})
    client.post(at + "messages/", {"kind": "note", "body": "Check the log", "version": "2"})
    client.post(at + "messages/", {"kind": "answer", "body": "Sorry", "version": "3"})
    client.post(at + "sort/", {"priority": "urgent", "category": "wait"})
    client.post(at + "resolve/")

    found_case = fresh(case)
    assert found_case.assignee_id == place.agent.user_id
    assert (found_case.state, found_case.priority) == ("resolved", "urgent")
    page = client.get(at).content.decode()
    assert "Check the log" in page
    assert Page(page).inline == []
    client.post(at + "reopen/")
    client.post(at + "close/")
    assert fresh(case).state == CaseState.CLOSED


def test_a_case_shows_how_long_the_first_answer_took_by_clock_and_opening_hours(
    client: Client, place: factories.Place
) -> None:
    case = open_case(place)
    sign_in(client, place.agent)
    answered = {"first_answer_at": factories.NOW + timedelta(days=2)}
    rows = SupportCase.objects.with_scopes_disabled().filter(pk=case.pk)

    def times(**values: Any) -> dict[str, str]:
        rows.update(**answered | values)
        text = client.get(f"/manage/cases/{case.pk}/", headers={"Accept-Language": "en"})
        found = re.findall(r'data-testid="(first-answer[a-z-]*)">([^<]*)', text.content.decode())
        return {name: words.replace("\N{NO-BREAK SPACE}", " ") for name, words in found}

    assert times(first_answer_open_seconds=5400) == {
        "first-answer": "after 2 days",
        "first-answer-open": "1 hour, 30 minutes of it during opening hours",
    }
    assert times(first_answer_open_seconds=None) == {"first-answer": "after 2 days"}


def test_an_answer_over_a_colleague_s_is_refused_and_kept(
    client: Client, place: factories.Place
) -> None:
    case = open_case(place)
    operations.write_message(actor=place.agents[1], case_id=case.pk, body="Mine", now=factories.NOW)
    sign_in(client, place.agent)

    page = client.post(
        f"/manage/cases/{case.pk}/messages/", {"body": "Long answer", "version": "1"}
    )

    text = page.content.decode()
    assert page.status_code == 409
    assert 'data-code="case_changed"' in text
    assert "Long answer</textarea>" in text
    assert "Mine" in text
    assert len(messages_of(case)) == 2


def test_nonsense_from_staff_is_refused(client: Client, place: factories.Place) -> None:
    case = open_case(place)
    sign_in(client, place.agent)
    at = f"/manage/cases/{case.pk}/"

    assert client.post(at + "explode/").status_code == 404
    assert client.post(at + "sort/", {"priority": "x"}).status_code == 400
    assert client.post(at + "assign/", {"version": "²"}).status_code == 409
    assert client.post(at + "reopen/").status_code == 409
    odd = client.get("/manage/cases/?page=x&branch=y&state=z&who=q&category=w")
    assert odd.status_code == 200
    assert fresh(case).version == 1


def test_staff_who_write_about_a_ticket_come_to_their_own_page(
    client: Client, place: factories.Place
) -> None:
    person = factories.make_actor()
    ticket = factories.join(place, actor=person)
    sign_in(client, place.agent)

    sent = client.post("/support/new/", form(f"ticket:{ticket.pk}"))

    case = only_case()
    assert sent.headers["Location"] == f"/manage/cases/{case.pk}/"
    assert case.person_id == person.user_id
    reply = client.post(f"/support/cases/{case.pk}/messages/", {"body": "From the wrong page"})
    assert (reply.status_code, len(messages_of(case))) == (404, 1)


def test_others_find_nothing(client: Client, place: factories.Place) -> None:
    case = open_case(place)
    viewer = factories.make_member(place.organization, Role.VIEWER)
    for actor in (person_of(case), viewer, factories.make_actor()):
        sign_in(client, actor)
        assert client.get("/manage/cases/").status_code == 404
        assert client.get(f"/manage/cases/{case.pk}/").status_code == 404
        assert client.post(f"/manage/cases/{case.pk}/resolve/").status_code == 404
    sign_in(client, factories.make_place().owner)
    assert f"{case.pk}" not in client.get("/manage/cases/").content.decode()
    assert client.get(f"/manage/cases/{case.pk}/").status_code == 404
    sign_in(client, place.agent)
    assert client.get(f"/support/cases/{case.pk}/").status_code == 404
    assert fresh(case).version == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_takes_the_same_queries_whatever_its_length(
    client: Client, place: factories.Place, rows: int
) -> None:
    for _ in range(rows):
        case = open_case(place)
        operations.assign_case(
            actor=place.agent,
            case_id=case.pk,
            assignee_id=place.agent.user_id,
            version=1,
            now=factories.NOW,
        )
    sign_in(client, place.agent)

    with CaptureQueriesContext(connection) as queries:
        text = client.get("/manage/cases/part/").content.decode()

    assert Page(text).test_ids.count("case") == rows
    # The session, the person, the memberships, the count and the page.
    assert len(queries) == 5


@pytest.mark.parametrize("rows", [1, 3])
def test_a_case_takes_the_same_queries_however_long_it_is(
    client: Client, place: factories.Place, rows: int
) -> None:
    case = open_case(place)
    for _ in range(rows):
        write_with_file(case, person_of(case))
    sign_in(client, place.agent)

    with CaptureQueriesContext(connection) as queries:
        text = client.get(f"/manage/cases/{case.pk}/").content.decode()

    assert Page(text).test_ids.count("message") == rows + 1
    # The session, the person, the case, the memberships, the messages, the files, the colleagues.
    assert len(queries) == 7


def test_staff_have_a_link_and_others_have_none(client: Client, place: factories.Place) -> None:
    sign_in(client, place.agent)
    assert 'href="/manage/cases/"' in client.get("/").content.decode()
    assert (
        "branch-cases-link" in client.get(f"/manage/branches/{place.branch.pk}/").content.decode()
    )
    sign_in(client, factories.make_actor())
    assert 'href="/manage/cases/"' not in client.get("/").content.decode()
    assert 'href="/support/"' in client.get("/").content.decode()

"""The journal's page: whose it is, what it says, and how it is looked through."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.audit import operations as audit
from smartqueue.business import operations as business
from smartqueue.business.models import Branch
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import operations as queues
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests import factories
from smartqueue.queues.tests.factories import NOW
from smartqueue.web import journal
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db


def address(place: factories.Place, rest: str = "") -> str:
    return f"/manage/{place.organization.pk}/journal/{rest}"


def read(client: Client, place: factories.Place, **query: str) -> str:
    sign_in(client, place.owner)
    answer = client.get(address(place), query, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return answer.content.decode()


def change_address(place: factories.Place, text: str = "12 rue Vincens") -> None:
    business.update_branch(
        actor=place.owner, branch_id=place.branch.pk, changes={"address": text}, now=NOW
    )


def test_what_happened_together_stands_together(client: Client, place: factories.Place) -> None:
    User.objects.filter(pk=place.owner.user_id).update(first_name="Awa", last_name="Diop")
    change_address(place)

    text = read(client, place, area="business.branch.") + read(client, place, text="Vincens")

    assert "A branch was changed" in text
    assert "Awa Diop" in text
    assert "12 rue Vincens" in text
    whole = Page(read(client, place))
    assert whole.test_ids.count("entry") < DomainEvent.objects.count() + 40


def test_an_entry_names_its_things_and_not_their_ids(
    client: Client, place: factories.Place
) -> None:
    ticket = factories.join(place)
    text = read(client, place, area="queues.ticket.")
    assert "A ticket was taken" in text
    for name in (ticket.number, place.queue.name, place.branch.name):
        assert f"<bdi>{name}</bdi>" in text


def test_a_ticket_is_found_by_its_number(client: Client, place: factories.Place) -> None:
    ticket, other = factories.join(place), factories.join(place)
    text = read(client, place, text=ticket.number.lower())
    assert f"<bdi>{ticket.number}</bdi>" in text
    assert other.number not in text


def test_sql_past_the_operations_stands_out(client: Client, place: factories.Place) -> None:
    Branch.objects.with_scopes_disabled().filter(pk=place.branch.pk).update(address="nowhere")
    text = read(client, place, source="sql", text="nowhere")
    assert "Database user" in text
    assert "j-entry direct" in text
    assert "nowhere" not in read(client, place, source="operations", area="business.")


def test_what_was_erased_says_so(client: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk).update(customer_name="Moussa Sow")
    assert "Moussa Sow" in read(client, place)
    audit.destroy_person_keys([ticket.pk])
    text = read(client, place)
    assert "Moussa Sow" not in text
    assert "erased" in text


def test_text_from_people_is_only_text(client: Client, place: factories.Place) -> None:
    change_address(place, "<script>alert(1)</script>")
    text = read(client, place)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert Page(text).inline == []


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.VIEWER])
def test_it_is_for_owners(client: Client, place: factories.Place, role: Role) -> None:
    sign_in(client, factories.make_member(place.organization, role))
    for rest in ("", "export/"):
        assert client.get(address(place, rest)).status_code == 404
    assert (
        'data-testid="journal-link"'
        not in client.get(f"/manage/branches/{place.branch.pk}/").content.decode()
    )


def test_owners_find_it_from_their_place(client: Client, place: factories.Place) -> None:
    text = sign_in(client, place.owner).get(f"/manage/branches/{place.branch.pk}/").content.decode()
    assert f'href="{address(place)}"' in text


def test_strangers_are_sent_to_sign_in(client: Client, place: factories.Place) -> None:
    answer = client.get(address(place))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


def test_platform_staff_is_told_to_give_a_reason(client: Client, place: factories.Place) -> None:
    sign_in(client, factories.make_actor(factories.make_user(is_superuser=True)))
    answer = client.get(address(place), headers={"Accept-Language": "en"})
    assert answer.status_code == 403
    assert "with a reason" in answer.content.decode()


def test_days_are_those_of_the_place(client: Client, db: None) -> None:
    place = factories.make_place(timezone="Pacific/Kiritimati")
    change_address(place)
    local = (NOW + timedelta(hours=14)).date()

    assert "12 rue Vincens" in read(client, place, first=str(local), last=str(local))
    assert "12 rue Vincens" not in read(client, place, last=str(local - timedelta(days=1)))


@pytest.mark.parametrize(
    "query",
    [
        {"page": "0"},
        {"page": "x"},
        {"page": "-1"},
        {"page": "99999999999999"},
        {"first": "2026-13-45", "last": "x"},
        {"branch": "x", "area": "x", "source": "x"},
        {"text": "%_\\'"},
    ],
    ids=lambda query: "&".join(f"{name}={value}" for name, value in query.items()),
)
def test_nonsense_in_the_form_is_no_error(
    client: Client, place: factories.Place, query: dict[str, str]
) -> None:
    read(client, place, **query)


def test_older_entries_are_on_the_next_page(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "ENTRIES_SHOWN", 3)
    first = read(client, place, area="business_", text="Agence")
    assert 'data-testid="older"' in read(client, place)
    assert 'data-testid="newer"' not in first
    second = read(client, place, page="2")
    assert 'data-testid="newer"' in second


def test_nothing_found_is_said(client: Client, place: factories.Place) -> None:
    assert "Nothing in the journal matches." in read(client, place, text="zzzz")


def test_a_copy_follows_the_filters_and_is_told(client: Client, place: factories.Place) -> None:
    change_address(place)
    sign_in(client, place.owner)

    answer: Any = client.get(address(place, "export/"), {"text": "Vincens"})

    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert answer["Content-Disposition"] == 'attachment; filename="journal.csv"'
    told = DomainEvent.objects.get(type="audit.journal.exported.v1")
    assert (told.actor, told.organization_id) == (place.owner.label, place.organization.pk)


def test_a_page_costs_the_same_however_much_happened(
    client: Client, place: factories.Place
) -> None:
    sign_in(client, place.owner)
    queues.update_queue(actor=place.owner, queue_id=place.queue.pk, max_calls=4)
    client.get(address(place))
    counts = []
    for number in (5, 6):
        with CaptureQueriesContext(connection) as asked:
            client.get(address(place))
        counts.append(len(asked))
        queues.update_queue(actor=place.owner, queue_id=place.queue.pk, max_calls=number)
    assert counts == [13, 13]

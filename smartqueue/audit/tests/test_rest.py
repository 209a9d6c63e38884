"""The wiring: who reads the journal, in which shape, and what a copy looks like."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import translation

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.audit import export, operations, queries, wording
from smartqueue.audit.models import Entry
from smartqueue.business import operations as business_operations
from smartqueue.business.models import Membership, SupportAccess
from smartqueue.common import clock
from smartqueue.common.db import unit_of_work
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import (
    NOW,
    join,
    make_actor,
    make_member,
    make_place,
    make_user,
)

pytestmark = pytest.mark.django_db

PATH = "/api/audit/entries/"
HOUR = timedelta(hours=1)


def browser(actor: Any) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.get(pk=actor.user_id))
    return client


def ask(reader: Any, place: Any, path: str = PATH, **query: Any) -> Any:
    return browser(reader).get(path, {"organization": str(place.organization.pk), **query})


@pytest.fixture
def place() -> Any:
    found = make_place()
    User.objects.filter(pk=found.owner.user_id).update(first_name="Awa", last_name="Diop")
    business_operations.update_branch(
        actor=found.owner, branch_id=found.branch.pk, changes={"address": "12 rue Vincens"}, now=NOW
    )
    return found


def test_an_owner_reads_what_happened_with_before_and_after(place):
    answer = ask(place.owner, place, subject=str(place.branch.pk), kind="update").json()

    (entry,) = answer["results"]
    assert entry["sentence"] == "Record changed: branch"
    assert entry["actor"] == place.owner.label
    assert entry["actor_name"] == "Awa Diop"
    assert entry["branch"] == str(place.branch.pk)
    assert entry["changes"] == [
        {"field": "address", "before": "", "after": "12 rue Vincens", "hidden": None},
        {"field": "version", "before": 1, "after": 2, "hidden": None},
    ]


def test_events_are_there_with_their_sentence_and_payload(place):
    answer = ask(place.owner, place, type="business.branch.changed").json()

    (entry,) = answer["results"]
    assert (entry["kind"], entry["sentence"]) == ("event", "A branch was changed")
    assert entry["payload"] == {"branch_id": str(place.branch.pk), "fields": ["address"]}
    assert entry["changes"] == []


def test_the_newest_is_first(place):
    found = [entry["at"] for entry in ask(place.owner, place).json()["results"]]
    assert found == sorted(found, reverse=True)


def test_a_sealed_value_is_opened_and_an_erased_one_is_said_to_be(place):

    ticket = join(place)
    Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk).update(customer_name="Moussa")

    def change() -> Any:
        return ask(place.owner, place, type="queues_ticket.").json()["results"][0]["changes"][0]

    assert (change()["after"], change()["hidden"]) == ("Moussa", None)
    operations.destroy_person_keys([ticket.pk])
    assert (change()["after"], change()["hidden"]) == (None, "erased")


def test_a_customer_is_not_named(place):
    customer = make_actor(make_user(first_name="Moussa", last_name="Sow"))
    join(place, actor=customer)

    (entry,) = ask(place.owner, place, type="queues.ticket.issued").json()["results"]
    assert entry["actor"] == customer.label
    assert entry["actor_name"] == "A person with an account"
    assert ask(place.owner, place, actor="Moussa").json()["count"] == 0
    assert ask(place.owner, place, text="Moussa").json()["count"] == 0


def test_a_member_who_left_is_still_named(place):

    Membership.objects.with_scopes_disabled().filter(user_id=place.owner.user_id).update(
        role="agent"
    )
    other = make_member(place.organization, Role.OWNER)
    Membership.objects.with_scopes_disabled().filter(user_id=place.owner.user_id).delete()

    entry = ask(other, place, type="business.branch.changed").json()["results"][0]
    assert entry["actor_name"] == "Awa Diop"


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.VIEWER])
@pytest.mark.parametrize("path", [PATH, PATH + "export/"], ids=["list", "export"])
def test_only_owners_read(place, role, path):
    before = DomainEvent.objects.count()
    assert ask(make_member(place.organization, role), place, path).status_code == 404
    assert ask(make_place().owner, place, path).status_code == 404
    assert ask(make_actor(), place, path).status_code == 404
    assert Client().get(path, {"organization": str(place.organization.pk)}).status_code == 401
    assert DomainEvent.objects.filter(type__startswith="audit.").count() == 0
    assert DomainEvent.objects.count() >= before


def test_an_owner_sees_nothing_of_another_organization(place):
    other = make_place()
    business_operations.update_branch(
        actor=other.owner, branch_id=other.branch.pk, changes={"address": "x"}, now=NOW
    )

    assert ask(place.owner, place, subject=str(other.branch.pk)).json()["count"] == 0
    assert ask(place.owner, other).status_code == 404


def test_platform_staff_needs_open_support_access(place):
    admin, other = (make_actor(make_user(is_superuser=True)) for _ in range(2))
    refused = ask(admin, place)
    assert (refused.status_code, refused.json()["code"]) == (403, "support_access_needed")

    opened = open_access(admin, place)

    assert ask(admin, place).status_code == 200
    assert ask(admin, make_place()).status_code == 403
    assert ask(other, place).status_code == 403
    business_operations.close_support_access(actor=admin, access_id=opened.pk, now=NOW)
    assert ask(admin, place).status_code == 403


def test_support_access_that_ran_out_opens_no_journal_nor_its_copy(place):
    admin = make_actor(make_user(is_superuser=True))
    opened = open_access(admin, place)
    assert ask(admin, place, PATH + "export/").status_code == 200

    rows = SupportAccess.objects.with_scopes_disabled().filter(pk=opened.pk)
    rows.update(opened_at=F("opened_at") - HOUR, expires_at=F("opened_at") - HOUR / 2)

    copies = DomainEvent.objects.filter(type__startswith="audit.")
    before = copies.count()
    assert ask(admin, place).status_code == 403
    assert ask(admin, place, PATH + "export/").status_code == 403
    assert copies.count() == before


def open_access(admin, place):
    return business_operations.open_support_access(
        actor=admin,
        organization_id=place.organization.pk,
        reason="The kiosk prints nothing",
        minutes=30,
        now=clock.now(),
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [({"organization": "x"}, "organization"), ({"kind": "y"}, "kind"), ({"since": "z"}, "since")],
    ids=["organization", "kind", "since"],
)
def test_a_wrong_filter_is_named(place, query, field):
    answer = ask(place.owner, place, **query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_filters_reach_the_query(place):
    start = NOW - timedelta(seconds=1)
    query = {"since": start.isoformat(), "until": NOW.isoformat(), "direct": "false"}
    assert ask(place.owner, place, **query).json()["count"] == 0
    query["until"] = (NOW + timedelta(seconds=1)).isoformat()
    assert ask(place.owner, place, **query).json()["count"] > 0


def test_a_page_costs_the_same_for_one_entry_and_for_three(place, django_assert_num_queries):
    tickets = [join(place).pk for _ in range(3)]
    with unit_of_work(place.owner, NOW):
        Ticket.objects.with_scopes_disabled().filter(pk__in=tickets).update(customer_name="Awa")
    client = browser(place.owner)
    query = {"organization": str(place.organization.pk)}
    for size in (1, 3):
        # Cookie, person, memberships; how many, which, their keys, who is staff, their names.
        with django_assert_num_queries(8):
            answer = client.get(PATH, query | {"page_size": size, "type": "queues_ticket."})
        assert len(answer.json()["results"]) == size


def read_csv(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_copy_has_everything_and_is_itself_in_the_journal(place):
    response = ask(place.owner, place, PATH + "export/")

    rows = read_csv(response)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="journal.csv"'
    (row,) = (r for r in rows if r["type"] == "business_branch.update")
    assert (row["who"], row["direct"]) == ("Awa Diop", "")
    assert '"address": "12 rue Vincens"' in row["after"]
    assert DomainEvent.objects.filter(type="audit.journal.exported.v1").count() == 1
    assert len(rows) == ask(place.owner, place).json()["count"]


def test_a_copy_runs_nothing_in_a_spreadsheet(place):
    for sly in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1"):
        assert export._safe(sly) == f"'{sly}"
    assert export._safe("Awa") == "Awa"
    assert export._safe(None) == ""


def test_a_copy_is_read_in_batches(place, monkeypatch):
    monkeypatch.setattr(queries, "EXPORT_BATCH", 2)

    rows = read_csv(ask(place.owner, place, PATH + "export/"))

    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == ask(place.owner, place).json()["count"]
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)


def test_a_copy_says_what_is_hidden(place):

    ticket = join(place)
    Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk).update(customer_name="Moussa")
    operations.destroy_person_keys([ticket.pk])

    (row,) = read_csv(ask(place.owner, place, PATH + "export/", type="queues_ticket."))
    assert row["after"] == '{"customer_name": "(erased)"}'


def test_who_acted_is_told_in_words(place):

    with translation.override("en"):
        told = [
            wording.actor_name(label, {})
            for label in ("ticket:x", "kiosk:x", "system", "database:web", "anonymous", "user:x")
        ]
    assert told == [
        "The holder of a ticket",
        "A kiosk",
        "SmartQueue itself",
        "Database user web",
        "Somebody without an account",
        "A person with an account",
    ]


def test_settings_of_a_queue_are_in_the_journal_although_no_event_tells_them(place):
    queue_operations.update_queue(actor=place.owner, queue_id=place.queue.pk, max_calls=5)

    (entry,) = ask(place.owner, place, type="queues_queue.update").json()["results"]
    assert entry["changes"] == [{"field": "max_calls", "before": 3, "after": 5, "hidden": None}]
    assert entry["actor_name"] == "Awa Diop"


@pytest.mark.parametrize(
    ("table", "column", "value", "text"),
    [
        ("business_branch", "point", "0101", "a place on the map"),
        ("business_branch", "name", None, "\N{EN DASH}"),
        ("business_branch", "created_at", "2026-11-23T09:00:00+00:00", "11/23/2026 9 a.m."),
        ("business_membership", "role", "owner", "Owner"),
        ("queues_queue", "asks_vehicle", True, "yes"),
        ("queues_queue", "asks_vehicle", False, "no"),
        ("queues_queue", "live", {"now": "é"}, '{"now": "é"}'),
        ("queues_countersession", "queue_ids", ["a", "b"], "a, b"),
        ("nowhere", "column", 3, "3"),
        ("accounts_user", "password", queries.SECRET, "kept secret"),
        ("accounts_user", "email", queries.ERASED, "erased"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_values_are_shown_as_people_read_them(table, column, value, text):
    with translation.override("en"):
        assert wording.value_text(table, column, value) == text


def test_rows_are_told_by_what_was_done_to_them():
    with translation.override("en"):
        told = [
            wording.sentence_of(Entry(kind=kind, subject_type="business_branch"))
            for kind in ("insert", "update", "delete")
        ]
        unknown = wording.sentence_of(Entry(kind="event", type="later.thing.done.v2"))
    assert [text.partition(":")[0] for text in told] == [
        "Record added",
        "Record changed",
        "Record deleted",
    ]
    assert unknown == "later.thing.done"
